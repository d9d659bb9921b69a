"""``nitido anomaly check``: picture files against a fitted threshold."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nitido.cli.anomaly_options import DRIFTED, FOUND, PATH, drift_options, model_option, open_drift
from nitido.cli.options import device_option, threads_option
from nitido.system.process import quiet_stderr, stop_on_signal
from nitido.wording import count, plural

if TYPE_CHECKING:
    from nitido.anomaly.drift import DriftTest


@click.command("check", short_help="Check pictures.")
@click.argument("sources", nargs=-1, required=True, type=PATH)
@model_option
@click.option("-o", "--output", type=PATH, help="Folder for pictures with their heat drawn on them.")
@click.option("--anomalies-only", is_flag=True, help="Write heat maps of anomalies only.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per line for each picture.")
@click.option("--csv", "table", type=click.Path(path_type=Path, dir_okay=False), help="Also write a table here.")
@drift_options(1, "pictures")
@device_option
@threads_option
@click.option("--overwrite", is_flag=True, help="Replace existing heat maps and tables.")
def check(
    sources: tuple[Path, ...],
    model: str,
    output: Path | None,
    anomalies_only: bool,
    as_json: bool,
    table: Path | None,
    drift: bool,
    drift_window: int,
    drift_every: int,
    device: str,
    threads: int | None,
    overwrite: bool,
) -> None:
    """Check SOURCES, picture files or folders, against the threshold in MODEL; see `nitido anomaly fit`.

    One line per picture: verdict, score, file, and for anomalies the boxes of the hottest places (x,y width×height).
    With --drift the scores, in the order of the files, are compared with those of the fitting.
    Exit codes: 0 all good, 3 at least one anomaly, 4 the drift alarm went on, 1 a picture that could not be checked.
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
    test = open_drift(inspector, drift, drift_window, drift_every)
    refuse_existing([*(job.target for job in jobs), *([table] if table else [])], overwrite=overwrite)
    rows: list[dict[str, Any]] = []
    threshold, odd = inspector.threshold, None
    with quiet_stderr(), stop_on_signal() as stop:
        heatmaps = {job.source: job for job in jobs}
        for row in check_files(inspector, files, heatmaps, anomalies_only=anomalies_only, stopping=stop.is_set):
            size = row.pop("size", None)
            odd = odd or (None if size is None or threshold.fits(inspector.reconstruction, size) else size)
            if test:
                if row["verdict"] != "failed":
                    _feed(test, row, as_json)
                row["drift"] = test.drift.as_row() if test.drift else None
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
    if test:
        click.echo(test.summary(), err=True)
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
    if test and test.alarms:
        raise SystemExit(DRIFTED)
    if counts["anomaly"]:
        raise SystemExit(FOUND)


def _feed(test: DriftTest, row: dict[str, Any], as_json: bool) -> None:
    """Gives a score to the drift test and shows when its alarm goes on or off."""
    from nitido.anomaly.report import drift_line

    before = test.alarm
    test.add(row["score"])
    if test.drift and test.alarm != before and not as_json:
        click.echo(drift_line(test.drift, row["file"]))
