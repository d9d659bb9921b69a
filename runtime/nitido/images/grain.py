"""How grainy a picture is where it is smoothest: a sign of noise that texture does not set off."""

from __future__ import annotations

from typing import Any

import numpy as np

from nitido.frames import Frame

_BLOCK = 12  # pixels
_SMOOTHEST = 5  # percentile of the blocks
_EVEN = 2, 20, 2.5  # noise is much the same in all smooth blocks: percentiles, and how far they may lie apart
_FEWEST = 50  # blocks to judge by
_USABLE = 16, 239  # mean brightness of a block: beyond, clipping hides noise
_BLUR = 1.5  # pixels: detail is what this blur takes away


def grain_of(frame: Frame) -> float:
    """The fine detail of luma in the smoothest blocks of a frame uint8 H×W×3, as standard deviation in 8-bit levels.

    Noise is everywhere and much the same, texture is not. A picture whose smoothest blocks differ widely, or that is
    too small to judge, has 0.
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
