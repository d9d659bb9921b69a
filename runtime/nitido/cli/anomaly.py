"""``nitido anomaly``: a threshold fitted on good pictures, pictures and cameras checked against it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nitido.cli.anomaly_check import check
from nitido.cli.anomaly_live import live
from nitido.cli.anomaly_options import PATH, model_option
from nitido.cli.anomaly_report import report
from nitido.cli.help import SuggestingGroup
from nitido.cli.options import device_option, threads_option
from nitido.system.process import quiet_stderr
from nitido.wording import count, plural

if TYPE_CHECKING:
    from nitido.frames import Frame


@click.group(cls=SuggestingGroup, short_help="Find what differs from good pictures: fit, check, live, report.")
def anomaly() -> None:
    """Find defects: places where a picture differs from good ones.

    First `nitido anomaly fit GOOD/ --model NAME -o part.onnx`, then `check` for files and `live` for a camera. `report`
    compares the scores of whole sets.
    Exit codes: 0 all good, 3 at least one anomaly, 4 the drift alarm went on, 1 something could not be checked, 2 wrong
    usage.
    """


anomaly.add_command(check)
anomaly.add_command(live)
anomaly.add_command(report)


@anomaly.command("fit", short_help="Fit the threshold on good pictures.")
@click.argument("good", nargs=-1, required=True, type=PATH)
@model_option
@click.option("-o", "--output", required=True, type=PATH, help="The .onnx file to write: the model with a threshold.")
@click.option(
    "--quantile",
    type=click.FloatRange(0.5, 1),
    default=0.99,
    show_default=True,
    help="Share of the good pictures that pass.",
)
@click.option(
    "--margin",
    type=click.FloatRange(0),
    default=0.1,
    show_default=True,
    help="Added to the threshold, as a share of it.",
)
@click.option(
    "--score",
    type=click.Choice(["peak", "mean"]),
    help="What the score is: the highest heat, or that of the whole picture.  [default: peak; autoencoders mean]",
)
@click.option(
    "--blur", type=click.IntRange(1), help="Side in pixels of the box that heat is averaged over; odd.  [default: 3]"
)
@device_option
@threads_option
@click.option("--overwrite", is_flag=True, help="Replace an existing file.")
def fit_model(
    good: tuple[Path, ...],
    model: str,
    output: Path,
    quantile: float,
    margin: float,
    score: str | None,
    blur: int | None,
    device: str,
    threads: int | None,
    overwrite: bool,
) -> None:
    """Fit the threshold of MODEL on the good pictures in GOOD, files or folders, and write it into a copy of the model.

    Take the pictures in the same way as those to check. Do not use pictures that the model was trained on: it returns
    them too well.
    """
    if output.suffix != ".onnx":
        raise click.UsageError(f"-o expects a file name ending in .onnx, found {output}")
    if blur is not None and blur % 2 == 0:
        raise click.UsageError(f"--blur expects an odd number of pixels, found {blur}")

    from nitido.anomaly.check import find_sources, read_source
    from nitido.anomaly.reconstruction import Reconstruction
    from nitido.anomaly.threshold import Measure, fit_threshold, fitted_files, write_fitted
    from nitido.errors import SourceUnavailable
    from nitido.system.files import refuse_existing

    reconstruction = Reconstruction(model, device, threads=threads)
    refuse_existing(fitted_files(reconstruction, output), overwrite=overwrite, choose="another -o")
    usual = Measure.usual(reconstruction)
    measure = Measure(blur or usual.blur, score or usual.pool)
    sources = find_sources(good)
    failed = 0

    def pictures() -> Iterator[Frame]:
        nonlocal failed
        title = f"{reconstruction.card.name} on {reconstruction.device}"
        with click.progressbar(sources, label=title, show_pos=True, file=sys.stderr) as bar:
            for source in bar:
                try:
                    yield read_source(source)
                except SourceUnavailable as error:
                    failed += 1
                    click.echo(f"left out: {error}", err=True)

    with quiet_stderr():
        threshold = fit_threshold(reconstruction, pictures(), measure=measure, quantile=quantile, margin=margin)
    written = write_fitted(reconstruction, threshold, output)
    click.echo(
        f"{' and '.join(map(str, written))}: threshold {threshold.score:.1f} levels, the {quantile:g} quantile of "
        f"{count(threshold.pictures, 'good picture')} (mean {threshold.mean:.1f}, deviation {threshold.std:.1f}) and "
        f"{100 * margin:g} %"
    )
    if threshold.pictures < threshold.enough:
        click.echo(
            f"note: {count(threshold.pictures, 'picture')} {plural(threshold.pictures, 'is')} few for a {quantile:g} "
            f"quantile, so it is their largest score; "
            f"better are {threshold.enough} or more",
            err=True,
        )
    if failed:
        click.echo(
            f"note: {failed} of {count(len(sources), 'file')} could not be read and {plural(failed, 'was')} left out",
            err=True,
        )
