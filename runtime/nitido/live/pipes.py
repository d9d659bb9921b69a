"""Raw frames over stdin and stdout, for programs such as ffmpeg on either side."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np

from nitido.errors import FrameMismatch, SinkClosed, SinkUnavailable, SourceUnavailable
from nitido.frames import Frame

_log = logging.getLogger(__name__)


class PipeSource:
    """Frames H×W×3, uint8 BGR, one after the other without headers (ffmpeg's ``-f rawvideo -pix_fmt bgr24``).

    size: width and height in pixels. rate: frames per second when the writer is faster than real time, which makes
    the source wait for its moment like a file; ``None`` when frames come in their own time. A last frame that is cut
    short is logged and left out. Raises ``SourceUnavailable``.
    """

    reconnects = 0

    def __init__(self, size: tuple[int, int], *, rate: float | None = None, stream: BinaryIO | None = None) -> None:
        if min(size) < 1:
            raise SourceUnavailable(f"expected a size of at least 1×1, found {size[0]}×{size[1]}")
        if stream is None and sys.stdin is not None and sys.stdin.isatty():
            raise SourceUnavailable("expected raw frames on stdin, found a terminal; pipe a program into nitido")
        self.size, self.fps, self.live = size, rate, rate is None
        # Unbuffered: a thread that waits in a buffered stdin would abort the interpreter when it ends.
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
                    _log.warning("the last frame was short, %d of %d bytes, and was left out", got, frame.nbytes)
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


class PipeSink:
    """Writes frames H×W×3, uint8 BGR, as raw bytes. All must be of the first one's size.

    fps: the rate at which the reader will take them; ``None`` when it shows them as they come. Raises ``SinkClosed``
    when the reader has gone, ``SinkUnavailable`` for other failures, ``FrameMismatch`` for a frame of another size.
    """

    def __init__(self, *, fps: float | None = None, stream: BinaryIO | None = None) -> None:
        if stream is None and sys.stdout is not None and sys.stdout.isatty():
            raise SinkUnavailable("raw frames would fill this terminal; pipe them into a program, such as ffplay")
        self.fps, self.frames = fps, 0
        self._stream = stream or open(1, "wb", buffering=0, closefd=False)  # noqa: SIM115 (a descriptor)
        self._shape: tuple[int, ...] | None = None

    def write(self, frame: Frame) -> None:
        """Writes a frame; waits as long as the reader does not take it."""
        if self._shape is None:
            self._shape = frame.shape
            _log.info("raw frames on stdout: bgr24, %d×%d", frame.shape[1], frame.shape[0])
        if frame.shape != self._shape:
            raise FrameMismatch(f"expected frames of {self._shape} in the pipe, found {frame.shape}")
        rest = np.ascontiguousarray(frame).data.cast("B")
        try:
            while rest:
                rest = rest[self._stream.write(rest) or 0 :]
        except BrokenPipeError as error:
            raise SinkClosed(f"the reader of the frames has gone after {self.frames} frames") from error
        except OSError as error:
            raise SinkUnavailable(f"cannot write frames to stdout: {error.strerror}") from error
        self.frames += 1

    def __enter__(self) -> PipeSink:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing to close: stdout belongs to the process."""
