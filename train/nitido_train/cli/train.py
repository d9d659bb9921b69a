"""``nitido train``: train a recipe."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from nitido_train.checkpoint import Checkpoint


def parse_overrides(_context: click.Context, _parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, object]:
    import tomllib

    parsed: dict[str, object] = {}
    for text in values:
        key, separator, value = text.partition("=")
        if not separator:
            raise click.BadParameter(f"expected key=value, such as schedule.steps=1000; found '{text}'")
        try:
            parsed[key.strip()] = tomllib.loads(f"v = {value}")["v"]
        except tomllib.TOMLDecodeError:
            parsed[key.strip()] = value.strip()
    return parsed


@click.command(short_help="Train a model on folders of pictures.")
@click.argument("recipe", required=False)
@click.option(
    "--data",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Folder of pictures or videos, digit files or a font; repeatable.",
)
@click.option(
    "--val", multiple=True, type=click.Path(path_type=Path), help="Data for validation, of the same kinds; repeatable."
)
@click.option("--out", type=click.Path(path_type=Path), help="Run folder for checkpoints and logs.")
@click.option("--resume", is_flag=True, help="Continue from the last checkpoint of the run folder.")
@click.option(
    "--from",
    "start",
    type=click.Path(path_type=Path),
    help="Run, checkpoint or shipped model to start from.",
)
@click.option("--qat", is_flag=True, help="Fine-tune --from for 8-bit arithmetic, by the recipe's [qat] schedule.")
@click.option(
    "--calibration",
    type=click.Path(path_type=Path, dir_okay=False),
    help="A camera's noise, as 'nitido calibrate' measured it, for two thirds of the patches.",
)
@click.option(
    "--set",
    "overrides",
    multiple=True,
    callback=parse_overrides,
    help="Change an entry of the recipe, such as schedule.steps=1000; repeatable.",
)
@click.option("--list", "list_recipes", is_flag=True, help="List the recipes that come with Nítido.")
@click.option(
    "--checkpoint-minutes",
    type=click.FloatRange(min=0),
    default=5.0,
    show_default=True,
    help="Minutes between checkpoints.",
)
@click.option(
    "--workers", type=click.IntRange(min=0), default=1, show_default=True, help="Processes that prepare patches."
)
@click.option(
    "--threads",
    type=click.IntRange(min=1),
    help="CPU threads of the training process.  [default: the available cores minus --workers]",
)
@click.option("--accelerator", default="auto", show_default=True, help="auto, cpu or cuda.")
@click.option(
    "--devices",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Processes (or GPUs) that share each batch.",
)
@click.option("--precision", default="32-true", show_default=True, help="32-true, bf16-mixed or 16-mixed.")
def train(
    recipe: str | None,
    data: tuple[Path, ...],
    val: tuple[Path, ...],
    out: Path | None,
    resume: bool,
    start: Path | None,
    qat: bool,
    calibration: Path | None,
    overrides: dict[str, object],
    list_recipes: bool,
    checkpoint_minutes: float,
    workers: int,
    threads: int | None,
    accelerator: str,
    devices: int,
    precision: str,
) -> None:
    """Train RECIPE (a name from --list, or a .toml file) on the pictures in the --data folders.

    Ctrl-C and SIGTERM stop after the current step and keep a checkpoint; --resume continues from there.
    """
    from nitido_train.recipe.files import load_recipe, recipe_names

    if list_recipes:
        for name in recipe_names():
            click.echo(f"{name:22} {load_recipe(name).summary}")
        return
    if recipe is None or not data or out is None:
        raise click.UsageError("expected: nitido train RECIPE --data FOLDER --out RUN (recipes: nitido train --list)")
    if calibration is not None:
        overrides = _for_camera(calibration) | overrides
    loaded = load_recipe(recipe, overrides)

    import torch
    from torch import distributed

    from nitido.errors import NitidoError
    from nitido.system.process import leave_library_behind
    from nitido_train.checkpoint import load_checkpoint
    from nitido_train.objectives.options import RunOptions
    from nitido_train.training.loop import train as run
    from nitido_train.training.processes import is_first_process
    from nitido_train.training.threads import default_threads

    logging.basicConfig(format="%(message)s", level=logging.INFO if is_first_process() else logging.ERROR)
    workers = min(workers, os.cpu_count() or 1)
    threads = threads or default_threads(workers if loaded.task != "autoencode" else 0, devices)
    if threads:
        torch.set_num_threads(threads)
    try:
        result = run(
            loaded,
            RunOptions(
                out=out,
                data=data,
                val=val,
                resume=resume,
                start=load_checkpoint(start) if start else None,
                qat=qat,
                checkpoint_minutes=checkpoint_minutes,
                workers=workers,
                accelerator=accelerator,
                precision=precision,
                devices=devices,
            ),
        )
    except NitidoError:
        if is_first_process():
            raise
        raise SystemExit(1) from None  # only the first process prints it
    finally:
        if distributed.is_available() and distributed.is_initialized():
            # Closing the connection may wait for a process that has ended. If it is left open, this process sometimes
            # ends with "terminate called without an active exception".
            leave_library_behind()
    if is_first_process():
        _print_result(result, loaded.name, out)


def _for_camera(path: Path) -> dict[str, object]:
    """The recipe's entries for a calibration. Raises ``NitidoError`` for another kind of file."""
    from nitido.calibration.calibration import load_calibration

    paired = 0.25 if load_calibration(path).pairs else 0.0
    # A third of the patches keeps the recipe's noise, so that the network stays good for other cameras.
    return {
        "noise.calibration": str(path.resolve()),
        "noise.measured": 0.65 - paired,
        "noise.paired": paired,
    }


def _print_result(result: Checkpoint, name: str, out: Path) -> None:
    schedule = result.recipe.schedule
    score = f"best validation {result.best:.2f}" if result.history else "not validated yet"
    click.echo(f"{result.step} of {schedule.steps} steps, {score}, in {out}")
    if result.step < schedule.steps:
        click.echo("to continue: the same command with --resume")
    # For 'nitido sample': the latents of the training data.
    prior = " --prior DATA" if result.recipe.task == "autoencode" and result.recipe.net.kind != "melody-vae" else ""
    click.echo(f"next: nitido export {out} -o {name}.onnx{prior}")
