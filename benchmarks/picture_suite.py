"""A folder of pictures through ``nitido denoise --strength 0``, compared with what Pillow decodes.

    python benchmarks/picture_suite.py FOLDER [--work WORK] [--model denoise-n]

With strength 0 a result holds the picture of its source. Every source that Pillow opens is compared with its result,
both decoded by Pillow, upright, as 8-bit colours with alpha; colours under alpha 0 do not count. Listed are the sources
that failed with the reason, those that only one of the two can read, and the results that differ: by more than a level
where their format keeps every value, else by more than ``--allowed`` levels on average.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from nitido.batch.plan import named
from nitido.images.io import SUFFIXES

EXACT = frozenset({".png", ".tif", ".tiff", ".bmp", ".ppm", ".pgm", ".pnm"})


def decoded(path: Path) -> NDArray[np.uint8]:
    """uint8 H×W×4, the first picture of the file as Pillow shows it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with Image.open(path) as opened:
            opened.load()
            image = ImageOps.exif_transpose(opened)
    if image.mode.startswith("I;16") or image.mode == "I":
        values: Any = np.asarray(image).astype(np.int64)
        alpha = np.where(values == image.info.get("transparency"), 0, 255)
        values = np.clip((values * 255 + 32767) // 65535, 0, 255)
        return np.dstack([values, values, values, alpha]).astype(np.uint8)
    return np.asarray(image.convert("RGBA"), np.uint8)


def difference(source: NDArray[np.uint8], result: NDArray[np.uint8]) -> tuple[int, float]:
    """(largest, mean) of two pictures in levels; colours count by how far they are seen."""
    values = [picture.astype(np.float32) for picture in (source, result)]
    for picture in values:
        picture[:, :, :3] *= picture[:, :, 3:] / 255
    apart = np.abs(values[0] - values[1])
    return int(apart.max()), float(apart.mean())


def compare(source: Path, result: Path, allowed: float) -> str:
    """What is different, for people; empty when nothing is."""
    try:
        before = decoded(source)
    except Exception as error:  # whatever a broken file makes Pillow raise
        return f"done, Pillow cannot read the source ({str(error) or type(error).__name__})"
    try:
        after = decoded(result)
    except Exception as error:
        return f"Pillow cannot read the result ({error})"
    if before.shape != after.shape:
        return f"size {before.shape[1]}×{before.shape[0]} became {after.shape[1]}×{after.shape[0]}"
    largest, mean = difference(before, after)
    wrong = largest > 1 if result.suffix.lower() in EXACT else mean > allowed
    return f"differs, at most {largest} and on average {mean:.2f} levels" if wrong else ""


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--work", type=click.Path(path_type=Path), help="Folder for the results.  [default: a temporary one]")
@click.option("--model", default="denoise-n", show_default=True, help="A model with --strength.")
@click.option(
    "--allowed", type=float, default=3.0, show_default=True, help="Mean difference of lossy formats, in levels."
)
def main(folder: Path, work: Path | None, model: str, allowed: float) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        out = (work or Path(scratch)) / "results"
        report = out.parent / "report.json"
        start = "from nitido.cli.main import main; main()"
        command = [sys.executable, "-c", start, "denoise", str(folder), "-o", str(out), "--strength", "0"]
        run = subprocess.run(
            [*command, "--model", model, "--report", str(report)], capture_output=True, text=True, check=False
        )
        if not report.is_file():
            raise click.ClickException(run.stderr.strip() or "nitido ended without a report")
        counts, lines = _listed(json.loads(report.read_text("utf-8")), folder, out, allowed)
    for line in sorted(lines):
        print(line)
    print(", ".join(f"{count} {what}" for what, count in counts.most_common()))


def _listed(report: dict[str, Any], folder: Path, out: Path, allowed: float) -> tuple[Counter[str], list[str]]:
    counts: Counter[str] = Counter()
    lines: list[str] = []
    failed = {Path(entry["source"]): entry["reason"] for entry in report["failed"]}
    notes = {Path(entry["source"]): entry["note"] for entry in report["notes"]}
    for source in sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file()):
        name, note = source.relative_to(folder), f" (note: {notes[source]})" if source in notes else ""
        if source in failed:
            try:
                decoded(source)
                what = "failed, Pillow reads it"
            except Exception:
                what = "failed, as in Pillow"
            lines.append(f"{what}: {name}: {failed[source]}")
        elif words := compare(source, named(out / name, None), allowed):
            what = words.split(",")[0].split(" (")[0]
            lines.append(f"{name}: {words}{note}")
        else:
            what = "alike"
        counts[what] += 1
    return counts, lines


if __name__ == "__main__":
    main()
