"""Shared by the commands of ``nitido anomaly``: the model option, exit codes, the drift alarm."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nitido.cli.options import RECONSTRUCTING_MODEL, Command, together

if TYPE_CHECKING:
    from nitido.anomaly.drift import DriftTest
    from nitido.anomaly.inspector import Inspector

FOUND = 3  # exit code: at least one anomaly
DRIFTED = 4  # exit code: the drift alarm went on
PATH = click.Path(path_type=Path)

model_option = click.option("--model", type=RECONSTRUCTING_MODEL, required=True, help="Model name or .onnx file.")


def drift_options(every: int, what: str) -> Callable[[Command], Command]:
    """``--drift`` and its options. every: default of ``--drift-every``. what: the things that are counted, such as
    pictures."""
    return together(
        click.option(
            "--drift", is_flag=True, help="Raise an alarm when scores differ from those of the fitting; exit code 4."
        ),
        click.option(
            "--drift-window",
            type=click.IntRange(10, 200),
            default=50,
            show_default=True,
            help="Number of latest scores that --drift compares.",
        ),
        click.option(
            "--drift-every",
            type=click.IntRange(1),
            default=every,
            show_default=True,
            help=f"--drift uses one of every so many {what}.",
        ),
    )


def open_drift(inspector: Inspector, wanted: bool, window: int, every: int) -> DriftTest | None:
    """The drift test of a model, if it was requested. Raises ``CardMismatch`` when the model's scores at fitting are
    missing or too few."""
    from nitido.anomaly.drift import DriftTest

    if not wanted:
        return None
    origin = str(inspector.reconstruction.path)
    return DriftTest(inspector.threshold.scores, window=window, every=every, origin=origin)
