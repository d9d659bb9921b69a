"""Converts frames to shapes that encoders and containers support."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray


def even(frame: NDArray[Any]) -> NDArray[Any]:
    """A frame H×W×3 with even sides: for odd sides, the last row or column is repeated."""
    bottom, right = frame.shape[0] % 2, frame.shape[1] % 2
    if not (bottom or right):
        return frame
    return np.asarray(cv2.copyMakeBorder(frame, 0, bottom, 0, right, cv2.BORDER_REPLICATE))


def with_square_pixels(frame: NDArray[Any], aspect: Fraction) -> NDArray[Any]:
    """A frame H×W×3 whose pixels are ``aspect`` times as wide as high, with one side stretched so that they are
    square."""
    height, width = frame.shape[:2]
    if aspect > 1:
        width = round(width * aspect)
    else:
        height = round(height / aspect)
    return np.asarray(cv2.resize(frame, (width, height), interpolation=cv2.INTER_CUBIC))
