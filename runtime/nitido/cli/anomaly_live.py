"""``nitido anomaly live``: a camera, stream, clip or pipe watched for anomalies."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nitido.cli.anomaly_options import DRIFTED, FOUND, drift_options, model_option, open_drift
from nitido.cli.options import device_option, threads_option
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
from nitido.system.process import stop_on_signal
from nitido.system.service import Service
from nitido.wording import count

if TYPE_CHECKING:
    from nitido.anomaly.stage import Sighting


@click.command("live", short_help="Watch a camera, stream, clip or pipe.")
@ends_options
@model_option
@click.option(
    "--steady",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Frames in a row that must agree before the verdict changes.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per line for each inspected frame.")
@click.option(
    "--changes", is_flag=True, help="With --json: only frames at which the verdict or the drift alarm changes."
)
@click.option("--until-anomaly", is_flag=True, help="End the run at the first anomaly.")
@drift_options(30, "inspected frames")
@frames_options
@device_option
@threads_option
@click.option("--overwrite", is_flag=True, help="Replace an existing video file.")
@snapshots_option
def live(
    source: str,
    sink: str,
    model: str,
    steady: int,
    as_json: bool,
    changes: bool,
    until_anomaly: bool,
    drift: bool,
    drift_window: int,
    drift_every: int,
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

    The newest frame is inspected, as fast as the machine can, always at full size: a threshold is valid only for the
    size it was fitted on. Text output shows when the verdict changes; --json shows every frame. Ctrl-C ends the run.
    Exit codes: 0 all good,
    3 at least one anomaly (after --steady frames), 4 the drift alarm went on.
    """
    if sink == "-" and as_json:
        raise click.UsageError("--sink - writes frames to stdout, where --json would go; choose another sink")

    import json

    from nitido.anomaly.report import as_row, drift_line, line
    from nitido.live.state import Controls

    controls, began, alarms = Controls(), time.monotonic(), 0

    def show(sighting: Sighting) -> None:
        nonlocal alarms
        alarms += sighting.changed and sighting.anomalous
        if sighting.changed and sighting.anomalous and until_anomaly:
            controls.stop()
        row = {"frame": sighting.index, "seconds": round(time.monotonic() - began, 3)} | as_row(sighting.inspection)
        if as_json and (sighting.changed or sighting.drift_changed or not changes):
            row["steady"] = "anomaly" if sighting.anomalous else "ok"
            click.echo(json.dumps(row | ({"drift": sighting.drift and sighting.drift.as_row()} if drift else {})))
        elif sighting.changed and not as_json:
            click.echo(f"{row['seconds']:9.2f} s  {line(row | {'file': f'frame {sighting.index}'})}", err=sink == "-")
        if sighting.drift and sighting.drift_changed and not as_json:
            shown = drift_line(sighting.drift, f"frame {sighting.index}")
            click.echo(f"{row['seconds']:9.2f} s  {shown}", err=sink == "-")

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
        inspector = open_inspector(model, device, threads=threads)
        test = open_drift(inspector, drift, drift_window, drift_every)
        stage = InspectionStage(inspector, show, steady=steady, drift=test)
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
        if test:
            click.echo(test.summary(), err=True)
    if test and test.alarms:
        raise SystemExit(DRIFTED)
    if alarms:
        raise SystemExit(FOUND)
