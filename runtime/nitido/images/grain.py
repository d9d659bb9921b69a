"""Measures the grain of a picture in its smoothest parts, a sign of noise that does not depend on texture."""

from __future__ import annotations

from typing import Any

import numpy as np

from nitido.frames import Frame

_BLOCK = 12  # pixels
_SMOOTHEST = 5  # percentile of the blocks
_EVEN = 2, 20, 2.5  # noise is similar in all smooth blocks: percentiles, and their largest ratio
_FEWEST = 50  # smallest number of blocks for a measurement
_USABLE = 16, 239  # range of the mean brightness of a block; outside it, clipping hides noise
_BLUR = 1.5  # pixels: detail is what this blur removes


def grain_of(frame: Frame) -> float:
    """The fine detail of luma in the smoothest blocks of a frame uint8 H×W×3, as standard deviation in 8-bit levels.

    Noise is similar everywhere, texture is not. The result is 0 if the smoothest blocks differ widely or the picture is
    too small.
    """
    import cv2

    luma: Any = cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY).astype(np.float32)
    detail = luma - cv2.GaussianBlur(luma, (0, 0), _BLUR)
    middle = slice(_BLOCK // 2, None, _BLOCK)
    mean = cv2.blur(luma, (_BLOCK, _BLOCK))[middle, middle]
    variance = cv2.blur(detail * detail, (_BLOCK, _BLOCK))[middle, middle]
    usable = variance[(mean > _USABLE[0]) & (mean < _USABLE[1])]
    if usable.size < _FEWEST:
        return 0.0
    low, high, apart = _EVEN
    least, smooth, most = np.sqrt(np.maximum(np.percentile(usable, [low, _SMOOTHEST, high]), 0))
    return float(smooth) if most <= apart * least else 0.0
