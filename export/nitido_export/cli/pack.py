"""``nitido pack``: prepare a model for a device."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

_CMAKE = "cmake -S {folder} -B {folder}/build -DONNXRUNTIME_ROOT=FOLDER"
# The first step with a program.
_NEXT = {
    "c": _CMAKE,
    "cpp": _CMAKE,
    "python": "python {folder}/nitido_frame.py {folder}/{model} {folder}/frame.png result.png",
    "node": "cd {folder} && npm install --no-save onnxruntime-node@1.30.0",
}


@click.command(short_help="Prepare a model for a device.")
@click.argument("model", metavar="FILE")
@click.option(
    "--target",
    required=True,
    type=click.Choice(["c", "cpp", "python", "node", "plain", "ort", "minimal"]),
    help="What to make; see below.",
)
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="Folder to create.")
@click.option("--overwrite", is_flag=True, help="Replace a folder that 'nitido pack' wrote.")
@click.option(
    "--frame", type=click.Path(path_type=Path), help="Picture to compare the results on.  [default: a photograph]"
)
@click.option(
    "--runs",
    type=click.IntRange(0),
    default=5,
    show_default=True,
    help="Processes started to measure each cold start; 0: do not measure.",
)
def pack(model: str, target: str, output: Path, overwrite: bool, frame: Path | None, runs: int) -> None:
    """Make FILE (a model's name or an .onnx file) ready for a device, in a folder of its own.

    \b
    c        a C program with its build file, the model and a frame to try
    cpp      the same in C++, with a header to copy
    python   a Python program that needs onnxruntime, numpy and OpenCV, but not nitido
    node     a package for Node and browsers, with types, a program and a page
    plain    the .onnx with strength and noise as plain inputs, for bindings without optional ones
    ort      the model in ONNX Runtime's own format, compared with the .onnx
    minimal  that, and what a minimal build of ONNX Runtime needs to know
    """
    from nitido.images.io import read_picture
    from nitido_export.pack.write import write_pack

    pixels = read_picture(frame).pixels if frame else None
    source, worst = write_pack(model, target, output, overwrite=overwrite, frame=pixels)
    click.echo(f"{output}: {', '.join(sorted(path.name for path in output.iterdir()))}")
    if target in _NEXT:
        click.echo(f"next: {_NEXT[target].format(folder=output, model=source.name)}; more in {output}/README.md")
        return
    if target == "plain":
        click.echo(f"largest difference from {source.name}: {worst} of 255 levels; how to call it is in the README")
        return
    click.echo(f"largest difference from {source.name}: {worst} of 255 levels; the card is in the .ort file too")
    _print_starts([source, output / f"{source.stem}.ort"], runs)
    if target == "minimal":
        click.echo(f"the build itself was not run; its command is in {output}/README.md")


def _print_starts(files: Sequence[Path], runs: int) -> None:
    """Prints sizes and, if they are measured, cold starts."""
    from nitido_export.pack.cold_start import HEIGHT, WIDTH, measure_cold_starts

    starts = measure_cold_starts(files, runs) if runs else [None] * len(files)
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
