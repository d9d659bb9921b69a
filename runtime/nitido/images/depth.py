"""Conversions between 8 and 16 bits per channel, and transfer of changes from one to the other."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nitido.frames import Frame

_STRIP = 2_000_000  # values that are computed at a time


def to_8_bits(values: NDArray[np.uint16]) -> Frame:
    """uint16 H×W×3 BGR, or H×W grey, rounded to uint8 H×W×3."""
    result = np.empty((*values.shape[:2], 3), np.uint8)
    for part in _strips(values):
        rounded = _rounded(values[part])
        result[part] = rounded if values.ndim == 3 else rounded[:, :, None]
    return result


def to_8_bit_channels(values: NDArray[np.uint8] | NDArray[np.uint16]) -> NDArray[np.uint8]:
    """Values of 8 or 16 bits and any shape, rounded to uint8."""
    if values.dtype == np.uint8:
        return values.astype(np.uint8, copy=False)
    result = np.empty(values.shape, np.uint8)
    for part in _strips(values):
        result[part] = _rounded(values[part])
    return result


def add_correction(values: NDArray[np.uint16], wanted: Frame) -> None:
    """Changes uint16 ``values`` (H×W×3 or H×W) in place so that they round to ``wanted`` (uint8 H×W×3), keeps their
    lower bits, and clips them to 0..65535."""
    for part in _strips(values):
        strip = values[part]
        goal = wanted[part] if values.ndim == 3 else grey_of(wanted[part])
        change = goal.astype(np.int32) - _rounded(strip)
        values[part] = np.clip(strip + 257 * change, 0, 65535)


def grey_of(pixels: Frame) -> NDArray[np.uint8]:
    """uint8 H×W×3 BGR → H×W luma; the value of three equal channels stays exactly the same."""
    import cv2  # only loaded for other pictures than 8-bit colour

    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY), np.uint8)


def _rounded(values: NDArray[Any]) -> NDArray[np.uint8]:
    return ((values.astype(np.uint32) * 255 + 32767) // 65535).astype(np.uint8)


def _strips(values: NDArray[Any]) -> list[slice]:
    rows = max(1, _STRIP // max(1, values[:1].size))
    return [slice(top, top + rows) for top in range(0, len(values), rows)]
