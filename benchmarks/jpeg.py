"""Removes JPEG artefacts with models and with ffmpeg's filters: gain in luma PSNR at several qualities.

    python benchmarks/jpeg.py --data LIVE1 [--model dejpeg-n]... [--out docs/reference]

LIVE1: a folder of clean pictures. Each is written by OpenCV at a quality (4:2:0) and read back as ``nitido denoise``
reads it, so models get the level of the file's own quantization table; "estimated" models find it out. Filters get
the strength that is best at each quality on every fifth picture. The last column, JPEG 40 then JPEG 80 on another grid,
shows files that were saved twice: their table shows the second quality only.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from pathlib import Path

import click
import cv2
from comparison import ffmpeg
from footage.ffmpeg_clips import ClipFilter

from nitido.frames import Frame
from nitido.images.io import Picture, PictureFile
from nitido.images.restore import restore_picture
from nitido.inference.model import load
from nitido.system.files import write_whole
from nitido_train.data.degrade import compress_at
from nitido_train.evaluation.conditions import read_pictures
from nitido_train.evaluation.metrics import psnr_y

ROOT = Path(__file__).parents[1]
QUALITIES = (10, 20, 30, 40, 60, 75, 85, 95)
CHAIN = "40, then 80"
STRENGTHS = (4, 8, 12, 16, 24, 32, 40)
FILTERS = {"spp": "spp=5:{s}", "fspp": "fspp=5:{s}", "pp7": "pp7={s}", "deblock": "deblock=filter=strong:block=8"}

Restore = Callable[[Picture], Frame]


def read_back(clean: Frame, quality: int) -> Picture:
    _, data = cv2.imencode(".jpg", clean, [cv2.IMWRITE_JPEG_QUALITY, quality])
    with PictureFile(data.tobytes(), "a.jpg") as file:
        return file.decode()


def files_of(clean: Sequence[Frame]) -> dict[str, list[Picture]]:
    """The pictures as JPEG files at each quality, and twice compressed."""
    found = {str(quality): [read_back(frame, quality) for frame in clean] for quality in QUALITIES}
    found[CHAIN] = [read_back(compress_at(frame, 40, 3, 5), 80) for frame in clean]
    return found


def gain(restore: Restore, given: Sequence[Picture], clean: Sequence[Frame]) -> float:
    """Mean gain in dB of luma."""
    pairs = zip(given, clean, strict=True)
    return statistics.fmean(psnr_y(restore(p), c, 0) - psnr_y(p.pixels, c, 0) for p, c in pairs)


def filtered(chain: str, strength: int) -> Restore:
    """A filter of ffmpeg; frames are in 4:4:4, so that its colour is not halved once more."""
    run = ClipFilter(f"format=yuv444p,{chain.format(s=strength)}")
    return lambda picture: run([picture.pixels])[0]


@click.command(context_settings={"show_default": True})
@click.option("--data", type=click.Path(path_type=Path, exists=True), required=True, help="Folder of clean pictures.")
@click.option("--model", "models", multiple=True, default=("dejpeg-n", "dejpeg-s"), help="Name or file.")
@click.option("--out", type=click.Path(path_type=Path), default=ROOT / "docs/reference", help="Folder of the page.")
def main(data: Path, models: tuple[str, ...], out: Path) -> None:
    clean = read_pictures(data)
    files = files_of(clean)
    before = {
        name: statistics.fmean(psnr_y(p.pixels, c, 0) for p, c in zip(given, clean, strict=True))
        for name, given in files.items()
    }
    rows = {"JPEG itself, dB": [f"{value:.2f}" for value in before.values()]}
    for given_name in models:
        with load(given_name, "cpu") as model:
            name = model.card.name
            told = [gain(lambda p, m=model: restore_picture(m, p).pixels, files[q], clean) for q in files]
            found = [gain(lambda p, m=model: m(p.pixels), files[q], clean) for q in files]
        rows[name] = [f"{value:+.2f}" for value in told]
        rows[f"{name}, estimated"] = [f"{value:+.2f}" for value in found]
        print(name, rows[name], rows[f"{name}, estimated"], flush=True)
    for name, chain in FILTERS.items() if ffmpeg.version() else ():
        cells: list[str] = []
        for given in files.values():
            tried = STRENGTHS if "{s}" in chain else (0,)
            best = max(tried, key=lambda s: gain(filtered(chain, s), given[::5], clean[::5]))
            cells.append(f"{gain(filtered(chain, best), given, clean):+.2f}")
        rows[f"ffmpeg {name}"] = cells
        print(name, cells, flush=True)
    lines = [f"| | {' | '.join(files)} |", f"|---|{'--:|' * len(files)}"]
    lines += [f"| {name} | {' | '.join(cells)} |" for name, cells in rows.items()]
    text = (
        "# Benchmarks: JPEG artefacts\n\n"
        f"Made by `python benchmarks/jpeg.py --data {data.name}`, {len(clean)} pictures.\n"
        "Gain in dB of luma PSNR over the JPEG itself, by quality; the last column is saved twice.\n"
        "Models are given the level that the file's own quantization table has, or estimate it. Filters of\n"
        "ffmpeg have the strength that is best at each quality on every fifth picture; their conversion to YUV and\n"
        "back is part of their result.\n\n"
    )
    write_whole(out / "jpeg.md", (text + "\n".join(lines) + "\n").encode())
    print(f"wrote {out / 'jpeg.md'}")


if __name__ == "__main__":
    main()
