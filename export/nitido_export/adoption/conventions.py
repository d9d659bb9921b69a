"""How a foreign model takes pictures and returns them, and what that means for bytes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from nitido_export.adoption.foreign import Runner
from nitido_train.data.degrade import BT601_BGR

LAYOUTS = ("nchw", "nhwc")
COLOURS = ("rgb", "bgr")
RANGES = {"0..1": (1 / 255, 0.0), "0..255": (1.0, 0.0), "-1..1": (1 / 127.5, -1.0)}
"""The factor and the offset that bring 8-bit levels into each range."""
UNITS = ("range", "levels")
CUBIC = -0.75  # the coefficient of OpenCV's cubic enlargement
# Standard deviation of luma for white noise of standard deviation 1 in all three channels.
WHITE_LUMA = float(np.sqrt(sum(weight**2 for weight in BT601_BGR)))
WHOLE_FRAME = -1  # the halo of a model that looks at the whole frame


@dataclass(frozen=True)
class LevelInput:
    """How a model is given the noise level.

    kind: ``map``: a channel of its own, N×1×h×w. ``scalar``: one number. ``channel``: the last channel of the picture.
    rank: dimensions of the input of a scalar. grid: pixels of the picture, on each side, under a position of a map.
    unit: ``range``: in the range of the pictures' values; ``levels``: in 8-bit levels.
    """

    kind: str
    rank: int = 4
    grid: int = 1
    unit: str = "range"


@dataclass(frozen=True)
class Conventions:
    """layout: ``nchw`` or ``nhwc``. colour: ``rgb``, ``bgr`` or ``luma``: one channel. range: one of ``RANGES``.
    scale: output size ÷ input size.
    margin: output pixels that are missing on each side of a result.
    multiple: of the heights and widths that it takes; if a picture moves by it, the result moves along.
    size: (height, width) of the pictures that it takes; ``None``: any.
    batch: whether it takes several pictures at once.
    halo: radius in pixels of the surroundings that influence a pixel; ``WHOLE_FRAME``: all pixels do.
    level: its input for a noise level.
    """

    layout: str
    channels: int
    colour: str = "rgb"
    range: str = "0..1"
    scale: int = 1
    margin: int = 0
    multiple: int = 1
    size: tuple[int, int] | None = None
    batch: bool = True
    halo: int = 0
    level: LevelInput | None = None

    @property
    def lead(self) -> int:
        """Pixels of padding on each side that give a result of full size, as a multiple of the grid."""
        return round_up(-(-self.margin // self.scale), self.multiple)

    @property
    def axes(self) -> tuple[int, int]:
        """The positions of height and width among the dimensions."""
        return (2, 3) if self.layout == "nchw" else (1, 2)


def round_up(value: int, multiple: int) -> int:
    return -(-value // multiple) * multiple


def restore(
    run: Runner, how: Conventions, frames: NDArray[np.uint8], sigma: float = 0.0, *, whole: bool = True
) -> NDArray[np.float32]:
    """Frames N×H×W×3 BGR through a foreign model as its own tool would call it: levels N×(s·H)×(s·W)×3, not rounded.

    sigma: noise level of the contract, for models that take one. whole: pad first, so that nothing is missing at the
    edges. Otherwise H and W must fit, and the result is ``margin`` smaller on each side.
    Raises ``Misfit``.
    """
    height, width = frames.shape[1:3]
    lead = how.lead if whole else 0
    below, right = (-(side + 2 * lead) % how.multiple if whole else 0 for side in (height, width))
    padded = np.pad(frames, ((0, 0), (lead, lead + below), (lead, lead + right), (0, 0)), "edge").astype(np.float32)
    factor, offset = RANGES[how.range]
    seen = padded[..., ::-1] if how.colour == "rgb" else padded
    if how.colour == "luma":
        seen = luma(padded)
    values = seen * np.float32(factor) + np.float32(offset)
    level = level_values(how, values.shape, sigma)
    if how.level is not None and how.level.kind == "channel":
        values, level = np.concatenate([values, level.reshape(len(values), *values.shape[1:3], 1)], 3), None
    if how.layout == "nchw":
        values = values.transpose(0, 3, 1, 2)
    found = run(np.ascontiguousarray(values), level)
    found = found.transpose(0, 2, 3, 1) if how.layout == "nchw" else found
    levels = (found - np.float32(offset)) / np.float32(factor)
    if how.colour == "rgb":
        levels = levels[..., ::-1]
    elif how.colour == "luma":
        colour = padded - luma(padded)
        large = np.stack([_enlarged(one, how.scale) for one in colour])
        inner = slice(how.margin, -how.margin or None)
        levels = large[:, inner, inner] + levels
    if not whole:
        return levels
    begin = lead * how.scale - how.margin
    return levels[:, begin : begin + height * how.scale, begin : begin + width * how.scale]


def level_values(how: Conventions, shape: tuple[int, ...], sigma: float) -> NDArray[np.float32] | Any:
    """The second input for pictures of a shape N×H×W×C; ``None`` where the model has none. sigma: luma noise in 8-bit
    levels."""
    if how.level is None:
        return None
    value = np.float32(sigma * level_factor(how))
    count, height, width = shape[:3]
    if how.level.kind == "scalar":
        return np.full((count, *[1] * (how.level.rank - 1)) if how.level.rank else (), value, np.float32)
    size = (height // how.level.grid, width // how.level.grid)
    return np.full((count, 1, *size) if how.layout == "nchw" else (count, *size, 1), value, np.float32)


def level_factor(how: Conventions) -> float:
    """From luma noise in 8-bit levels to what the model takes, which is the noise of one channel."""
    assert how.level is not None
    unit = RANGES[how.range][0] if how.level.unit == "range" else 1.0
    return unit / (1.0 if how.colour == "luma" else WHITE_LUMA)


def luma(levels: NDArray[np.float32]) -> NDArray[np.float32]:
    """…×3 BGR → …×1, Y of YCrCb."""
    return (levels * np.array(BT601_BGR, np.float32)).sum(axis=-1, keepdims=True, dtype=np.float32)


def to_bytes(levels: NDArray[np.float32]) -> NDArray[np.uint8]:
    return np.clip(np.rint(levels), 0, 255).astype(np.uint8)


def _enlarged(levels: NDArray[np.float32], scale: int) -> NDArray[Any]:
    if scale == 1:
        return levels
    return cv2.resize(levels, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
