"""``nitido evaluate``: quality of a model on folders of clean pictures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from nitido.cli.options import FRAME_MODEL
from nitido.wording import count


@click.command(short_help="Measure a model on folders of clean pictures.")
@click.argument("model", type=FRAME_MODEL)
@click.option("--data", "folders", multiple=True, required=True, type=click.Path(path_type=Path), help="Test folder.")
def evaluate(model: str, folders: tuple[Path, ...]) -> None:
    """Measure MODEL (a name or file) by its task's protocol on each --data folder."""
    from nitido.inference.model import load
    from nitido_export.evaluation.frames import evaluate_model

    print_evaluation(evaluate_model(load(model, "cpu"), list(folders)))


def print_evaluation(rows: Sequence[dict[str, Any]]) -> None:
    """A card's rows {set, condition, metric, value, baseline, pictures}, one a line."""
    from nitido_export.publishing.catalogue import with_unit

    for row in rows:
        known = f"without a model {with_unit(row, 'baseline')}, " if row["baseline"] is not None else ""
        click.echo(
            f"{row['set']!s:12} {row['condition']!s:18} {row['metric']!s:7} {with_unit(row, 'value'):>11}   "
            f"({known}{count(row['pictures'], 'picture') if row['pictures'] else 'some pictures'})"
        )
