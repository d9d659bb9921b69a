"""The main job on real photographs: denoise pictures and a moving clip, enlarge one picture, show the difference.

    python samples/demo.py [OUTPUT FOLDER]

Needs the runtime only. A simulated camera (``nitido_train.data.degrade``) makes the noise, so that the clean picture is
known.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

import nitido
from nitido.frames import Frame
from nitido.images.io import Picture, read_picture, write_picture
from nitido.video.reader import VideoSource
from nitido.video.writer import VideoSink
from nitido_train.data import degrade
from nitido_train.evaluation.metrics import psnr, psnr_y

HERE = Path(__file__).parent
CAMERA = degrade.CameraNoise(shot=0.006, read=0.0002)  # a small sensor at dusk
CLIP = (480, 320)  # width, height
FRAMES = 48


def label(picture: Frame, text: str) -> Frame:
    """The picture with a caption strip above it."""
    strip = np.full((34, picture.shape[1], 3), 24, np.uint8)
    cv2.putText(strip, text, (8, 24), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (240, 240, 240), 1, cv2.LINE_AA)
    return np.vstack([strip, picture])


def pan(picture: Frame) -> Iterator[Frame]:
    """A hand-held look across a photograph: clean frames of size CLIP."""
    width, height = CLIP
    room_x, room_y = picture.shape[1] - width, picture.shape[0] - height
    for i in range(FRAMES):
        phase = 2 * np.pi * i / FRAMES
        x = room_x * (0.5 - 0.5 * np.cos(phase))
        y = room_y * (0.5 - 0.5 * np.cos(2 * phase))
        move = np.array([[1, 0, -x], [0, 1, -y]], np.float32)
        yield np.asarray(cv2.warpAffine(picture, move, CLIP, flags=cv2.INTER_CUBIC), np.uint8)


def main(out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    denoise, upscale = nitido.load("denoise"), nitido.load("upscale")
    rows: list[Frame] = []

    for path in sorted(HERE.glob("*.webp")):
        clean = read_picture(path).pixels
        noisy = degrade.add_camera_noise(clean, CAMERA, rng)
        restored = denoise(noisy)
        before, after = psnr(noisy, clean), psnr(restored, clean)
        print(f"{path.stem:10} noisy {before:5.2f} dB -> nitido {after:5.2f} dB")
        write_picture(out / f"{path.stem}-noisy.png", Picture(noisy))
        write_picture(out / f"{path.stem}-nitido.png", Picture(restored))
        top, left = (clean.shape[0] - 280) // 2, (clean.shape[1] - 400) // 2
        cut = (slice(top, top + 280), slice(left, left + 400))
        shown = zip(
            (noisy, restored, clean), (f"noisy {before:.2f} dB", f"nitido {after:.2f} dB", "clean"), strict=True
        )
        rows.append(np.hstack([label(picture[cut], text) for picture, text in shown]))
    write_picture(out / "comparison.png", Picture(np.vstack(rows)))

    with VideoSink(out / "clip-noisy.mkv", 24) as sink:
        for frame in pan(read_picture(HERE / "coffee.webp").pixels):
            sink.write(degrade.add_camera_noise(frame, CAMERA, rng))
    began = time.perf_counter()
    with VideoSource(out / "clip-noisy.mkv") as source, VideoSink(out / "clip-nitido.mp4", source.fps) as sink:
        for frame in source:
            sink.write(denoise(frame))
    print(f"clip       {sink.frames} frames of {CLIP[0]}x{CLIP[1]} in {time.perf_counter() - began:.1f} s")

    clean = degrade.crop_to_multiple(read_picture(HERE / "astronaut.webp").pixels, 2)
    small = degrade.shrink(clean, 2)
    bicubic, enlarged = degrade.enlarge(small, 2), upscale(small)
    scores = psnr_y(bicubic, clean, 2), psnr_y(enlarged, clean, 2)
    print(f"astronaut  bicubic x2 {scores[0]:5.2f} dB, nitido x2 {scores[1]:5.2f} dB (luma)")
    face = (slice(30, 230), slice(130, 330))
    texts = (f"bicubic {scores[0]:.2f} dB", f"nitido {scores[1]:.2f} dB", "original")
    parts = [
        label(np.repeat(np.repeat(p[face], 2, 0), 2, 1), t)
        for p, t in zip((bicubic, enlarged, clean), texts, strict=True)
    ]
    write_picture(out / "upscale.png", Picture(np.hstack(parts)))
    print(f"look at {out / 'comparison.png'}, {out / 'upscale.png'} and {out / 'clip-nitido.mp4'}")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "demo-out"))
