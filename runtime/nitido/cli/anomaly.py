"""``nitido anomaly``: a threshold fitted on good pictures, pictures and cameras checked against it."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nitido.cli.help import SuggestingGroup
from nitido.cli.options import RECONSTRUCTING_MODEL, device_option, threads_option
from nitido.cli.streams import (
    ends_options,
    expect_frames,
    frames_options,
    open_frames,
    refuse_live,
    refuse_own_source,
    snapshots_option,
    telling,
)
from nitido.cli.terminal import messages, status_line
from nitido.system.process import quiet_stderr, stop_on_signal
from nitido.system.service import Service
from nitido.wording import count, plural

if TYPE_CHECKING:
    from nitido.anomaly.stage import Sighting
    from nitido.frames import Frame

FOUND = 3  # exit code: at least one anomaly

_model = click.option("--model", type=RECONSTRUCTING_MODEL, required=True, help="Model name or .onnx file.")
_PATH = click.Path(path_type=Path)


@click.group(cls=SuggestingGroup, short_help="Find what is not as in good pictures: fit, check, live.")
def anomaly() -> None:
    """Find what is not as in good pictures.

    First `nitido anomaly fit GOOD/ --model NAME -o part.onnx`, then `check` for files and `live` for a camera.
    Exit codes: 0 all good, 3 at least one anomaly, 1 something could not be checked, 2 wrong usage.
    """


@anomaly.command("fit", short_help="Fit the threshold on good pictures.")
@click.argument("good", nargs=-1, required=True, type=_PATH)
@_model
@click.option("-o", "--output", required=True, type=_PATH, help="The .onnx file to write: the model with a threshold.")
@click.option(
    "--quantile", type=click.FloatRange(0.5, 1), default=0.99, show_default=True, help="Share of good ones let through."
)
@click.option("--margin", type=click.FloatRange(0), default=0.1, show_default=True, help="Added, as a share.")
@click.option("--score", type=click.Choice(["peak", "mean"]), help="Of the heat.  [default: peak; autoencoders mean]")
@click.option("--blur", type=click.IntRange(1), help="Side of the box that heat is taken over, odd.  [default: 3]")
@device_option
@threads_option
@click.option("--overwrite", is_flag=True, help="Replace a file that exists.")
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

    The pictures should be taken as those to check will be, and be none that the model was trained on: those it gives
    back too well.
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


@anomaly.command("check", short_help="Check pictures.")
@click.argument("sources", nargs=-1, required=True, type=_PATH)
@_model
@click.option("-o", "--output", type=_PATH, help="Folder for pictures with their heat on them.")
@click.option("--anomalies-only", is_flag=True, help="Heat maps of anomalies only.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per picture and line, as they come.")
@click.option("--csv", "table", type=click.Path(path_type=Path, dir_okay=False), help="Also write a table here.")
@device_option
@threads_option
@click.option("--overwrite", is_flag=True, help="Replace heat maps and tables that exist.")
def check(
    sources: tuple[Path, ...],
    model: str,
    output: Path | None,
    anomalies_only: bool,
    as_json: bool,
    table: Path | None,
    device: str,
    threads: int | None,
    overwrite: bool,
) -> None:
    """Check SOURCES, picture files or folders, against the threshold in MODEL; see `nitido anomaly fit`.

    One line per picture: verdict, score, file, and for anomalies the boxes of the hottest places (x,y width×height).
    Exit codes: 0 all good, 3 at least one anomaly, 1 a picture that could not be checked.
    """
    import json

    from nitido.anomaly.check import check_files, find_sources, plan_heatmaps
    from nitido.anomaly.inspector import open_inspector
    from nitido.anomaly.report import as_csv, line
    from nitido.batch.plan import PlanMismatch
    from nitido.system.files import refuse_existing, write_whole

    try:
        jobs = plan_heatmaps(sources, output) if output else []
    except PlanMismatch as error:
        raise click.UsageError(str(error)) from error
    files = [job.source for job in jobs] if output else find_sources(sources)
    inspector = open_inspector(model, device, threads=threads)
    refuse_existing([*(job.target for job in jobs), *([table] if table else [])], overwrite=overwrite)
    rows: list[dict[str, Any]] = []
    threshold, odd = inspector.threshold, None
    with quiet_stderr(), stop_on_signal() as stop:
        heatmaps = {job.source: job for job in jobs}
        for row in check_files(inspector, files, heatmaps, anomalies_only=anomalies_only, stopping=stop.is_set):
            size = row.pop("size", None)
            odd = odd or (None if size is None or threshold.fits(inspector.reconstruction, size) else size)
            rows.append(row)
            if as_json:
                click.echo(json.dumps(row, ensure_ascii=False))
            else:
                click.echo(line(row), err=row["verdict"] == "failed")
    if table:
        write_whole(table, as_csv(rows))
    counts = {verdict: sum(row["verdict"] == verdict for row in rows) for verdict in ("ok", "anomaly", "failed")}
    click.echo(
        f"{count(len(rows), 'picture')}: {counts['ok']} ok, {count(counts['anomaly'], 'anomaly')}, "
        f"{counts['failed']} failed; threshold {threshold.score:.1f} "
        f"({inspector.reconstruction.card.name} on {inspector.reconstruction.device})",
        err=True,
    )
    if odd:
        expected = f"{threshold.size[1]}×{threshold.size[0]}"
        click.echo(
            f"note: there were pictures of {odd[1]}×{odd[0]} pixels, and the threshold is from {expected}", err=True
        )
    if stop.is_set():
        left = len(files) - len(rows)
        click.echo(f"Interrupted: {count(left, 'picture')} {plural(left, 'was')} not checked", err=True)
        raise SystemExit(128 + stop.signal)
    if counts["failed"]:
        raise SystemExit(1)
    if counts["anomaly"]:
        raise SystemExit(FOUND)


@anomaly.command("live", short_help="Watch a camera, stream, clip or pipe.")
@ends_options
@_model
@click.option("--steady", type=click.IntRange(1), default=1, show_default=True, help="Frames that must agree.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per inspected frame and line.")
@click.option("--changes", is_flag=True, help="With --json: only frames at which the verdict changes.")
@click.option("--until-anomaly", is_flag=True, help="End at the first anomaly.")
@frames_options
@device_option
@threads_option
@click.option("--overwrite", is_flag=True, help="Replace a video file that exists.")
@snapshots_option
def watch(
    source: str,
    sink: str,
    model: str,
    steady: int,
    as_json: bool,
    changes: bool,
    until_anomaly: bool,
    every_frame: bool,
    size: tuple[int, int] | None,
    rate: float | None,
    pixel_format: str | None,
    device: str,
    threads: int | None,
    overwrite: bool,
    snapshots: Path | None,
) -> None:
    """Watch a camera, stream, clip or pipe, each frame shown with its heat on it.

    The newest frame is inspected, as fast as the machine can, always at full size: a threshold holds for the size it
    was fitted on. Text tells when the verdict changes; --json every frame. Ctrl-C ends the run. Exit codes: 0 all good,
    3 at least one anomaly (after --steady frames).
    """
    if sink == "-" and as_json:
        raise click.UsageError("--sink - writes frames to stdout, where --json would go; choose another sink")

    import json

    from nitido.anomaly.report import as_row, line
    from nitido.live.state import Controls

    controls, began, alarms = Controls(), time.monotonic(), 0

    def show(sighting: Sighting) -> None:
        nonlocal alarms
        alarms += sighting.changed and sighting.anomalous
        if sighting.changed and sighting.anomalous and until_anomaly:
            controls.stop()
        row = {"frame": sighting.index, "seconds": round(time.monotonic() - began, 3)} | as_row(sighting.inspection)
        if as_json and (sighting.changed or not changes):
            click.echo(json.dumps(row | {"steady": "anomaly" if sighting.anomalous else "ok"}))
        elif sighting.changed and not as_json:
            click.echo(f"{row['seconds']:9.2f} s  {line(row | {'file': f'frame {sighting.index}'})}", err=sink == "-")

    with (
        messages(),
        stop_on_signal(hangup=True, second="interrupt", asked=controls.stop),
        Service() as service,
    ):
        from nitido.anomaly.inspector import open_inspector
        from nitido.anomaly.stage import InspectionStage
        from nitido.live.loop import run_stage
        from nitido.live.sinks import open_sink

        refuse_own_source(source, sink)
        stage = InspectionStage(open_inspector(model, device, threads=threads), show, steady=steady)
        with open_frames(source, size=size, rate=rate, pixel_format=pixel_format, controls=controls) as frames:
            if every_frame:
                refuse_live(frames, source)
            with open_sink(sink, fps=frames.fps, overwrite=overwrite, snapshots=snapshots) as out:
                click.echo(f"{stage.name} on {stage.device}: {source} -> {sink}", err=True)
                report = run_stage(
                    frames,
                    stage,
                    out,
                    every_frame=every_frame,
                    controls=controls,
                    progress=telling(service, status_line()),
                    alive=service.alive,
                )
                service.ending()
            expect_frames(report, source, controls)
        click.echo(
            f"{count(stage.seen, 'frame')} inspected, {count(stage.anomalies, 'anomaly')} among them; {report.line()}",
            err=True,
        )
    if alarms:
        raise SystemExit(FOUND)
