"""Network streams through PyAV. A stream without data for ten seconds is lost, even if it is connected."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import cv2

from nitido.frames import Frame
from nitido.video.colour import Decoder, tags_of
from nitido.video.library import PATIENCE, load_av, open_input, reason

_log = logging.getLogger(__name__)


class StreamCapture:
    """A stream with the interface :class:`nitido.live.sources.camera.Capture` of a camera."""

    def __init__(self, url: str) -> None:
        self._av = load_av()
        self._stack = ExitStack()
        self._decoder = Decoder()
        self._frames: Iterator[Any] = iter(())
        self._stream: Any = None
        try:
            container = self._stack.enter_context(open_input(url))
            self._stream = next(iter(container.streams.video), None)
            if self._stream is not None:
                # Frames of a stream are decoded one by one, because decoding several at once would delay them.
                self._stream.thread_type = "SLICE"
                self._frames = container.decode(self._stream)
        except (self._av.error.FFmpegError, OSError) as error:
            _log.debug("%s: %s", url, reason(error))
            self._stack.close()

    def isOpened(self) -> bool:  # noqa: N802 (OpenCV's name)
        return self._stream is not None

    def read(self) -> tuple[bool, Frame | None]:
        """The next frame, uint8 H×W×3 BGR, or none if the stream has ended or is lost."""
        while True:
            began = time.monotonic()
            try:
                frame = next(self._frames, None)
            except self._av.error.InvalidDataError:
                continue  # a damaged packet; the next one may be whole
            except (self._av.error.FFmpegError, OSError):
                return False, None
            if time.monotonic() - began > 0.9 * PATIENCE:
                # FFmpeg gave up and returned its remaining frames; now it would wait again.
                self._frames = iter(())
            return (False, None) if frame is None else (True, self._decoder.pixels(frame, tags_of(frame)))

    def get(self, propId: int, /) -> float:  # noqa: N803 (OpenCV's name)
        """A property of the stream by OpenCV's number; 0 for unknown ones."""
        if self._stream is None:
            return 0.0
        known = {
            cv2.CAP_PROP_FRAME_WIDTH: self._stream.width,
            cv2.CAP_PROP_FRAME_HEIGHT: self._stream.height,
            cv2.CAP_PROP_FPS: float(self._stream.average_rate or self._stream.guessed_rate or 0),
        }
        return float(known.get(propId, 0))

    def release(self) -> None:
        """Closes the connection."""
        self._frames = iter(())
        self._stack.close()
