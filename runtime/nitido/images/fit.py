"""Crops and resizes a picture to the fixed size of a network."""

from __future__ import annotations

import cv2
import numpy as np

from nitido.frames import Frame, require_frame


def middle_window(tall: int, wide: int, height: int, width: int) -> tuple[slice, slice]:
    """Rows and columns of a picture of ``tall`` × ``wide`` pixels that a network of ``height`` × ``width`` sees."""
    scale = max(height / tall, width / wide)
    rows = min(tall, max(1, round(height / scale)))
    columns = min(wide, max(1, round(width / scale)))
    top, left = (tall - rows) // 2, (wide - columns) // 2
    return slice(top, top + rows), slice(left, left + columns)


def fit_picture(picture: Frame, height: int, width: int) -> Frame:
    """The middle of a picture uint8 h×w×3 BGR in the proportions of ``height`` × ``width`` pixels, brought to that
    size: by area when it shrinks, bicubically when it grows. Raises ``FrameMismatch`` for another kind of array."""
    require_frame(picture, "a picture")
    tall, wide = picture.shape[:2]
    shrinks = max(height / tall, width / wide) < 1
    middle = np.ascontiguousarray(picture[middle_window(tall, wide, height, width)])
    way = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(middle, (width, height), interpolation=way), np.uint8)
