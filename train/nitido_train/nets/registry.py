"""The networks, by the name a recipe calls them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from torch import nn

from nitido_train.nets.bodies import ConvStack, Pyramid
from nitido_train.nets.frame import FrameNet
from nitido_train.nets.latent import KINDS, LatentNet
from nitido_train.nets.melody import MelodyNet


def denoiser(channels: int = 24, layers: int = 6, grid: int = 2, expansion: int = 2) -> FrameNet:
    """A stack of convolutions on ``grid``×``grid`` cells."""
    depth = 3 * grid * grid
    return FrameNet(ConvStack([depth, *[channels] * (layers - 1), depth], expansion=expansion), cell=grid)


def superres(scale: int = 2, channels: int = 32, layers: int = 6, grid: int = 2, expansion: int = 2) -> FrameNet:
    """A stack of convolutions that returns ``scale`` times the size."""
    depth = 3 * grid * grid
    widths = [depth, *[channels] * (layers - 1), depth * scale * scale]
    return FrameNet(ConvStack(widths, expansion=expansion), cell=grid, scale=scale)


def pyramid_denoiser(
    widths: list[int], before: list[int], after: list[int], grid: int = 2, expansion: int = 2
) -> FrameNet:
    """A U-shaped denoiser whose finest grid has ``grid``×``grid`` cells, see :class:`Pyramid`."""
    depth = 3 * grid * grid
    body = Pyramid(depth, depth, widths, before, after, expansion=expansion)
    return FrameNet(body, cell=grid, coarsest=2 ** (len(widths) - 1))


NETS: dict[str, Callable[..., nn.Module]] = {
    "denoiser": denoiser,
    "superres": superres,
    "pyramid-denoiser": pyramid_denoiser,
    "melody-vae": MelodyNet,
    **{kind: partial(LatentNet, kind) for kind in KINDS},
}


def build(kind: str, options: dict[str, Any]) -> nn.Module:
    """An untrained network of that kind. Raises ``KeyError`` on an unknown kind, ``TypeError`` on unknown options."""
    return NETS[kind](**options)
