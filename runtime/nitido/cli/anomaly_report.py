"""``nitido anomaly report``: how a model scores its own kind of pictures and others."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nitido.cli.anomaly_options import PATH, model_option
from nitido.cli.options import device_option, threads_option
from nitido.cli.terminal import progress_bar
from nitido.system.process import quiet_stderr

if TYPE_CHECKING:
    from nitido.anomaly.comparison import ScoredSet


@click.command("report", short_help="Compare the scores of sets of pictures.")
@click.argument("sets", nargs=-1, type=PATH)
@model_option
@click.option("--good", multiple=True, type=PATH, help="Pictures that are as they should be; repeatable.")
@click.option("--bad", multiple=True, type=PATH, help="Pictures with an anomaly; repeatable.")
@click.option("-o", "--output", type=PATH, help="Picture of the scores, with examples of each set.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object with all scores.")
@device_option
@threads_option
@click.option("--overwrite", is_flag=True, help="Replace a file that exists.")
def report(
    sets: tuple[Path, ...],
    model: str,
    good: tuple[Path, ...],
    bad: tuple[Path, ...],
    output: Path | None,
    as_json: bool,
    device: str,
    threads: int | None,
    overwrite: bool,
) -> None:
    """Compare how MODEL scores several SETS of pictures, each a folder or a file.

    With --good and --bad the AUROC says how well the score separates them: 1 always, 0.5 by chance. Other sets are
    compared with the good ones, or without these with the first set. A threshold is not needed.
    Exit code 0: all done, 1: some pictures could not be read, 2: wrong usage.
    """
    from nitido.anomaly import comparison
    from nitido.anomaly.check import find_sources
    from nitido.anomaly.reconstruction import Reconstruction
    from nitido.anomaly.sheet import draw_sheet
    from nitido.images.io import Picture, format_of, write_picture
    from nitido.system.files import refuse_existing

    named = [(path, role) for role, paths in (("good", good), ("other", sets), ("bad", bad)) for path in paths]
    if not named:
        raise click.UsageError("expected folders of pictures: nitido anomaly report --model M --good DIR --bad DIR")
    if output:
        format_of(output)
        refuse_existing([output], overwrite=overwrite)
    files = [(path, role, find_sources([path])) for path, role in named]
    reconstruction = Reconstruction(model, device, threads=threads)
    measure, threshold = comparison.measure_of(reconstruction)
    scored: list[ScoredSet] = []
    title = f"{reconstruction.card.name} on {reconstruction.device}"
    with quiet_stderr(), progress_bar(title, sum(len(found) for _, _, found in files)) as done:
        for path, role, found in files:
            scored.append(comparison.score_set(reconstruction, measure, found, str(path), role, done))
    for _, reason in (failure for s in scored for failure in s.failed):
        click.echo(f"failed: {reason}", err=True)
    result = {"model": reconstruction.card.name, **comparison.as_json(scored, measure, threshold)}
    if as_json:
        click.echo(json.dumps(result, ensure_ascii=False))
    else:
        click.echo("\n".join(comparison.as_lines(result)))
    if output and any(len(s.scores) for s in scored):
        write_picture(output, Picture(draw_sheet(scored, threshold.score if threshold else None)))
        click.echo(f"sheet -> {output}", err=True)
    if any(s.failed for s in scored):
        raise SystemExit(1)
