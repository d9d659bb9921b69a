"""``nitido report``: draws the report of a training again, or compares several trainings on one page."""

from __future__ import annotations

import logging
from pathlib import Path

import click

PATH = click.Path(path_type=Path)


@click.command(short_help="Draw the report of a training again, or compare several.")
@click.argument("runs", nargs=-1, required=True, type=PATH)
@click.option("-o", "--output", type=PATH, help="Page to write, for several runs.")
@click.option("--data", multiple=True, type=PATH, help="Training data.  [default: the original place]")
@click.option("--val", multiple=True, type=PATH, help="Validation data.  [default: the original place]")
@click.option("--device", default="cpu", show_default=True, help="cpu or cuda.")
@click.option("--threads", type=int, help="CPU threads.  [default: all]")
def report(
    runs: tuple[Path, ...],
    output: Path | None,
    data: tuple[Path, ...],
    val: tuple[Path, ...],
    device: str,
    threads: int | None,
) -> None:
    """Write RUN/report.html with the figures of the run's best checkpoint, or for several RUNs one page that compares
    them: scores, curves and, for autoencoders of the same data, reconstruction errors compared with PCA by latent size.
    """
    if len(runs) > 1 and output is None:
        raise click.UsageError("several runs are compared on one page: name it with -o comparison.html")
    if len(runs) == 1 and output is not None:
        raise click.UsageError(f"the report of one run is written into its folder, {runs[0]}; leave out -o")

    import torch

    from nitido.errors import SourceUnavailable
    from nitido_train.reports.run import write_report
    from nitido_train.reports.run_folder import objective_of, read_run

    logging.basicConfig(format="%(message)s", level=logging.INFO)
    if threads:
        torch.set_num_threads(threads)
    if len(runs) == 1:
        run = read_run(runs[0])
        try:
            objective = objective_of(run, data, val)
        except SourceUnavailable as error:
            if data:
                raise
            click.echo(f"the data is missing: {error}; name its place with --data", err=True)
            objective = None
        write_report(run, objective, torch.device(device))
        click.echo(f"{runs[0] / 'report.html'}")
        return

    from nitido.errors import CheckpointError
    from nitido_train.reports.comparison import Compared, write_comparison

    compared = []
    for folder in runs:
        run = read_run(folder)
        if run.best is None:
            raise CheckpointError(f"{folder} was not validated yet; continue its training before you compare it")
        compared.append(Compared(run, objective_of(run, data, val)))
    assert output is not None
    for row in write_comparison(output, compared, torch.device(device)):
        click.echo("  ".join(f"{cell:>10}" for cell in row).rstrip())
    click.echo(f"{output}")
