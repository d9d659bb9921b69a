"""How a training begins: fresh, resumed, or from another run's weights; in float or with 8 bits imitated."""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor

from nitido.errors import CheckpointError, RecipeError
from nitido_train import checkpoint as checkpoints
from nitido_train.checkpoint import Checkpoint
from nitido_train.data import PatchStream, PictureStore, to_tensor
from nitido_train.equalize import equalize
from nitido_train.nets.blocks import collapse, space_to_depth
from nitido_train.nets.frame import FrameNet
from nitido_train.quantize import percentile_ranges, quantize_net
from nitido_train.recipe import Recipe

log = logging.getLogger(__name__)

CALIBRATION_BATCHES = 8


@dataclass(frozen=True)
class RunOptions:
    """What belongs to one run on one machine rather than to the recipe. ``start``: a checkpoint whose averaged weights
    are trained on. ``qat``: train it with 8-bit arithmetic imitated. ``checkpoint_minutes``: time between checkpoints.
    ``workers``: processes that prepare patches (0: in the training process). ``accelerator`` and
    ``precision`` as Lightning Fabric names them."""

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
    progress: bool = True


def begin(recipe: Recipe, options: RunOptions) -> Checkpoint:
    """A fresh or resumed state. A run folder that already holds a training is never overwritten unasked."""
    if options.qat:
        if recipe.qat is None:
            raise RecipeError(f"recipe '{recipe.name}' has no [qat] table with a schedule for --qat; add one")
        if options.start is None and not options.resume:
            raise CheckpointError("--qat fine-tunes a trained network: name its run or checkpoint with --from")
        recipe = replace(recipe, schedule=recipe.qat)
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
    if last.exists():
        raise CheckpointError(f"{last} already exists: go on with --resume, or choose another --out")
    try:
        options.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CheckpointError(f"cannot create {options.out}: {error.strerror}; choose another --out") from error
    provenance: dict[str, Any] = {"data": [p.name for p in options.data], "torch": str(torch.__version__)}
    if options.start:
        provenance["from"] = {"name": options.start.recipe.name, "steps": options.start.step}
    return Checkpoint(recipe=recipe, step=0, net={}, ema={}, provenance=provenance)


def first_net(state: Checkpoint, options: RunOptions, store: PictureStore) -> FrameNet:
    """The network before its first step: drawn, or with the weights of ``options.start``. A quantization-aware training
    measures the ranges of activations on its first patches and notes them in ``state``.

    Raises ``CheckpointError`` when the two networks have too little in common.
    """
    if state.step or options.start is None:
        return state.fresh_net().requires_grad_(True)
    if options.start.quantization:
        raise CheckpointError("--from holds a network trained for 8 bits; choose the float one it was made from")
    if not options.qat:
        return _warm_started(state.fresh_net(), state.recipe, options.start)
    if state.recipe.net != options.start.recipe.net:
        raise _other_network(state.recipe, options.start.recipe)
    net = cast(FrameNet, collapse(options.start.averaged_net()))
    stream, size = PatchStream(store, state.recipe), state.recipe.data.batch
    batches = [_given(stream, range(n * size, (n + 1) * size)) for n in range(CALIBRATION_BATCHES)]
    cells = [space_to_depth(batch, net.cell) for batch in batches]
    net.body = equalize(net.body, cells)
    state.quantization = percentile_ranges(net.body, cells)
    return quantize_net(net, state.quantization).requires_grad_(True).train()


def _warm_started(net: FrameNet, recipe: Recipe, start: Checkpoint) -> FrameNet:
    """Takes over every parameter of the same name and shape, so that an upscaler may begin with the body of one of
    another scale."""
    own = net.state_dict()
    shared = {key: value for key, value in start.ema.items() if key in own and own[key].shape == value.shape}
    if len(shared) < len(own) / 2:
        raise _other_network(recipe, start.recipe)
    net.load_state_dict(shared, strict=False)
    log.info("starting with %d of %d tensors of %s", len(shared), len(own), start.recipe.name)
    return net.requires_grad_(True).train()


def _other_network(wanted: Recipe, given: Recipe) -> CheckpointError:
    return CheckpointError(
        f"--from holds {given.net.kind} {given.net.options}, the recipe asks for {wanted.net.kind} "
        f"{wanted.net.options}; choose another checkpoint or recipe"
    )


def _given(stream: PatchStream, indices: range) -> Tensor:
    return to_tensor(torch.stack([torch.from_numpy(stream[i][0]) for i in indices]))  # n 3 h w
