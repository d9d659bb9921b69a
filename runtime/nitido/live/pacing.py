"""Keeping frames that come at any time in step with a sink that plays them at a fixed rate."""

from __future__ import annotations

import math

import cv2
import numpy as np

from nitido.frames import Frame
from nitido.live.sinks import Sink


class Pacer:
    """Says how often to write a frame so that the result plays at the speed of the source.

    fps: frames per second of the sink. longest_gap: seconds; a longer one, as when a camera was lost, is closed up.
    """

    def __init__(self, fps: float, *, longest_gap: float = 2.0) -> None:
        self._fps, self._longest = fps, longest_gap
        self._start: float | None = None
        self._last = 0.0
        self._written = 0

    def copies(self, moment: float) -> int:
        """How many frames are due with the one that belongs at ``moment`` (seconds, never going back): that frame
        last, before it repeats of the one before. 0: it comes too soon after that one and is left out."""
        if self._start is None:
            self._start = moment
        elif moment - self._last > self._longest:
            self._start += moment - self._last - 1 / self._fps
        self._last = moment
        due = math.floor((moment - self._start) * self._fps + 0.5) + 1 - self._written
        self._written += max(0, due)
        return max(0, due)


class PacedWriter:
    """Writes frames to a sink, repeated as its pacer wants and all of the first one's size. Without a pacer each is
    written once."""

    def __init__(self, sink: Sink, pacer: Pacer | None) -> None:
        self._sink, self._pacer = sink, pacer
        self._last: Frame | None = None

    def write(self, frame: Frame, moment: float) -> None:
        """Writes a frame H×W×3, uint8 BGR, that belongs at ``moment`` (seconds). Raises what the sink raises."""
        last = self._last
        if last is not None and last.shape != frame.shape:  # a camera that came back with another size
            size = (last.shape[1], last.shape[0])
            frame = np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_AREA), np.uint8)
        copies = self._pacer.copies(moment) if self._pacer else 1
        for _ in range(copies - 1):
            self._sink.write(frame if last is None else last)
        if copies:
            self._sink.write(frame)
        self._last = frame
