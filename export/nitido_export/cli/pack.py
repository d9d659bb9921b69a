"""``nitido pack``: a model file made ready for a kind of device."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

TARGETS = ("ort", "minimal", "c")


@click.command(short_help="Make a model ready for a device.")
@click.argument("model", metavar="FILE")
@click.option("--target", required=True, type=click.Choice(TARGETS), help="What to make; see below.")
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="Folder to write.")
@click.option("--overwrite", is_flag=True, help="Replace a folder that 'nitido pack' wrote.")
@click.option("--frame", type=click.Path(path_type=Path), help="Picture to compare on.  [default: a photograph]")
@click.option(
    "--runs",
    type=click.IntRange(0),
    default=5,
    show_default=True,
    help="Fresh processes for each cold start; 0: do not measure.",
)
def pack(model: str, target: str, output: Path, overwrite: bool, frame: Path | None, runs: int) -> None:
    """Make FILE (a model's name or an .onnx file) ready for a device, in a folder of its own.

    \b
    ort      the model in ONNX Runtime's own format, compared with the .onnx
    minimal  that, and what a minimal build of ONNX Runtime needs to know
    c        a C program with its build file, the model and a frame to try
    """
    from nitido.images.io import read_picture

    pixels = read_picture(frame).pixels if frame else None
    source, worst = write_pack(model, target, output, overwrite=overwrite, frame=pixels)
    click.echo(f"{output}: {', '.join(sorted(path.name for path in output.iterdir()))}")
    if target == "c":
        click.echo(f"next: cmake -S {output} -B {output}/build -DONNXRUNTIME_ROOT=FOLDER; more in {output}/README.md")
        return
    click.echo(f"largest difference from {source.name}: {worst} of 255 levels; the card is in the .ort file too")
    _print_starts([source, output / f"{source.stem}.ort"], runs)
    if target == "minimal":
        click.echo(f"the build itself was not run; its command is in {output}/README.md")


def write_pack(
    name: str, target: str, output: Path, *, overwrite: bool = False, frame: NDArray[np.uint8] | None = None
) -> tuple[Path, int]:
    """Writes the folder ``output``; returns the model file that was packed and the largest difference, in 8-bit
    levels, of what was made of it.

    name: of a model, or an ``.onnx`` file. target: one of ``TARGETS``. overwrite: replace a folder that an earlier
    call wrote. frame: uint8 H×W×3 BGR to compare on, and for the C example to try; default a photograph.

    Raises ``ModelNotFound``, ``CardMismatch`` for a file that is no Nítido model, ``SinkUnavailable`` for a place that
    cannot be written or holds something else, ``ExportError`` when the result does not equal the model. After any of
    them ``output`` is as it was.
    """
    import onnxruntime as ort

    from nitido import __version__
    from nitido.errors import ModelNotFound
    from nitido.inference.model import Model
    from nitido.model_file import zoo
    from nitido_export.pack.c_program import write_c
    from nitido_export.pack.folder import check_target, new_folder
    from nitido_export.pack.minimal_build import write_minimal
    from nitido_export.pack.ort_format import write_ort
    from nitido_export.pack.sample import sample_frame

    if target not in TARGETS:
        raise ValueError(f"target expects one of {', '.join(TARGETS)}, found '{target}'")
    path = zoo.find(name)
    if path.suffix != ".onnx":
        raise ModelNotFound(f"pack expects an .onnx file, found {path}")
    check_target(output, path, overwrite=overwrite)  # before the work, not after it
    source = Model(path, "cpu")
    pixels = sample_frame(source.card) if frame is None else frame
    facts = {"model": source.card.name, "target": target, "nitido": __version__, "onnxruntime": ort.__version__}
    worst = 0
    with new_folder(output, path, facts, overwrite=overwrite) as folder:
        if target == "c":
            write_c(source, folder, pixels)
        else:
            converted = folder / f"{path.stem}.ort"
            worst = write_ort(source, converted, pixels)
            if target == "minimal":
                write_minimal(converted, folder)
    return path, worst


def _print_starts(files: Sequence[Path], runs: int) -> None:
    """Sizes, and cold starts where they are to be measured."""
    from nitido_export.pack.cold_start import HEIGHT, WIDTH, measure

    starts = measure(files, runs) if runs else [None] * len(files)
    for path, start in zip(files, starts, strict=True):
        line = f"{path.name:24} {path.stat().st_size / 1000:7.0f} KB"
        if start:
            line += (
                f"   cold start {1e3 * start.total:5.0f} ms, of which opening {1e3 * start.opening:5.1f} ms "
                f"and the first frame {1e3 * start.first_frame:5.1f} ms"
            )
        click.echo(line)
    if runs:
        click.echo(f"cold start: a fresh Python process to its first {WIDTH}×{HEIGHT} frame, median of {runs}")
