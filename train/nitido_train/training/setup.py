"""Prepares a training: its recipe, its run folder, and a new or resumed state."""

from __future__ import annotations

import logging
from dataclasses import asdict, replace
from typing import Any

import torch
from torch import nn

from nitido.errors import CheckpointError, RecipeError
from nitido_train.checkpoint import Checkpoint, load_checkpoint
from nitido_train.finite import ADVICE, first_not_finite
from nitido_train.nets.latent import KINDS
from nitido_train.nets.latent_sizes import fitting_sizes, picture_cell
from nitido_train.objectives.objective import Objective
from nitido_train.objectives.options import RunOptions
from nitido_train.recipe.schema import Recipe
from nitido_train.reports.run_folder import changes_of_data
from nitido_train.training.processes import is_first_process

log = logging.getLogger(__name__)


def effective_recipe(recipe: Recipe, options: RunOptions) -> Recipe:
    """The recipe with the schedule of this run: its own or that of --qat. Raises ``RecipeError``,
    ``CheckpointError``."""
    recipe = recipe_of_fitting_sizes(recipe)
    if not options.qat:
        return recipe
    if recipe.qat is None:
        raise RecipeError(f"recipe '{recipe.name}' has no [qat] table with a schedule for --qat; add one")
    if options.start is None and not options.resume:
        raise CheckpointError("--qat fine-tunes a trained network: name its run or checkpoint with --from")
    return replace(recipe, schedule=recipe.qat)


def recipe_of_fitting_sizes(recipe: Recipe) -> Recipe:
    """The recipe with the height and width of an autoencoder's pictures rounded to a size that its network can take.
    Logs a line if one is rounded."""
    if recipe.net.kind not in KINDS:
        return recipe
    wanted = recipe.net.options
    options = fitting_sizes(wanted)
    changed = [f"{name} {wanted[name]} to {options[name]}" for name in options if options[name] != wanted[name]]
    if not changed:
        return recipe
    if is_first_process():
        log.info("rounded %s: sides of the pictures are multiples of %d", " and ".join(changed), picture_cell(wanted))
    return replace(recipe, net=replace(recipe.net, options=options))


def prepare_folder(options: RunOptions) -> None:
    """Creates the run folder. Raises ``CheckpointError`` when it already contains a training that is not resumed."""
    last = options.out / "last.pt"
    if options.resume:
        if not last.is_file():
            raise CheckpointError(f"no such checkpoint: {last}; start without --resume")
        return
    if last.exists():
        raise CheckpointError(f"{last} already exists: continue with --resume, or choose another --out")
    try:
        options.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CheckpointError(f"cannot create {options.out}: {error.strerror}; choose another --out") from error


def initial_state(recipe: Recipe, options: RunOptions) -> Checkpoint:
    """A new or resumed state. Raises ``CheckpointError``."""
    last = options.out / "last.pt"
    if options.resume:
        state = load_checkpoint(last)
        # Schedules may be extended. Any other difference would make it another training.
        if replace(state.recipe, schedule=recipe.schedule, qat=recipe.qat) != recipe:
            old, new = asdict(state.recipe), asdict(recipe)
            changed = ", ".join(k for k in new if k not in ("schedule", "qat") and new[k] != old[k])
            raise CheckpointError(
                f"{last} was trained with another recipe (differs in: {changed}); resume with the same one or choose "
                "another --out"
            )
        state.recipe = recipe
        return state
    provenance: dict[str, Any] = {"data": [p.name for p in options.data], "torch": str(torch.__version__)}
    state = Checkpoint(recipe=recipe, step=0, net={}, ema={}, provenance=provenance)
    if options.start:
        provenance["from"] = {"name": options.start.recipe.name, "steps": options.start.step}
        state.licence = options.start.licence
        if options.start.data:
            state.data = f"not stated; started from a network that was trained on {options.start.data}"
    return state


def restore(state: Checkpoint, net: nn.Module, averaged: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    """Puts the state of a resumed training into its networks and its optimizer. Raises ``CheckpointError``."""
    broken = first_not_finite(state.net) or first_not_finite(state.ema)
    if broken:
        raise CheckpointError(
            f"the checkpoint at step {state.step} has weights that are not finite ({broken}): the training had "
            f"diverged; {ADVICE}"
        )
    try:
        net.load_state_dict(state.net)
        averaged.load_state_dict(state.ema)
        optimizer.load_state_dict(state.optimizer)
    except (RuntimeError, ValueError, KeyError) as error:
        reason = str(error).partition("\n")[0]
        raise CheckpointError(f"the checkpoint at step {state.step} does not fit this training: {reason}") from error


def say_data(objective: Objective, options: RunOptions) -> None:
    """Logs the data of a training, and the differences of a resumed run from the earlier one."""
    if not is_first_process():
        return
    log.info("%s", objective.summary)
    log.info("%s", objective.validation_note)
    changes = changes_of_data(options, objective.summary) if options.resume else None
    if changes:
        log.warning("resuming with different data than before (%s): the run no longer has one set of data", changes)
