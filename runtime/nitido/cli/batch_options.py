"""The options of ``nitido denoise``, ``nitido upscale`` and ``nitido run``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import click

from nitido.cli.options import codec_option, device_option, threads_option, together, verbosity_options

STANDARD_STREAM = Path("-")


@dataclass(frozen=True)
class BatchOptions:
    """The values of the command line; fields have the names of its options."""

    inputs: tuple[Path, ...]
    output: Path
    model: str
    device: str
    threads: int | None
    overwrite: bool
    include: tuple[str, ...]
    exclude: tuple[str, ...]
    workers: int | None
    format_: str | None
    quality: int | None
    codec: str | None
    deinterlace: bool
    tone_map: bool
    lossless: bool
    provenance: bool
    preserve_times: bool
    max_megapixels: float
    report: Path | None
    dry_run: bool
    watch: bool
    poll: float
    engine: str
    ray_address: str | None
    quiet: bool
    verbose: bool
    as_json: bool
    strength: float = 1.0
    noise: float | None = None
    calibration: Path | None = None
    temporal: bool = False
    dejpeg: int | None = None


FORMATS = ("jpeg", "png", "tiff", "webp", "bmp", "ppm", "pgm", "avif", "heic", "jxl")
HELP = (
    "INPUTS may be mixed. - is standard input, -o - standard output, for one picture. A run that was stopped or killed "
    "continues where it stopped when it is started again.\n\n"
    "Exit code 0: all done, 1: some failed or the run ended early, 2: wrong usage, 130: Ctrl-C, 143: SIGTERM."
)


batch_options = together(
    click.argument("inputs", nargs=-1, required=True, type=click.Path(path_type=Path)),
    click.option(
        "-o",
        "--output",
        required=True,
        type=click.Path(path_type=Path),
        help="File or folder for the results; - is standard output.",
    ),
    device_option,
    threads_option,
    click.option("--overwrite", is_flag=True, help="Replace existing results."),
    click.option(
        "--include", multiple=True, metavar="GLOB", help="Process only files of a folder that match; repeatable."
    ),
    click.option("--exclude", multiple=True, metavar="GLOB", help="Leave out files that match; repeatable."),
    click.option(
        "--format",
        "format_",
        type=click.Choice(FORMATS),
        help="Image format of the results.  [default: as read; png for -o -]",
    ),
    click.option(
        "--quality",
        type=click.IntRange(1, 100),
        help="Quality of JPEG, WebP, AVIF, HEIC, JPEG XL and video results.  "
        "[default: 95 JPEG and WebP, 85 video, else 90]",
    ),
    codec_option,
    click.option(
        "--deinterlace/--no-deinterlace", default=True, help="Make interlaced videos progressive.  [default: on]"
    ),
    click.option("--tone-map", is_flag=True, help="Map HDR videos to SDR."),
    click.option(
        "--lossless", is_flag=True, help="Write WebP and JPEG XL without loss. JPEG, AVIF and HEIC results are errors."
    ),
    click.option(
        "--provenance/--no-provenance",
        default=True,
        help="Write the name of the model into each result.  [default: on]",
    ),
    click.option("--preserve-times", is_flag=True, help="Give results the time and permissions of their source."),
    click.option(
        "--workers",
        type=click.IntRange(1),
        help="Number of files processed at the same time.  [default: usable CPUs + 2]",
    ),
    click.option(
        "--max-megapixels",
        type=click.FloatRange(1),
        default=500,
        show_default=True,
        help="Largest picture that is accepted, in megapixels.",
    ),
    click.option("--report", type=click.Path(path_type=Path, dir_okay=False), help="Write a JSON report to this file."),
    click.option("--dry-run", is_flag=True, help="List what would be done, and do nothing."),
    click.option("--watch", is_flag=True, help="Keep running and process files as they arrive, until Ctrl-C."),
    click.option(
        "--poll",
        type=click.FloatRange(0.05),
        default=1.0,
        show_default=True,
        help="Polling interval of --watch, in seconds.",
    ),
    click.option(
        "--engine",
        type=click.Choice(["local", "ray"]),
        default="local",
        show_default=True,
        help="Where files are processed: on this machine, or on a Ray cluster.",
    ),
    click.option(
        "--ray-address", metavar="ADDRESS", help="Address of the Ray cluster.  [default: RAY_ADDRESS, or here]"
    ),
    verbosity_options("Show a line for each file as it is done."),
    click.option(
        "--json", "as_json", is_flag=True, help="Print one JSON object per line for each file, then a summary."
    ),
)

strength_option = click.option(
    "--strength",
    type=click.FloatRange(0, 1),
    default=1.0,
    show_default=True,
    help="How much is restored. 0: unchanged, 1: fully restored.",
)

temporal_option = click.option(
    "--temporal",
    is_flag=True,
    help="Videos: restore each frame with those before and after it. About six times slower.",
)
