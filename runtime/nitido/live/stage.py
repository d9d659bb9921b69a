"""Restoring one frame with as much work as a rung of the ladder allows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import cv2
import numpy as np

from nitido.frames import Frame
from nitido.inference.model import Model
from nitido.live.ladder import Rung


class Restorer:
    """Runs frames of one stream through the model variants, as the ladder says. For one thread.

    A recurrent model remembers as long as rung, strength and frame size stay; each change begins anew.
    """

    def __init__(self, models: Sequence[Model]) -> None:
        self._models = models
        self._key: tuple[Rung, float] | None = None
        self._run: Callable[[Frame], Frame] = _unchanged

    def __call__(self, frame: Frame, rung: Rung, strength: float = 1.0) -> Frame:
        """The frame H×W×3, uint8 BGR, restored as ``rung`` says; returns (s·H)×(s·W)×3 for models of scale s.

        strength: 0 to 1; a model whose strength cannot be varied runs at 1. Raises what the model raises.
        """
        if rung.variant is None:
            scale = self._models[0].card.scale
            return _resized(frame, frame.shape[1] * scale, frame.shape[0] * scale)
        model = self._models[rung.variant]
        strength = strength if model.has_strength else 1.0
        halved = rung.half and min(frame.shape[:2]) >= 4
        inside = 1.0 if halved else strength  # the half-size result is blended with the frame at the end
        if self._key != (rung, inside):
            self._key, self._run = (rung, inside), _runner(model, inside)
        return restore_half(frame, self._run, strength) if halved else self._run(frame)


def restore_half(frame: Frame, run: Callable[[Frame], Frame], strength: float = 1.0) -> Frame:
    """A frame restored at half the size by ``run``, about a quarter of the work; same shape, uint8 BGR.

    What the small picture lost is brought back from the luma of the frame as far as it stands out of the noise (a
    local Wiener gain, the noise taken as the median of the local variance). On eight pictures of Kodak24 at σ 25 this
    gives 28.5 dB; enlarging the small result alone 26.8 dB; adding the small correction to the frame, which leaves
    the fine noise in, 21.1 dB; the whole size 29.5 dB.
    """
    height, width = frame.shape[:2]
    small = np.asarray(cv2.resize(frame, (width // 2, height // 2), interpolation=cv2.INTER_AREA), np.uint8)
    coarse = cv2.resize(run(small), (width, height), interpolation=cv2.INTER_CUBIC)
    luma = cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY)
    blurred = cv2.resize(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY), (width, height), interpolation=cv2.INTER_CUBIC)
    detail = cv2.subtract(luma, blurred, dtype=cv2.CV_32F)
    variance = cv2.boxFilter(cv2.multiply(detail, detail), -1, (5, 5))
    noise = float(np.median(np.asarray(variance)[::4, ::4]))
    gain = np.maximum(variance - noise, 0) / np.maximum(variance, 1e-3)
    detail = cv2.multiply(detail, gain)
    result = cv2.add(coarse, cv2.merge([detail, detail, detail]), dtype=cv2.CV_8U)
    if strength != 1.0:
        result = cv2.addWeighted(result, strength, frame, 1.0 - strength, 0.0)
    return np.asarray(result, np.uint8)


def _runner(model: Model, strength: float) -> Callable[[Frame], Frame]:
    """The model as a function of its next frame."""
    if not model.recurrent:
        return lambda frame: model(frame, strength=strength)
    waiting: list[Frame] = []

    def frames() -> Iterator[Frame]:
        while True:
            yield waiting.pop()

    results = model.stream(frames(), strength=strength)

    def run(frame: Frame) -> Frame:
        waiting.append(frame)
        return next(results)

    return run


def _unchanged(frame: Frame) -> Frame:
    return frame


def _resized(frame: Frame, width: int, height: int) -> Frame:
    if frame.shape[:2] == (height, width):
        return frame
    return np.asarray(cv2.resize(frame, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)
