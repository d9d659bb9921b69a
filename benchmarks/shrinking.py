"""Enlarges pictures that were shrunk in several ways, with models and with cubic and Lanczos interpolation: luma PSNR.

    python benchmarks/shrinking.py --data eval/Set5 [--data eval/Set14]... [--scale 2]... [--out docs/reference]

The upscalers for pictures as they are found learnt the first five ways, and JPEG of one or two passes after them. They
have not seen the two ways that are marked: the kernel of Mitchell and Netravali ("Reconstruction Filters in Computer
Graphics", SIGGRAPH 1988; B = C = 1/3), after a first shrinking to 0.83 of the size and an offset of a quarter of a
pixel; and areas, a slight unsharp mask as web sites add it, JPEG 60, then JPEG 85 on another grid.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import click
import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nitido.frames import Frame
from nitido.inference.model import load
from nitido.system.files import write_whole
from nitido_train.data.degrade import compress, compress_at, crop_to_multiple, enlarge
from nitido_train.data.shrinking import KERNELS, shrink_by
from nitido_train.evaluation.conditions import read_pictures
from nitido_train.evaluation.metrics import psnr_y

ROOT = Path(__file__).parents[1]
MODELS = {
    2: ("upscale-x2-photo", "upscale-x2-photo-n", "upscale-x2-m", "upscale-x2-n"),
    3: ("upscale-x3-n",),
    4: ("upscale-x4-photo", "upscale-x4-m", "upscale-x4-n"),
}
FIRST = 0.83
OFFSET = 0.25

Shrink = Callable[[Frame, int], Frame]
Enlarge = Callable[[Frame], Frame]


def mitchell(distance: NDArray[np.float64]) -> NDArray[np.float64]:
    """The kernel of Mitchell and Netravali with B = C = 1/3."""
    x = np.abs(distance)
    near = (7 * x**3 - 12 * x**2 + 16 / 3) / 6
    far = (-7 / 3 * x**3 + 12 * x**2 - 20 * x + 32 / 3) / 6
    return np.where(x < 1, near, np.where(x < 2, far, 0.0))


def shrink_axis(values: NDArray[np.float64], size: int, offset: float) -> NDArray[np.float64]:
    """The first axis in ``size`` samples, by a kernel that is widened; ``offset`` is in pixels of the input."""
    given = len(values)
    ratio = given / size
    centres = (np.arange(size) + 0.5) * ratio - 0.5 + offset
    weights = mitchell((np.arange(given)[None, :] - centres[:, None]) / ratio)
    weights /= weights.sum(1, keepdims=True)
    return np.asarray(np.tensordot(weights, values, 1), np.float64)


def shrink_by_mitchell(frame: Frame, height: int, width: int, offset: float) -> Frame:
    rows = shrink_axis(frame.astype(np.float64), height, offset)
    both = shrink_axis(rows.swapaxes(0, 1), width, offset).swapaxes(0, 1)
    return np.clip(np.rint(both), 0, 255).astype(np.uint8)


def twice_by_mitchell(frame: Frame, scale: int) -> Frame:
    """Shrunk twice, first with an offset and then with its opposite, so that the result lies over the frame."""
    height, width = frame.shape[:2]
    first = shrink_by_mitchell(frame, round(height * FIRST), round(width * FIRST), OFFSET)
    return shrink_by_mitchell(first, height // scale, width // scale, -OFFSET * FIRST)


def published_on_the_web(frame: Frame, scale: int) -> Frame:
    small = KERNELS["area"](frame, frame.shape[1] // scale, frame.shape[0] // scale)
    soft = cv2.GaussianBlur(small, (0, 0), 0.8)
    sharp = np.asarray(cv2.addWeighted(small, 1.4, soft, -0.4, 0), np.uint8)
    return compress(compress_at(sharp, 60, 3, 5), 85)


def ways() -> dict[str, Shrink]:
    """How pictures are shrunk, by the name in the table."""
    found: dict[str, Shrink] = {name: lambda frame, scale, name=name: shrink_by(name, frame, scale) for name in KERNELS}
    found["area, JPEG 75"] = lambda frame, scale: shrink_by("area", frame, scale, 75)
    found["Mitchell, twice (not learnt)"] = twice_by_mitchell
    found["sharpened, JPEG 60, then 85 (not learnt)"] = published_on_the_web
    return found


def lanczos(scale: int) -> Enlarge:
    def enlarged(frame: Frame) -> Frame:
        size = frame.shape[1] * scale, frame.shape[0] * scale
        return np.asarray(Image.fromarray(frame).resize(size, Image.Resampling.LANCZOS))

    return enlarged


def mean_psnr(run: Enlarge, pairs: Sequence[tuple[Frame, Frame]], scale: int) -> float:
    """pairs: (shrunk, clean) frames."""
    return statistics.fmean(psnr_y(run(small), clean, scale) for small, clean in pairs)


def measure(clean: Mapping[str, Sequence[Frame]], scale: int) -> list[str]:
    """Lines of a table: a row for each way and set, a column for each method."""
    shrunk = {
        (way, name): [(shrink(frame, scale), frame) for frame in (crop_to_multiple(f, scale) for f in frames)]
        for way, shrink in ways().items()
        for name, frames in clean.items()
    }
    columns: dict[str, dict[tuple[str, str], float]] = {}
    plain: dict[str, Enlarge] = {"cubic": lambda frame: enlarge(frame, scale), "Lanczos": lanczos(scale)}
    for title, run in plain.items():
        columns[title] = {key: mean_psnr(run, pairs, scale) for key, pairs in shrunk.items()}
    for title in MODELS[scale]:
        with load(title, "cpu") as model:
            columns[title] = {key: mean_psnr(model, pairs, scale) for key, pairs in shrunk.items()}
        print(f"×{scale}: {title}", flush=True)
    lines = [f"| shrunk by | set | {' | '.join(columns)} |", f"|---|---|{'--:|' * len(columns)}"]
    for way, name in shrunk:
        cells = " | ".join(f"{column[way, name]:.2f}" for column in columns.values())
        lines.append(f"| {way} | {name} | {cells} |")
    return lines


@click.command(context_settings={"show_default": True})
@click.option(
    "--data", "folders", type=click.Path(path_type=Path, exists=True), multiple=True, required=True,
    help="Folder of clean pictures; repeatable.",
)  # fmt: skip
@click.option(
    "--scale", "scales", type=click.Choice([str(scale) for scale in MODELS]), multiple=True, default=("2", "4")
)
@click.option("--out", type=click.Path(path_type=Path), default=ROOT / "docs/reference", help="Folder of the page.")
def main(folders: tuple[Path, ...], scales: tuple[str, ...], out: Path) -> None:
    clean = {folder.name: read_pictures(folder) for folder in folders}
    sets = ", ".join(f"{name} ({len(frames)} pictures)" for name, frames in clean.items())
    command = " ".join(f"--data {name}" for name in clean)
    text = (
        "# Benchmarks: pictures shrunk in several ways\n\n"
        f"Made by `python benchmarks/shrinking.py {command}`. {sets}.\n"
        "PSNR of luma in dB, without as many pixels on each side as the scale. The two marked ways were kept out\n"
        "of all training: shrunk to 0.83 and then the rest of the way by the kernel of Mitchell and Netravali, with\n"
        "an offset of a quarter of a pixel and back; and shrunk by areas, sharpened, saved as JPEG 60, then\n"
        "as JPEG 85 on another grid.\n"
    )
    for scale in map(int, scales):
        text += f"\n## ×{scale}\n\n" + "\n".join(measure(clean, scale)) + "\n"
    write_whole(out / "shrinking.md", text.encode())
    print(f"wrote {out / 'shrinking.md'}")


if __name__ == "__main__":
    main()
