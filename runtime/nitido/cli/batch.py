"""``nitido denoise``, ``nitido upscale`` and ``nitido run``: models over pictures, folders and videos."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from nitido.cli.batch_command import Wish, carry_out
from nitido.cli.options import device_option, threads_option, together

_FORMATS = ("jpeg", "png", "tiff", "webp", "bmp", "avif")
_HELP = (
    "INPUTS may be mixed. A run that was stopped or killed goes on where it was when started again.\n\n"
    "Exit code 0: all done, 1: some failed or the run ended early, 2: wrong usage, 130: Ctrl-C, 143: SIGTERM."
)


_options = together(
    click.argument("inputs", nargs=-1, required=True, type=click.Path(path_type=Path)),
    click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="File or folder."),
    device_option,
    threads_option,
    click.option("--overwrite", is_flag=True, help="Replace results that exist."),
    click.option("--include", multiple=True, metavar="GLOB", help="Only these files of a folder; repeatable."),
    click.option("--exclude", multiple=True, metavar="GLOB", help="Not these files; repeatable."),
    click.option("--format", "format_", type=click.Choice(_FORMATS), help="Of pictures.  [default: as read]"),
    click.option("--quality", type=click.IntRange(1, 100), help="JPEG, WebP, AVIF.  [default: 95; AVIF 90]"),
    click.option("--lossless", is_flag=True, help="Keep every value: WebP, and no JPEG or AVIF."),
    click.option("--provenance/--no-provenance", default=True, help="Name the model in the file.  [default: on]"),
    click.option("--workers", type=click.IntRange(1), help="Files in work at once.  [default: cores + 2]"),
    click.option("--max-megapixels", type=click.FloatRange(1), default=500, show_default=True, help="Limit."),
    click.option("--report", type=click.Path(path_type=Path, dir_okay=False), help="Write a JSON report here."),
    click.option("--dry-run", is_flag=True, help="List what would be done, and do nothing."),
    click.option("--watch", is_flag=True, help="Go on with files as they arrive, until Ctrl-C."),
    click.option("--poll", type=click.FloatRange(0.05), default=1.0, show_default=True, help="Seconds, --watch."),
    click.option("--engine", type=click.Choice(["local", "ray"]), default="local", show_default=True),
    click.option("--ray-address", metavar="ADDRESS", help="Of a Ray cluster.  [default: RAY_ADDRESS, or here]"),
)

_strength = click.option(
    "--strength", type=click.FloatRange(0, 1), default=1.0, show_default=True, help="0: unchanged, 1: fully restored."
)


@click.command("denoise", help=f"Remove noise from pictures, folders and videos.\n\n{_HELP}")
@_options
@_strength
@click.option("--model", default="denoise", show_default=True, help="Model name or .onnx file.")
def denoise(**given: Any) -> None:
    carry_out(Wish(**given), "denoise")


@click.command("upscale", help=f"Enlarge pictures, folders and videos.\n\n{_HELP}")
@_options
@click.option("--model", default="upscale", show_default=True, help="Model name or .onnx file.")
@click.option("--scale", type=int, default=2, show_default=True, help="Enlargement: 2, 3 or 4.")
def upscale(scale: int, **given: Any) -> None:
    carry_out(Wish(**given), "upscale", scale)


@click.command("run", help=f"Run any image model over pictures, folders and videos.\n\n{_HELP}")
@_options
@_strength
@click.option("--model", required=True, help="Model name or .onnx file.")
def run(**given: Any) -> None:
    carry_out(Wish(**given))
