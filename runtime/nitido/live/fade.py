"""A soft change to and from the frame as it came: over a few frames one result gives way to the other.

Both pictures are always of the same frame, so nothing that moves has a ghost. No model is run for it, since the ladder
changes because time is short:

* from passthrough to a model, the frame as captured gives way to the model's result;
* from a denoiser to passthrough, a blurred copy of the frame stands in for what the model would have made of it. On
  crops of two photographs at σ 25 it is 29 and 31 dB from the half-size result of ``denoise-n``, the noisy frame 21 dB;
  it takes 0.3 ms at 640×480 and 3 ms at 1920×1080 (2 cores).

Changes between models are at once: their results of one frame are 32 dB or more from each other, and nothing as cheap
comes closer. So is the change from an upscaler to passthrough, which no cheap picture leads to.
"""

from __future__ import annotations

import cv2
import numpy as np

from nitido.frames import Frame
from nitido.live.ladder import Rung

FRAMES = 5
"""Frames that a change takes."""


class Fade:
    """The change that is under way, if there is one.

    denoising: the models take noise out of frames and leave them as large as they are.
    """

    def __init__(self, *, denoising: bool) -> None:
        self._denoising = denoising
        self._left = 0
        self._rising = False

    def begin(self, before: Rung, after: Rung) -> None:
        """Fades from one rung to another over the next frames, where that is one of the changes above."""
        self._rising = before.variant is None
        falling = after.variant is None and self._denoising
        self._left = FRAMES if self._rising or falling else 0

    def end(self) -> None:
        """Gives up what is under way."""
        self._left = 0

    def __call__(self, frame: Frame, result: Frame, strength: float) -> Frame:
        """The picture to show for a frame H×W×3 of which the new rung made ``result``, (s·H)×(s·W)×3; uint8 BGR.

        strength: of the model, 0 to 1.
        """
        if not self._left:
            return result
        old = passed_through(frame, result.shape[0] // frame.shape[0]) if self._rising else _smoothed(frame, strength)
        share = self._left / (FRAMES + 1)
        self._left -= 1
        return np.asarray(cv2.addWeighted(result, 1.0 - share, old, share, 0.0), np.uint8)


def passed_through(frame: Frame, scale: int) -> Frame:
    """A frame that no model sees, ``scale`` times as large: bicubically; at scale 1 the frame itself."""
    if scale == 1:
        return frame
    size = (frame.shape[1] * scale, frame.shape[0] * scale)
    return np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_CUBIC), np.uint8)


def _smoothed(frame: Frame, strength: float) -> Frame:
    """Noise taken out without a model."""
    smooth = cv2.GaussianBlur(frame, (5, 5), 0)
    return np.asarray(cv2.addWeighted(smooth, strength, frame, 1.0 - strength, 0.0), np.uint8)
