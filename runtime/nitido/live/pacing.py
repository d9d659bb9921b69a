"""Adapts frames that arrive at any time to a sink that plays them at a fixed rate."""

from __future__ import annotations

import math

import cv2
import numpy as np

from nitido.frames import Frame
from nitido.live.sinks import Sink, TimedSink


class Pacer:
    """Decides how often to write a frame so that the result plays at the speed of the source.

    fps: frames per second of the sink. longest_gap: seconds; a longer one, as when a camera was lost, is closed up.
    """

    def __init__(self, fps: float, *, longest_gap: float = 2.0) -> None:
        self._fps, self._longest = fps, longest_gap
        self._start: float | None = None
        self._last = 0.0
        self._written = 0

    def copies(self, moment: float) -> int:
        """The number of frames to write for the frame at ``moment`` (seconds, never decreasing): repeats of the frame
        before, then this frame. 0: it comes too soon after the frame before and is left out."""
        if self._start is None:
            self._start = moment
        elif moment - self._last > self._longest:
            self._start += moment - self._last - 1 / self._fps
        self._last = moment
        due = math.floor((moment - self._start) * self._fps + 0.5) + 1 - self._written
        self._written += max(0, due)
        return max(0, due)


class PacedWriter:
    """Writes frames to a sink, repeated according to its pacer and all in the size of the first one. Without a pacer,
    each is written once."""

    def __init__(self, sink: Sink, pacer: Pacer | None) -> None:
        self._sink, self._pacer = sink, pacer
        self._last: Frame | None = None

    def write(self, frame: Frame, moment: float) -> None:
        """Writes a frame H×W×3, uint8 BGR, that belongs at ``moment`` (seconds). Raises what the sink raises."""
        last = self._last
        frame = frame if last is None else _sized(frame, last.shape)
        copies = self._pacer.copies(moment) if self._pacer else 1
        for _ in range(copies - 1):
            self._sink.write(frame if last is None else last)
        if copies:
            self._sink.write(frame)
        self._last = frame


class TimedWriter:
    """Writes frames to a sink that keeps their times, all in the size of the first one.

    longest_gap: seconds; a longer one, as when a camera was lost, is closed up. ``None``: all are kept, as in a clip.
    """

    def __init__(self, sink: TimedSink, *, longest_gap: float | None = 2.0) -> None:
        self._sink, self._longest = sink, longest_gap
        self._shape: tuple[int, ...] | None = None
        self._last: float | None = None
        self._shift = 0.0

    def write(self, frame: Frame, moment: float) -> None:
        """Writes a frame H×W×3, uint8 BGR, that belongs at ``moment`` (seconds). Raises what the sink raises."""
        if self._shape is None:
            self._shape = frame.shape
            if self._longest is not None:
                self._shift = -moment  # a recording begins with its first frame
        elif self._longest is not None and self._last is not None and moment - self._last > self._longest:
            self._shift -= moment - self._last - 1 / (self._sink.fps or 30.0)
        self._last = moment
        self._sink.write_at(_sized(frame, self._shape), max(0.0, moment + self._shift))


def _sized(frame: Frame, shape: tuple[int, ...]) -> Frame:
    """A frame of a camera that came back with another size, resized to the earlier size."""
    if frame.shape == shape:
        return frame
    return np.asarray(cv2.resize(frame, (shape[1], shape[0]), interpolation=cv2.INTER_AREA), np.uint8)
