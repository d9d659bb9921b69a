"""``nitido calibrate``: measure the noise of a camera."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nitido.cli.streams import open_frames, pixel_format_option, size_option
from nitido.cli.terminal import messages
from nitido.system.process import stop_on_signal

if TYPE_CHECKING:
    from nitido.calibration.calibration import Calibration


@click.command(short_help="Measure the noise of a camera.")
@click.argument("source")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="Calibration file, such as mycam.json; a plot is written next to it.",
)
@click.option(
    "--seconds",
    type=click.FloatRange(0, min_open=True),
    default=60.0,
    show_default=True,
    help="Seconds of a camera or stream to measure.",
)
@size_option
@pixel_format_option
@click.option(
    "--keep-frames",
    is_flag=True,
    help="Keep frames of a camera or clip with their means in a folder next to the calibration, to train on them.",
)
@click.option("--overwrite", is_flag=True, help="Replace an existing calibration.")
def calibrate(
    source: str,
    output: Path,
    seconds: float,
    size: tuple[int, int] | None,
    pixel_format: str | None,
    keep_frames: bool,
    overwrite: bool,
) -> None:
    """Measure the noise of SOURCE: a camera, stream, clip, or folder of pictures of one scene.

    Point the camera at something that stands still and has dark and bright parts. Use the exposure and gain
    that you will use later. Ctrl-C ends the measurement early, with what was seen so far.

    A folder may hold pairs of pictures instead, NAME_real and NAME_mean: a noisy one and the mean of many.
    """
    from nitido.calibration.calibration import save_calibration
    from nitido.calibration.pairs import MEAN_OF
    from nitido.calibration.plot import plot_svg
    from nitido.errors import SourceUnavailable
    from nitido.system.files import refuse_existing, replacing_folder, write_whole

    plot, folder = output.with_suffix(".svg"), output.with_suffix(".frames")
    if output.suffix.lower() != ".json":
        raise click.UsageError(f"-o expects a name ending in .json, found {output}")
    refuse_existing((output, plot, *([folder] if keep_frames else [])), overwrite=overwrite, choose="another -o")
    with messages("WARNING"):
        if keep_frames:
            if Path(source).is_dir():
                raise click.UsageError("--keep-frames is for cameras and clips; a folder has its pictures already")
            with replacing_folder(folder) as partial:
                found = _measured(source, seconds, size, pixel_format, partial)
                if not any(partial.iterdir()):
                    raise SourceUnavailable(f"{source}: --keep-frames expects at least {MEAN_OF + 1} frames")
            found = replace(found, pairs=folder.name)
        else:
            found = _measured(source, seconds, size, pixel_format)
    save_calibration(found, output)
    write_whole(plot, plot_svg(found).encode())
    low, high = min(found.deviation), max(found.deviation)
    click.echo(f"noise level {found.level:.2f} ({low:.2f} to {high:.2f} by brightness), ", nl=False)
    click.echo(f"{found.frames} frames of {found.size[0]}×{found.size[1]}")
    if found.steady > 0.1:
        click.echo(f"{100 * found.steady:.0f} % of it stays from frame to frame, as after video compression")
    click.echo(f"{output} and {plot.name}; use it with: nitido live --calibration {output}")


def _measured(
    source: str,
    seconds: float,
    size: tuple[int, int] | None,
    pixel_format: str | None,
    kept: Path | None = None,
) -> Calibration:
    """kept: folder for pairs of frames and means."""
    from nitido.calibration.frames import measure_frames, measure_pairs, read_frames
    from nitido.calibration.pairs import find_pairs, keep_pairs
    from nitido.errors import SourceUnavailable
    from nitido.images.io import SUFFIXES
    from nitido.live.state import Controls
    from nitido.system.search import find_files

    if Path(source).is_dir():
        paths = find_files([Path(source)], SUFFIXES)
        if not paths:
            raise SourceUnavailable(f"no pictures in {source}")
        if pairs := find_pairs(paths):
            return measure_pairs(zip(*(read_frames(side) for side in zip(*pairs, strict=True)), strict=True), source)
        return measure_frames(read_frames(paths), source)
    controls = Controls()
    with (
        stop_on_signal(asked=controls.stop, second="interrupt"),
        open_frames(source, size=size, rate=None, pixel_format=pixel_format, controls=controls) as frames,
    ):
        watched = keep_pairs(frames, kept) if kept else frames
        return measure_frames(
            watched, source, seconds=seconds if frames.live else None, stopping=lambda: controls.stopping
        )
