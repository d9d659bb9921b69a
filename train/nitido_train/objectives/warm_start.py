"""Initial weights of a network: random, from a trained network, or grown from a smaller network."""

from __future__ import annotations

import logging
from typing import cast

from torch import nn

from nitido.errors import CheckpointError
from nitido_train.checkpoint import Checkpoint
from nitido_train.nets.frame import FrameNet
from nitido_train.nets.grow import grow, is_larger
from nitido_train.nets.thin import thinned
from nitido_train.objectives.options import RunOptions
from nitido_train.recipe.schema import Recipe

log = logging.getLogger(__name__)


def first_weights(state: Checkpoint, options: RunOptions) -> nn.Module:
    """A float network before its first step: random weights, or those of ``options.start``. Raises
    ``CheckpointError``."""
    net = state.fresh_net()
    if state.step or options.start is None:
        return net.requires_grad_(True)
    return warm_started(net, state.recipe, options.start)


def warm_started(net: nn.Module, recipe: Recipe, start: Checkpoint) -> nn.Module:
    """The network with the weights of another one. It grows from a smaller network on the same grid.

    From any other network it takes every parameter of the same name and shape; thin layers get the best approximation
    of wide ones. So an upscaler can start from the body of an upscaler of another scale. Raises ``CheckpointError``
    when fewer than half of the parameters fit.
    """
    smaller = start.averaged_net()
    if is_larger(net, smaller):
        grow(cast(FrameNet, net), cast(FrameNet, smaller))
        log.info("growing from %s, %s", start.recipe.name, start.recipe.net.options)
        return net.requires_grad_(True).train()
    own = net.state_dict()
    given = thinned(net, start.ema)
    shared = {key: value for key, value in given.items() if key in own and own[key].shape == value.shape}
    if len(shared) < len(own) / 2:
        raise other_network(recipe, start.recipe)
    net.load_state_dict(shared, strict=False)
    log.info("starting with %d of %d tensors of %s", len(shared), len(own), start.recipe.name)
    return net.requires_grad_(True).train()


def other_network(wanted: Recipe, given: Recipe) -> CheckpointError:
    return CheckpointError(
        f"--from is a {given.net.kind} {given.net.options}, the recipe asks for {wanted.net.kind} "
        f"{wanted.net.options}; choose another checkpoint or recipe"
    )
