"""Restoring frames at half their size: about a quarter of the work."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from nitido.frames import Frame
from nitido.inference.alignment import Flow, places
from nitido.inference.streaming import FrameStream

Plane = NDArray[np.float32]

WINDOW = 3  # pixels of the small frame, over which the power of detail is measured
MIDDLE = 128  # stands for no detail in bytes


def restore_half(frame: Frame, run: Callable[[Frame], Frame], strength: float = 1.0) -> Frame:
    """A frame restored at half the size by ``run``; same shape, uint8 BGR.

    Detail that the small picture lost is restored from the luma of the frame where it exceeds the noise (a local Wiener
    gain, with the median of the local variance as noise). On eight pictures of Kodak24 at σ 25 this gives 28.5 dB.
    Enlarging only the small result gives 26.8 dB; adding the small correction to the frame, which keeps the fine noise,
    gives 21.1 dB; full size gives 29.5 dB.
    """
    small = _halved(frame)
    coarse = _enlarged(run(small), frame)
    detail = _lost(frame, small)
    variance = cv2.boxFilter(cv2.multiply(detail, detail), -1, (5, 5))
    noise = float(np.median(np.asarray(variance)[::4, ::4]))
    gain = np.maximum(variance - noise, 0) / np.maximum(variance, 1e-3)
    shown = cv2.multiply(detail, gain)
    return _blended(cv2.add(coarse, cv2.merge([shown, shown, shown]), dtype=cv2.CV_8U), frame, strength)


class HalfSizeStream:
    """Frames of one sequence through a recurrent model at half the size.

    What the small picture lacks is the luma's detail. Its running mean follows the model's own: it is moved along with
    the picture, and its gain is the share of a frame's noise variance that the model's mean still has. What stands out
    of the noise that is left (a local Wiener gain) is added to the enlarged picture.
    """

    def __init__(self, stream: FrameStream) -> None:
        self.stream = stream
        self._detail: Plane | None = None
        self._aside = ThreadPoolExecutor(1, thread_name_prefix="detail")

    def __call__(self, frame: Frame, strength: float = 1.0) -> Frame:
        """The next frame restored. frame: uint8 H×W×3, BGR, at least 4×4. strength: 0 to 1."""
        small = _halved(frame)
        # The search for motion keeps one core busy, and this the other.
        given = self._aside.submit(_given_detail, frame, small)
        restored = self.stream(small)
        enlarged = self._aside.submit(_enlarged, restored, frame)
        detail = cv2.add(self._shown_detail(*given.result()), MIDDLE, dtype=cv2.CV_8U)  # pyright: ignore[reportArgumentType, reportCallIssue]
        grey = cv2.cvtColor(detail, cv2.COLOR_GRAY2BGR)
        return _blended(cv2.addWeighted(enlarged.result(), 1.0, grey, 1.0, -MIDDLE), frame, strength)

    def _shown_detail(self, new: Plane, power: Plane) -> Plane:
        """What stands out of the mean detail, H×W. new: the frame's own. power: its mean squares, at half the size."""
        height, width = new.shape
        gain = self._gain(power.shape[0], power.shape[1])
        last = self._detail
        if last is None or last.shape != new.shape or gain is None:
            gain, mean = np.ones(power.shape, np.float32), new
        else:
            new_share = cv2.resize(gain, (width, height))
            mean = cv2.blendLinear(new, self._moved(last), new_share, 1 - new_share)
        self._detail = np.asarray(mean, np.float32)
        noise = float(np.median(power[::4, ::4]))
        found = _power(mean, power.shape[0], power.shape[1])
        share = np.maximum(found - noise * gain, 0) / np.maximum(found, 1e-3)
        return np.asarray(cv2.multiply(mean, cv2.resize(share, (width, height))), np.float32)

    def _gain(self, height: int, width: int) -> Plane | None:
        """Of the new detail in the mean, 0 to 1, for each pixel of the small frame; ``None`` without a past."""
        weight = self.stream.weight
        if weight is None or not self.stream.flows:
            return None
        # n frames in the mean have a weight of n / (n + 1) and 1 / n of a frame's noise variance.
        gain = np.minimum(1 / np.maximum(weight[0, 0], 0.5) - 1, 1)
        grid = -(-width // gain.shape[1])
        return np.repeat(np.repeat(gain, grid, 0), grid, 1)[:height, :width]

    def _moved(self, detail: Plane) -> Plane:
        """The detail where it is in the new frame. It moves by whole pixels, so that noise stays noise."""
        flow: Flow = self.stream.flows[0]
        if not flow.any():
            return detail
        height, width = detail.shape
        steps = cv2.resize(np.rint(2 * flow).astype(np.int16), (width, height), interpolation=cv2.INTER_NEAREST)
        sources = cv2.add(steps, _places(height, width))
        moved = cv2.remap(detail, sources, None, cv2.INTER_NEAREST, borderMode=cv2.BORDER_CONSTANT, borderValue=0)  # pyright: ignore[reportArgumentType, reportCallIssue]
        return np.asarray(moved, np.float32)


def _given_detail(frame: Frame, small: Frame) -> tuple[Plane, Plane]:
    """(the detail that the small frame lost, H×W; its mean squares, h×w)."""
    detail = _lost(frame, small)
    return detail, _power(detail, *small.shape[:2])


def _halved(frame: Frame) -> Frame:
    height, width = frame.shape[:2]
    return np.asarray(cv2.resize(frame, (width // 2, height // 2), interpolation=cv2.INTER_AREA), np.uint8)


def _enlarged(small: cv2.typing.MatLike, frame: Frame) -> cv2.typing.MatLike:
    """The small picture at the frame's size."""
    return cv2.resize(small, (frame.shape[1], frame.shape[0]), interpolation=cv2.INTER_CUBIC)


def _lost(frame: Frame, small: Frame) -> Plane:
    """The detail of the frame's luma that the small frame lost, H×W."""
    luma, coarse = (cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY) for picture in (frame, small))
    return np.asarray(cv2.subtract(luma, _enlarged(coarse, frame), dtype=cv2.CV_32F), np.float32)


def _blended(result: cv2.typing.MatLike, frame: Frame, strength: float) -> Frame:
    if strength != 1.0:
        result = cv2.addWeighted(result, strength, frame, 1.0 - strength, 0.0)
    return np.asarray(result, np.uint8)


@lru_cache(maxsize=2)
def _places(height: int, width: int) -> NDArray[np.int16]:
    return places(height, width).astype(np.int16)


def _power(detail: cv2.typing.MatLike, height: int, width: int) -> Plane:
    """Mean squares around each pixel of the small frame."""
    squares = cv2.resize(cv2.multiply(detail, detail), (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.blur(squares, (WINDOW, WINDOW)), np.float32)
