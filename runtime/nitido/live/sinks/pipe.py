"""Raw frames to stdout, for programs such as ffmpeg that read them."""

from __future__ import annotations

import logging
import sys
from typing import BinaryIO

import numpy as np

from nitido.errors import FrameMismatch, SinkClosed, SinkUnavailable
from nitido.frames import Frame
from nitido.wording import count

_log = logging.getLogger(__name__)


class PipeSink:
    """Writes frames H×W×3, uint8 BGR, as raw bytes. All must have the size of the first one.

    fps: the rate at which the reader plays them; ``None`` if it shows them as they arrive. Raises ``SinkClosed`` when
    the reader has closed the pipe, ``SinkUnavailable`` for other failures, ``FrameMismatch`` for a frame of another
    size.
    """

    def __init__(self, *, fps: float | None = None, stream: BinaryIO | None = None) -> None:
        if stream is None and sys.stdout is not None and sys.stdout.isatty():
            raise SinkUnavailable("raw frames would fill this terminal; pipe them into a program, such as ffplay")
        self.fps, self.frames = fps, 0
        self._stream = stream or open(1, "wb", buffering=0, closefd=False)  # noqa: SIM115 (a descriptor)
        self._shape: tuple[int, ...] | None = None

    def write(self, frame: Frame) -> None:
        """Writes a frame; waits until the reader takes it."""
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
            raise SinkClosed(f"the reader closed the pipe after {count(self.frames, 'frame')}") from error
        except OSError as error:
            raise SinkUnavailable(f"cannot write frames to stdout: {error.strerror}") from error
        self.frames += 1

    def __enter__(self) -> PipeSink:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing to close: stdout belongs to the process."""
