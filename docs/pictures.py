"""Makes the pictures of README.md and of the gallery from the photographs in samples/.

    python docs/pictures.py

Needs the runtime only. ``docs/assets/strip.jpg``: before above, after below; left to right noise, JPEG artefacts and
small size. ``docs/assets/gallery``: before | after.
"""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np

import nitido
from nitido.frames import Frame
from nitido.images.encode import Encoding
from nitido.images.io import Picture, read_picture, write_picture

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "train"))
from nitido_train.data import degrade  # noqa: E402  it needs no torch, but lies in another folder

ASSETS = ROOT / "docs" / "assets"
CAMERA = degrade.CameraNoise(shot=0.012, read=0.0004)  # a small sensor at night
HEIGHT, WIDTH = 280, 400
GAP = 6


def noisy(clean: Frame) -> Frame:
    """A photograph as a small camera takes it at night."""
    return degrade.add_camera_noise(clean, CAMERA, np.random.default_rng(0))


def compressed(clean: Frame) -> Frame:
    """A photograph as a JPEG of quality 15."""
    ok, data = cv2.imencode(".jpg", clean, [cv2.IMWRITE_JPEG_QUALITY, 15])
    assert ok
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)


def cut(picture: Frame, top: int, left: int) -> Frame:
    return picture[top : top + HEIGHT, left : left + WIDTH]


def beside(*parts: Frame) -> Frame:
    """Pictures of one size next to each other, with a white gap."""
    gap = np.full((parts[0].shape[0], GAP, 3), 255, np.uint8)
    return np.hstack([piece for part in parts for piece in (gap, part)][1:])


def pairs() -> dict[str, tuple[Frame, Frame]]:
    """(before, after) of each kind of work, by name."""
    photo = {path.stem: read_picture(path).pixels for path in (ROOT / "samples").glob("*.webp")}
    denoise, dejpeg = nitido.load("denoise-camera-s", "cpu"), nitido.load("dejpeg-s", "cpu")
    result: dict[str, tuple[Frame, Frame]] = {}
    for name, top, left in (("coffee", 60, 110), ("rocket", 60, 130)):
        given = noisy(photo[name])
        result[f"noise-{name}"] = cut(given, top, left), cut(denoise(given), top, left)
    given = compressed(photo["chelsea"])
    result["jpeg-chelsea"] = cut(given, 10, 30), cut(dejpeg(given), 10, 30)
    for scale, name in ((2, "upscale-x2-photo"), (4, "upscale-x4-photo")):
        clean = degrade.crop_to_multiple(photo["astronaut"], scale)
        small = np.asarray(cv2.resize(clean, None, fx=1 / scale, fy=1 / scale, interpolation=cv2.INTER_AREA), np.uint8)
        plain = degrade.enlarge(small, scale)  # bicubic, as a viewer shows it
        result[f"x{scale}-astronaut"] = cut(plain, 10, 90), cut(nitido.load(name, "cpu")(small), 10, 90)
    return result


def main() -> None:
    (ASSETS / "gallery").mkdir(parents=True, exist_ok=True)
    found = pairs()
    for name, (before, after) in found.items():
        write_picture(ASSETS / "gallery" / f"{name}.webp", Picture(beside(before, after)), Encoding(quality=85))
    columns = [found[name] for name in ("noise-coffee", "jpeg-chelsea", "x4-astronaut")]
    rows = [beside(*(pair[row] for pair in columns)) for row in (0, 1)]
    gap = np.full((GAP, rows[0].shape[1], 3), 255, np.uint8)
    write_picture(ASSETS / "strip.jpg", Picture(np.vstack([rows[0], gap, rows[1]])), Encoding(quality=88))


if __name__ == "__main__":
    main()
