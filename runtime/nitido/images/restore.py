"""A picture, of 8 or 16 bits and with its transparency, through a model of 8 bits."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from nitido.frames import Frame
from nitido.images.depth import add_correction
from nitido.images.picture import Picture
from nitido.inference.model import Model


def restore_picture(model: Model, picture: Picture, *, strength: float = 1.0) -> Picture:
    """The picture through an image model: pixels (s·H)×(s·W), transparency enlarged with them, grey kept grey.

    Models see 8 bits. The 16-bit values of a deep picture get what the model adds: its 8-bit output minus the rounded
    input, times 257; for an upscaler, on top of the 16-bit picture enlarged bicubically. So where the model changes
    nothing, nothing changes, and steps finer than 8 bits stay as they were.
    """
    result = model(picture.pixels, strength=strength)
    height, width = result.shape[:2]
    alpha = picture.alpha
    if alpha is not None and alpha.shape != (height, width):
        alpha = _enlarged(alpha, width, height)
    if picture.deep is None:
        return replace(picture, pixels=result, alpha=alpha)
    return replace(picture, pixels=result, alpha=alpha, deep=with_depth(picture.deep, result))


def with_depth(deep: NDArray[np.uint16], result: Frame) -> NDArray[np.uint16]:
    """What a model made of the rounded ``deep`` (uint16 H×W×3 or H×W) in 16 bits: ``result`` (uint8 (s·H)×(s·W)×3) with
    what lay below the rounding."""
    height, width = result.shape[:2]
    values = deep.copy() if deep.shape[:2] == (height, width) else _enlarged(deep, width, height)
    add_correction(values, result)
    return values


def _enlarged(values: Any, width: int, height: int) -> Any:
    return cv2.resize(values, (width, height), interpolation=cv2.INTER_CUBIC)
