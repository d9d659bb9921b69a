"""Cameras through OpenCV, and other captures, which are reopened after they were lost."""

from __future__ import annotations

import logging
import re
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import cv2
import numpy as np

from nitido.errors import SourceUnavailable
from nitido.frames import Frame

_log = logging.getLogger(__name__)
_PATIENCE = 2.0  # seconds that a reader may take to notice that its source was closed
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 30.0


class Capture(Protocol):
    """The part of ``cv2.VideoCapture`` that is used."""

    def isOpened(self) -> bool: ...  # noqa: N802 (OpenCV's name)
    def read(self) -> tuple[bool, Any]: ...
    def get(self, propId: int, /) -> float: ...  # noqa: N803 (OpenCV's name)
    def release(self) -> None: ...


@dataclass(frozen=True)
class CaptureSettings:
    """The settings that are requested from a camera or in effect: width and height in pixels, frames per second, four
    letters of the pixel format. ``None``: not requested, or not known."""

    size: tuple[int, int] | None = None
    fps: float | None = None
    pixel_format: str | None = None

    def __str__(self) -> str:
        size = f"{self.size[0]}×{self.size[1]}" if self.size else ""
        rate = f"{self.fps:g} fps" if self.fps else ""
        return " ".join(part for part in (size, rate, self.pixel_format or "") if part) or "nothing in particular"


class CameraSource:
    """A camera (number or device file) or a stream (URL), uint8 H×W×3 BGR.

    When frames stop coming it is opened again, after a pause that doubles from 0.5 to 30 s, until it is back or the
    source is closed. The settings in effect are logged and in ``obtained``. Raises ``SourceUnavailable`` if it cannot
    be opened the first time.
    """

    live = True

    def __init__(
        self,
        device: int | str,
        *,
        settings: CaptureSettings | None = None,
        opener: Callable[[], Capture] | None = None,
        wait: Callable[[float], bool] | None = None,
    ) -> None:
        """opener: returns a capture, for cameras that OpenCV does not support. wait: sleeps for some seconds and
        returns whether the source was closed meanwhile. Both can be replaced in tests."""
        self.device, self.settings = device, settings or CaptureSettings()
        self.reconnects = 0
        self._closed = threading.Event()
        self._reading = threading.Lock()
        self._open = opener or (lambda: _open_capture(device, self.settings))
        self._wait = wait or self._closed.wait
        self._capture = self._open()
        if not self._capture.isOpened():
            raise SourceUnavailable(_not_there(device))
        self.obtained = obtained(self._capture)
        self._tell()

    @property
    def fps(self) -> float | None:
        """Frames per second from the driver; ``None`` if not known."""
        return self.obtained.fps

    @property
    def frame_size(self) -> tuple[int, int] | None:
        """Width and height in pixels from the driver; ``None`` if not known."""
        return self.obtained.size

    def __iter__(self) -> Iterator[Frame]:
        while not self._closed.is_set():
            with self._reading:
                ok, frame = self._capture.read()
            if ok and frame is not None:
                yield np.asarray(frame, np.uint8)
            elif not self._find_again():
                return

    def close(self) -> None:
        """Ends a running iteration after the frame it waits for."""
        self._closed.set()

    def __enter__(self) -> CameraSource:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
        # Releasing a capture in which another thread still waits for a frame would crash the process.
        if self._reading.acquire(timeout=_PATIENCE):
            self._capture.release()
            self._reading.release()

    def _find_again(self) -> bool:
        """Reopens the camera, with as many attempts as necessary; ``False`` if the source was closed."""
        _log.warning("%s: lost, trying to open it again", self.device)
        pause = _FIRST_PAUSE
        self._capture.release()
        while not self._wait(pause):
            self._capture = self._open()
            if self._capture.isOpened():
                self.reconnects += 1
                self.obtained = obtained(self._capture)
                _log.warning("%s: back, %s", self.device, self.obtained)
                return True
            pause = min(2 * pause, _LONGEST_PAUSE)
            _log.warning("%s: still not there, next try in %g s", self.device, pause)
        return False

    def _tell(self) -> None:
        """Logs the settings in effect, and the requested ones if they differ."""
        _log.info("%s: obtained %s", self.device, self.obtained)
        asked, got = self.settings, self.obtained
        rate_differs = asked.fps and got.fps and abs(asked.fps - got.fps) > 0.5
        if (
            rate_differs
            or (asked.size and asked.size != got.size)
            or (asked.pixel_format and got.pixel_format and asked.pixel_format.upper() != got.pixel_format)
        ):
            _log.warning("%s: requested %s, obtained %s", self.device, asked, got)


def obtained(capture: Capture) -> CaptureSettings:
    """The settings in effect, as far as the driver reports them."""
    width, height = int(capture.get(cv2.CAP_PROP_FRAME_WIDTH)), int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT))
    fps, code = capture.get(cv2.CAP_PROP_FPS), int(capture.get(cv2.CAP_PROP_FOURCC))
    letters = "".join(chr((code >> shift) & 255) for shift in (0, 8, 16, 24))
    return CaptureSettings(
        size=(width, height) if width > 0 and height > 0 else None,
        fps=fps if 0 < fps <= 1000 else None,  # streams report their time base, such as 90000
        pixel_format=letters if re.fullmatch(r"[\w ]{4}", letters, re.ASCII) else None,
    )


@contextmanager
def _unlogged() -> Iterator[None]:
    """For the block, suppresses OpenCV's warnings, because our error reports in one line what could not be opened."""
    set_level: Callable[[int], int] = getattr(cv2, "setLogLevel", None) or cv2.utils.logging.setLogLevel  # 4, or 5
    level = set_level(0)
    try:
        yield
    finally:
        set_level(level)


@_unlogged()
def _open_capture(device: int | str, settings: CaptureSettings) -> cv2.VideoCapture:
    backend = cv2.CAP_V4L2 if sys.platform == "linux" else cv2.CAP_ANY
    capture = cv2.VideoCapture(device, backend)
    # The pixel format first, because the available sizes and rates depend on it.
    if settings.pixel_format:
        capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*settings.pixel_format.upper().ljust(4)[:4]))
    if settings.size:
        capture.set(cv2.CAP_PROP_FRAME_WIDTH, settings.size[0])
        capture.set(cv2.CAP_PROP_FRAME_HEIGHT, settings.size[1])
    if settings.fps:
        capture.set(cv2.CAP_PROP_FPS, settings.fps)
    if capture.isOpened():
        capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
    return capture


def _not_there(device: int | str) -> str:
    if isinstance(device, str) and "://" in device:
        return f"cannot open the stream {device}: it does not exist, is not a video, or gave no answer within 10 s"
    return f"cannot open camera {device}: missing, in use, or no permission; 'nitido cameras' lists the cameras"
