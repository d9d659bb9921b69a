"""Fades between two results over a few frames when the ladder changes to or from the unchanged frame.

Moving things do not get ghosts. No model is run for a fade, because the ladder changes when time is short:

* from passthrough to a model, the captured frame fades to the model's result;
* from a denoiser to passthrough, a blurred copy of the frame replaces the model's result. On crops of two photographs
at σ 25, its PSNR to the half-size result of ``denoise-n`` is 29 and 31 dB, that of the noisy frame 21 dB. It takes 0.3
ms at 640×480 and 3 ms at 1920×1080 (2 cores).
* from a recurrent model to another one, the last shown picture fades to the new results. It is aligned with each new
frame. Where it differs from the new result by more than the remaining noise, the new result is shown.

Other changes between models are immediate: the PSNR between their results is 32 dB or more, and no cheap intermediate
picture is closer. The change from an upscaler to passthrough is immediate, too, because there is no cheap intermediate
picture.
"""

from __future__ import annotations

import cv2
import numpy as np

from nitido.frames import Frame
from nitido.inference.alignment import flow_between, warp_state
from nitido.live.ladder import Rung

FRAMES = 5
"""Length of a fade in frames."""
# size in pixels over which luma is compared, and the mean difference from which on it is something else
WINDOW, SAME = 7, 6.0


class Fade:
    """The current fade, if there is one.

    denoising: the models remove noise from frames and do not change their size.
    aligned: whether the last picture was aligned with the one before, which takes longer than most models.
    """

    def __init__(self, *, denoising: bool) -> None:
        self._denoising = denoising
        self.aligned = False
        self._left = 0
        self._rising = self._forgetting = False
        self._last: Frame | None = None  # the last shown picture

    def begin(self, before: Rung, after: Rung, *, forgetting: bool = False) -> None:
        """Starts a fade from one rung to another over the next frames, if it is one of the changes above.

        forgetting: the rung after loses what the one before remembers.
        """
        self._rising = before.variant is None
        falling = after.variant is None and self._denoising
        self._forgetting = forgetting and not (self._rising or falling)
        self._left = FRAMES if self._rising or falling or self._forgetting else 0

    def end(self) -> None:
        """Stops the current fade."""
        self._left = 0

    def __call__(self, frame: Frame, result: Frame, strength: float) -> Frame:
        """The picture to show for a frame H×W×3 with the new rung's ``result``, (s·H)×(s·W)×3; uint8 BGR.

        strength: of the model, 0 to 1.
        """
        self.aligned = self._forgetting and self._left > 0
        self._last = result if not self._left else self._faded(frame, result, strength)
        return self._last

    def _faded(self, frame: Frame, result: Frame, strength: float) -> Frame:
        if self._forgetting:
            if self._last is None or not self._last.shape == result.shape == frame.shape:
                self._left = 0
                return result
            share = self._left / (FRAMES + 1)
            self._left -= 1
            return _kept(self._last, frame, result, share)
        old = passed_through(frame, result.shape[0] // frame.shape[0]) if self._rising else _smoothed(frame, strength)
        share = self._left / (FRAMES + 1)
        self._left -= 1
        return np.asarray(cv2.addWeighted(result, 1.0 - share, old, share, 0.0), np.uint8)


def _kept(last: Frame, frame: Frame, result: Frame, share: float) -> Frame:
    """``result`` mixed with that share of the last picture, where both show the same."""
    flow = flow_between(last, frame)
    if flow.any():
        planes = np.ascontiguousarray(last.transpose(2, 0, 1), np.float32)
        last = np.asarray(warp_state(planes, flow, 1, "linear").transpose(1, 2, 0).round(), np.uint8)
    gap = cv2.blur(cv2.absdiff(*(cv2.cvtColor(f, cv2.COLOR_BGR2GRAY) for f in (last, result))), (WINDOW, WINDOW))
    alike = share * np.maximum(0.0, 1.0 - np.asarray(gap, np.float32) / SAME)[..., None]
    return np.asarray(np.rint(result + alike * (last.astype(np.float32) - result)), np.uint8)


def passed_through(frame: Frame, scale: int) -> Frame:
    """A frame without a model, enlarged bicubically by ``scale``; at scale 1 the frame itself."""
    if scale == 1:
        return frame
    size = (frame.shape[1] * scale, frame.shape[0] * scale)
    return np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_CUBIC), np.uint8)


def _smoothed(frame: Frame, strength: float) -> Frame:
    """The frame with noise removed without a model."""
    smooth = cv2.GaussianBlur(frame, (5, 5), 0)
    return np.asarray(cv2.addWeighted(smooth, strength, frame, 1.0 - strength, 0.0), np.uint8)
