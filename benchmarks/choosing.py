"""What the choice of ``nitido restore`` gains, and how often it is wrong: docs/reference/choosing.md.

    python benchmarks/choosing.py --data Kodak24 --data CBSD68

Clean pictures get noise as it leaves a camera, of several levels, and are saved without loss or as JPEG. Each is left
as it is, goes through the model against artefacts, that against noise, and both; then as ``nitido restore`` chooses.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import click
import cv2
import numpy as np

from nitido.batch.choosing import Chooser, Need
from nitido.cli.restore import AGAINST_ARTEFACTS, AGAINST_NOISE
from nitido.frames import Frame
from nitido.images.compression import level_of_quality
from nitido.images.picture import Picture
from nitido.images.restore import restore_picture
from nitido.inference.model import load
from nitido.system.files import write_whole
from nitido_train.data.degrade import compress
from nitido_train.data.developed import DevelopedNoise, add_developed_noise
from nitido_train.data.pictures import find_pictures, read_frame
from nitido_train.evaluation.metrics import psnr

ROOT = Path(__file__).parents[1]
LEVELS = 0.0, 2.0, 4.0, 8.0
QUALITIES = None, 95, 80, 50, 20
SIDE = 448  # pixels of the middle that are used
SAME = 50.0  # dB: more counts as much

Row = tuple[float, dict[Need, float], Need]
"""(PSNR of the input, PSNR by what is done, what was chosen)."""


def given(clean: Frame, level: float, quality: int | None, position: int) -> Picture:
    """A clean picture as a file with that noise and compression has it."""
    rng = np.random.default_rng([position, round(10 * level)])
    noise = replace(DevelopedNoise.draw(rng, level=max(level, 0.1)), qualities=())
    noisy = add_developed_noise(clean, noise, rng) if level else clean
    if quality is None:
        return Picture(noisy)
    return Picture(compress(noisy, quality), compression=level_of_quality(quality))


def measure(chooser: Chooser, clean: Frame, picture: Picture) -> Row:
    def score(done: Picture) -> float:
        return min(psnr(clean, done.pixels), SAME)

    without = restore_picture(chooser.model(Need.ARTEFACTS), picture) if picture.compression else picture
    noise = chooser.model(Need.NOISE)
    done = {
        Need.NOTHING: score(picture),
        Need.ARTEFACTS: score(without),
        Need.NOISE: score(restore_picture(noise, picture)),
        Need.BOTH: score(restore_picture(noise, without)),
    }
    return done[Need.NOTHING], done, chooser.need_of(picture)[0]


def table(rows: dict[tuple[float, int | None], list[Row]]) -> list[str]:
    shown = (Need.ARTEFACTS, Need.NOISE, Need.BOTH)
    lines = [
        "| noise | JPEG | input | artefacts | noise | both | as chosen | best of each | chosen: nothing / artefacts / "
        "noise / both |",
        "|--:|--:|--:|--:|--:|--:|--:|--:|---|",
    ]
    for (level, quality), found in rows.items():
        figures = [statistics.fmean(row[0] for row in found)]
        figures += [statistics.fmean(row[1][need] for row in found) for need in shown]
        figures += [statistics.fmean(row[1][row[2]] for row in found)]
        figures += [statistics.fmean(max(row[1].values()) for row in found)]
        counts = " / ".join(str(sum(row[2] is need for row in found)) for need in Need)
        lines.append(f"| {level:g} | {quality or 'no'} | {' | '.join(f'{f:.2f}' for f in figures)} | {counts} |")
    return lines


def frames_of(folders: Sequence[Path]) -> list[Frame]:
    """The middle of each picture."""
    return [middle(frame) for path in find_pictures(folders) if (frame := read_frame(path)) is not None]


def middle(frame: Frame) -> Frame:
    """SIDE×SIDE pixels of it, or as many as there are."""
    top, left = (max(0, (size - SIDE) // 2) for size in frame.shape[:2])
    return np.ascontiguousarray(frame[top : top + SIDE, left : left + SIDE])


@click.command(context_settings={"show_default": True})
@click.option(
    "--data", "folders", type=click.Path(path_type=Path, exists=True), multiple=True, required=True,
    help="Folder of clean pictures; repeatable.",
)  # fmt: skip
@click.option("--every", default=1, help="Use every so many-th picture.")
@click.option("--out", type=click.Path(path_type=Path), default=ROOT / "docs/reference", help="Folder of the page.")
def main(folders: tuple[Path, ...], every: int, out: Path) -> None:
    cv2.setNumThreads(1)
    clean = frames_of(folders)[::every]
    names = {Need.ARTEFACTS: AGAINST_ARTEFACTS, Need.NOISE: AGAINST_NOISE}
    chooser = Chooser(dict.fromkeys(names, ""), lambda need: load(names[need], "cpu"))
    rows: dict[tuple[float, int | None], list[Row]] = {}
    for quality in QUALITIES:
        for level in LEVELS:
            rows[level, quality] = [
                measure(chooser, frame, given(frame, level, quality, position)) for position, frame in enumerate(clean)
            ]
            print(table({(level, quality): rows[level, quality]})[-1], flush=True)
    command = " ".join(f"--data {folder.name}" for folder in folders) + (f" --every {every}" if every > 1 else "")
    text = (
        "# Benchmarks: what a picture needs\n\n"
        f"Made by `python benchmarks/choosing.py {command}`: {len(clean)} pictures, {SIDE}×{SIDE} pixels from the\n"
        "middle of each. `nitido restore` looks at each file and chooses. Noise is that of a developed and smoothed\n"
        "camera picture, its level the standard deviation of luma in 8-bit levels; then the picture is saved as JPEG\n"
        f"of the quality given. PSNR in dB of all colours; more than {SAME:g} counts as {SAME:g}.\n"
        f"`{AGAINST_ARTEFACTS}` is given the file's quality, `{AGAINST_NOISE}` estimates the level. The limits of the\n"
        "choice were set on other pictures, so that little is done in unsure cases: many pictures of these sets have\n"
        "grain of their own, and some were JPEG before, so whatever is removed from them counts as error.\n\n"
        + "\n".join(table(rows)) + "\n"
    )  # fmt: skip
    write_whole(out / "choosing.md", text.encode())


if __name__ == "__main__":
    main()
