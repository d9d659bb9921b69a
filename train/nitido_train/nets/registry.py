"""The networks, by their names in recipes."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial
from typing import Any

from torch import nn

from nitido.errors import RecipeError
from nitido_train.nets.bodies import ConvStack, LevelStack, Pyramid
from nitido_train.nets.frame import FrameNet, LevelFrameNet
from nitido_train.nets.latent import KINDS, LatentNet
from nitido_train.nets.live import BODY_INPUTS, BODY_OUTPUTS, Gate, LiveFrameNet
from nitido_train.nets.melody import MelodyNet


def denoiser(channels: int = 24, layers: int = 6, grid: int = 2, expansion: int = 2) -> FrameNet:
    """A stack of convolutions on ``grid``×``grid`` cells."""
    depth = 3 * grid * grid
    return FrameNet(ConvStack([depth, *[channels] * (layers - 1), depth], expansion=expansion), cell=grid)


def level_denoiser(channels: int = 24, layers: int = 6, grid: int = 2, expansion: int = 2) -> LevelFrameNet:
    """A stack of convolutions on ``grid``×``grid`` cells that is given the noise level, or estimates it."""
    depth = 3 * grid * grid
    body = LevelStack([depth, *[channels] * (layers - 1), depth], conditions=2, expansion=expansion)
    return LevelFrameNet(body, cell=grid)


def live_denoiser(channels: int = 24, layers: int = 7, gate: int = 24) -> LiveFrameNet:
    """A recurrent denoiser whose body has the layers of a :func:`level_denoiser`. gate: channels of its gate."""
    widths = [BODY_INPUTS, *[channels] * (layers - 1), BODY_OUTPUTS]
    return LiveFrameNet(LevelStack(widths, conditions=2, expansion=0), Gate(gate))


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
    "level-denoiser": level_denoiser,
    "live-denoiser": live_denoiser,
    "superres": superres,
    "pyramid-denoiser": pyramid_denoiser,
    "melody-vae": MelodyNet,
    **{kind: partial(LatentNet, kind) for kind in KINDS},
}


# The smallest value of options that may be less than 1, or must be more.
_SMALLEST = {"expansion": 0, "lowest": 0, "before": 0, "after": 0, "rank": 0, "layers": 2}


def build(kind: str, options: dict[str, Any]) -> nn.Module:
    """An untrained network of that kind. Raises ``RecipeError`` for an unknown kind, and for an option that is unknown
    or does not fit; the message names it."""
    if kind not in NETS:
        raise RecipeError(
            f"unknown network '{kind}': expected one of {', '.join(sorted(NETS))}; was it trained by a newer nitido?"
        )
    hints = _hints(kind)
    for name, value in options.items():
        if name not in hints:
            raise RecipeError(
                f"unknown option '{name}' in [net.options] of '{kind}'; known here: {', '.join(sorted(hints))}"
            )
        _check(name, value, str(hints[name]))
    try:
        return NETS[kind](**options)
    except (TypeError, ValueError, IndexError, ZeroDivisionError, RuntimeError) as error:
        reason = str(error).partition("\n")[0]
        raise RecipeError(f"[net.options] of '{kind}': {reason}") from error


def _hints(kind: str) -> dict[str, Any]:
    """The options of a network and their types as they are written."""
    return {name: parameter.annotation for name, parameter in inspect.signature(NETS[kind]).parameters.items()}


def _check(name: str, value: Any, hint: str) -> None:
    """Raises ``RecipeError`` when a value is not what the option expects. hint: the type, as it is written."""
    smallest = _SMALLEST.get(name, 1)
    if hint.startswith("list[str]"):
        fits, expected = isinstance(value, list) and all(isinstance(v, str) for v in value), "a list of texts"
    elif hint.startswith("list[int]"):
        fits = isinstance(value, list) and bool(value) and all(_is_count(v, smallest) for v in value)
        expected = f"a list of whole numbers of {smallest} or more"
    else:
        fits, expected = _is_count(value, smallest), f"a whole number of {smallest} or more"
    if not fits:
        raise RecipeError(f"[net.options] {name} expects {expected}; found {value!r}")


def _is_count(value: Any, smallest: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= smallest
