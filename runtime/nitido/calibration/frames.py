"""Measures noise on frames of one scene, from a camera, a clip or a folder."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np

from nitido.calibration.calibration import Calibration
from nitido.calibration.meter import NoiseMeter
from nitido.errors import SourceUnavailable
from nitido.frames import Frame
from nitido.images.io import read_picture

APART = 8  # frames between two that are compared, because video codecs keep noise from frame to frame


def measure_frames(
    frames: Iterable[Frame],
    source: str,
    *,
    seconds: float | None = None,
    stopping: Callable[[], bool] = lambda: False,
) -> Calibration:
    """The noise of frames of the same scene, uint8 H×W×3 BGR, in the order in which they were taken.

    seconds: duration of the measurement; ``None``: until the frames end. stopping: called after each frame; ``True``
    ends the measurement.
    Raises ``SourceUnavailable``.
    """
    meter, waiting, count = NoiseMeter(), list[Frame](), 0
    ends = None if seconds is None else time.monotonic() + seconds
    for frame in frames:
        if waiting and frame.shape != waiting[0].shape:
            raise SourceUnavailable(
                f"{source}: expected frames of one size, found {_size(waiting[0])} and {_size(frame)}"
            )
        count += 1
        if not waiting or not np.array_equal(frame, waiting[-1]):  # a repeated frame does not have new noise
            waiting.append(frame.copy())
        if len(waiting) > APART:
            meter.add(waiting[0], waiting[-1], waiting[1])
            waiting.clear()
        if stopping() or (ends is not None and time.monotonic() >= ends):
            break
    if meter.pairs == 0 and len(waiting) > 1:
        meter.add(waiting[0], waiting[-1], waiting[1])
    if meter.pairs == 0:
        raise SourceUnavailable(f"{source}: expected at least 2 frames that differ, found {len(waiting)} of {count}")
    return meter.result(source, count)


def measure_pairs(pairs: Iterable[tuple[Frame, Frame]], source: str) -> Calibration:
    """The noise of (noisy, clean) frames of one or several scenes. Raises ``SourceUnavailable``."""
    meter = NoiseMeter()
    for noisy, clean in pairs:
        if noisy.shape != clean.shape:
            raise SourceUnavailable(f"{source}: a pair has sizes {_size(noisy)} and {_size(clean)}")
        meter.add_pair(noisy, clean)
    return meter.result(source, meter.pairs)


def read_frames(paths: Iterable[Path]) -> Iterator[Frame]:
    """Picture files as frames, uint8 H×W×3 BGR. Raises ``SourceUnavailable``."""
    for path in paths:
        yield read_picture(path).pixels


def _size(frame: Frame) -> str:
    return f"{frame.shape[1]}×{frame.shape[0]}"
