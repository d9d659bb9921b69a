"""How a training begins: fresh, resumed, or from another run's weights; in float or with 8 bits imitated."""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, cast

import torch
from torch import nn

from nitido.errors import CheckpointError, RecipeError
from nitido_train import checkpoint as checkpoints
from nitido_train.checkpoint import Checkpoint
from nitido_train.nets.frame import FrameNet
from nitido_train.nets.grow import grow, is_larger
from nitido_train.recipe import Recipe

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RunOptions:
    """What belongs to one run on one machine rather than to the recipe. ``start``: a checkpoint whose averaged weights
    are trained on. ``qat``: train it with 8-bit arithmetic imitated. ``checkpoint_minutes``: time between checkpoints.
    ``workers``: processes that prepare patches (0: in the training process). ``accelerator`` and
    ``precision`` as Lightning Fabric names them. ``devices``: processes that share each batch (on one machine; under
    torchrun, whose environment decides, any number)."""

    out: Path
    data: tuple[Path, ...]
    val: tuple[Path, ...] = ()
    resume: bool = False
    start: Checkpoint | None = None
    qat: bool = False
    checkpoint_minutes: float = 5.0
    workers: int = 1
    accelerator: str = "auto"
    precision: str = "32-true"
    devices: int = 1
    progress: bool = True


def scheduled(recipe: Recipe, options: RunOptions) -> Recipe:
    """The recipe with the schedule that this run follows. Raises ``RecipeError``, ``CheckpointError``."""
    if not options.qat:
        return recipe
    if recipe.qat is None:
        raise RecipeError(f"recipe '{recipe.name}' has no [qat] table with a schedule for --qat; add one")
    if options.start is None and not options.resume:
        raise CheckpointError("--qat fine-tunes a trained network: name its run or checkpoint with --from")
    return replace(recipe, schedule=recipe.qat)


def claim(options: RunOptions) -> None:
    """Makes the run folder. One that already holds a training is never overwritten unasked. Raises
    ``CheckpointError``."""
    last = options.out / "last.pt"
    if options.resume:
        if not last.is_file():
            raise CheckpointError(f"no such checkpoint: {last}; start without --resume")
        return
    if last.exists():
        raise CheckpointError(f"{last} already exists: go on with --resume, or choose another --out")
    try:
        options.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CheckpointError(f"cannot create {options.out}: {error.strerror}; choose another --out") from error


def begin(recipe: Recipe, options: RunOptions) -> Checkpoint:
    """A fresh or resumed state. Raises ``CheckpointError``."""
    last = options.out / "last.pt"
    if options.resume:
        state = checkpoints.load(last)
        # The schedules may be lengthened; anything else would be another training.
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
            state.data = f"not stated; begun with a network that was trained on {options.start.data}"
    return state


def first_weights(state: Checkpoint, options: RunOptions) -> nn.Module:
    """A float network before its first step: drawn, or with the weights of ``options.start``. Raises
    ``CheckpointError``."""
    net = state.fresh_net()
    if state.step or options.start is None:
        return net.requires_grad_(True)
    return warm_started(net, state.recipe, options.start)


def refuse_qat(options: RunOptions) -> None:
    """Raises ``RecipeError`` when 8 bits are asked of a network that has no such form."""
    if options.qat:
        raise RecipeError("--qat is for networks from frame to frame; an autoencoder has no 8-bit form yet")


def warm_started(net: nn.Module, recipe: Recipe, start: Checkpoint) -> nn.Module:
    """Grows out of a smaller network of the same grid. From any other it takes over every parameter of the same name
    and shape, so that an upscaler may begin with the body of one of another scale. Raises ``CheckpointError`` when that
    is less than half of them."""
    smaller = start.averaged_net()
    if is_larger(net, smaller):
        grow(cast(FrameNet, net), cast(FrameNet, smaller))
        log.info("growing out of %s, %s", start.recipe.name, start.recipe.net.options)
        return net.requires_grad_(True).train()
    own = net.state_dict()
    shared = {key: value for key, value in start.ema.items() if key in own and own[key].shape == value.shape}
    if len(shared) < len(own) / 2:
        raise other_network(recipe, start.recipe)
    net.load_state_dict(shared, strict=False)
    log.info("starting with %d of %d tensors of %s", len(shared), len(own), start.recipe.name)
    return net.requires_grad_(True).train()


def other_network(wanted: Recipe, given: Recipe) -> CheckpointError:
    return CheckpointError(
        f"--from holds {given.net.kind} {given.net.options}, the recipe asks for {wanted.net.kind} "
        f"{wanted.net.options}; choose another checkpoint or recipe"
    )
