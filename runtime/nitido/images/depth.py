"""Pictures of 8 and 16 bits through models of 8 bits."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from nitido.images.picture import Picture

if TYPE_CHECKING:
    from nitido.inference.model import Model

_STRIP = 2_000_000  # values that are computed at once


def to_8_bits(values: NDArray[np.uint16]) -> NDArray[np.uint8]:
    """uint16 H×W×3 BGR, or H×W grey, rounded to uint8 H×W×3."""
    result = np.empty((*values.shape[:2], 3), np.uint8)
    for part in _strips(values):
        rounded = _rounded(values[part])
        result[part] = rounded if values.ndim == 3 else rounded[:, :, None]
    return result


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
    deep = picture.deep
    deep = deep.copy() if deep.shape[:2] == (height, width) else _enlarged(deep, width, height)
    add_correction(deep, result)
    return replace(picture, pixels=result, alpha=alpha, deep=deep)


def add_correction(values: NDArray[np.uint16], wanted: NDArray[np.uint8]) -> None:
    """Changes uint16 ``values`` (H×W×3 or H×W) in place so that they round to ``wanted`` (uint8 H×W×3), keeping what
    lies below the rounding, and clipped to 0..65535."""
    for part in _strips(values):
        strip = values[part]
        goal = wanted[part] if values.ndim == 3 else grey_of(wanted[part])
        change = goal.astype(np.int32) - _rounded(strip)
        values[part] = np.clip(strip + 257 * change, 0, 65535)


def grey_of(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """uint8 H×W×3 BGR → H×W luma; three equal channels stay exactly what they are."""
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY), np.uint8)


def _enlarged(values: Any, width: int, height: int) -> Any:
    return cv2.resize(values, (width, height), interpolation=cv2.INTER_CUBIC)


def _rounded(values: NDArray[np.uint16]) -> NDArray[np.uint8]:
    return ((values.astype(np.uint32) * 255 + 32767) // 65535).astype(np.uint8)


def _strips(values: NDArray[np.uint16]) -> list[slice]:
    rows = max(1, _STRIP // max(1, values[:1].size))
    return [slice(top, top + rows) for top in range(0, len(values), rows)]
