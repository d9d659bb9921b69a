"""Raw frames from stdin, for programs such as ffmpeg that write them."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np

from nitido.errors import SourceUnavailable
from nitido.frames import Frame

_log = logging.getLogger(__name__)


class PipeSource:
    """Frames H×W×3, uint8 BGR, one after the other without headers (ffmpeg's ``-f rawvideo -pix_fmt bgr24``).

    size: width and height in pixels. rate: frames per second if the writer is faster than real time; the source then
    plays at this rate like a file. ``None``: frames arrive in real time. An incomplete last frame is logged and left
    out. Raises ``SourceUnavailable``.
    """

    reconnects = 0

    def __init__(self, size: tuple[int, int], *, rate: float | None = None, stream: BinaryIO | None = None) -> None:
        if min(size) < 1:
            raise SourceUnavailable(f"expected a size of at least 1×1, found {size[0]}×{size[1]}")
        if stream is None and sys.stdin is not None and sys.stdin.isatty():
            raise SourceUnavailable("expected raw frames on stdin, found a terminal; pipe a program into nitido")
        self.size, self.fps, self.live = size, rate, rate is None
        # Unbuffered, because a thread that waits in a buffered stdin would abort the interpreter at its end.
        self._stream = stream or open(0, "rb", buffering=0, closefd=False)  # noqa: SIM115 (a descriptor)
        self._closed = threading.Event()

    @property
    def frame_size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.size

    def __iter__(self) -> Iterator[Frame]:
        width, height = self.size
        while not self._closed.is_set():
            frame = np.empty((height, width, 3), np.uint8)
            got = self._fill(frame.data.cast("B"))
            if got < frame.nbytes:
                if got:
                    _log.warning("the last frame was incomplete, %d of %d bytes, and was left out", got, frame.nbytes)
                return
            yield frame

    def close(self) -> None:
        """Ends a running iteration after the frame it waits for."""
        self._closed.set()

    def __enter__(self) -> PipeSource:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _fill(self, room: memoryview) -> int:
        """Reads until ``room`` is full or the stream ends; returns the bytes read."""
        done = 0
        while done < len(room):
            try:
                got = self._stream.readinto(room[done:])  # type: ignore[attr-defined]
            except OSError as error:
                raise SourceUnavailable(f"cannot read frames from stdin: {error.strerror}") from error
            if not got:
                break
            done += got
        return done
