"""Video files in and out, frame by frame."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from nitido.errors import FrameMismatch, SinkUnavailable, SourceUnavailable
from nitido.frames import Frame

SUFFIXES = frozenset({".mp4", ".mkv", ".avi", ".mov", ".webm", ".m4v"})
# Codecs that OpenCV's wheels can write: MPEG-4 Part 2, lossless FFV1, Motion JPEG.
_CODECS = {".mp4": "mp4v", ".m4v": "mp4v", ".mov": "mp4v", ".mkv": "FFV1", ".avi": "MJPG"}
WRITTEN = frozenset(_CODECS)
_RESERVE = 4 << 20  # bytes of disk that finishing a file may take beside its frames


class VideoSource:
    """Frames of a video file, uint8 H×W×3 BGR. ``fps``: frames per second; ``count``: frames the file promises, 0 if
    it does not say. Raises ``SourceUnavailable`` for a file that is not a video."""

    live = False
    reconnects = 0

    def __init__(self, path: Path) -> None:
        self.path = path
        if not path.is_file():
            raise SourceUnavailable(f"no such file: {path}")
        self._capture = cv2.VideoCapture(str(path))
        if not self._capture.isOpened():
            raise SourceUnavailable(f"{path} is not a video that OpenCV can decode")
        self.fps = self._capture.get(cv2.CAP_PROP_FPS) or 25.0
        self.count = max(0, int(self._capture.get(cv2.CAP_PROP_FRAME_COUNT)))
        self._closed = False
        self._reading = threading.Lock()

    def __iter__(self) -> Iterator[Frame]:
        while not self._closed:
            with self._reading:
                ok, frame = self._capture.read()
            if not ok:
                return
            yield np.asarray(frame, np.uint8)

    def close(self) -> None:
        """Ends a running iteration after the frame in hand."""
        self._closed = True

    def __enter__(self) -> VideoSource:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
        with self._reading:  # releasing under a reader would crash the process
            self._capture.release()


class VideoSink:
    """Writes frames to a video file that appears under its name only when complete, synced to the disk.

    ``.mp4``/``.mov``: MPEG-4; ``.mkv``: lossless FFV1; ``.avi``: Motion JPEG. Without sound. OpenCV's writers cut odd
    sides; here the last row or column is written twice instead.

    Leaving the context with an exception removes what was written; with ``keep`` the frames so far are finished into a
    playable file instead, as for a recording that cannot be repeated. Raises ``SinkUnavailable``, also when the disk
    fills up (OpenCV would not tell) or the finished file cannot be read back, and ``FrameMismatch``.
    """

    def __init__(self, path: Path, fps: float, *, keep: bool = False) -> None:
        suffix = path.suffix.lower()
        if suffix not in _CODECS:
            raise SinkUnavailable(f"cannot write {path}: expected a name ending in {', '.join(sorted(_CODECS))}")
        self.path, self.fps, self.frames = path, fps, 0
        self._keep = keep
        self._codec = _CODECS[suffix]
        self._partial = path.with_name(f".{path.stem}.partial{path.suffix}")
        self._writer: cv2.VideoWriter | None = None
        self._shape: tuple[int, ...] = ()

    def write(self, frame: Frame) -> None:
        """Appends a frame uint8 H×W×3 BGR; the first one sets the size."""
        bottom, right = frame.shape[0] % 2, frame.shape[1] % 2
        if self._writer is None:
            self._writer = self._open(frame.shape[1] + right, frame.shape[0] + bottom)
            self._shape = frame.shape
        if frame.shape != self._shape:
            raise FrameMismatch(f"{self.path}: expected frames of {self._shape}, found {frame.shape}")
        self._check_room(frame.nbytes)
        even = cv2.copyMakeBorder(frame, 0, bottom, 0, right, cv2.BORDER_REPLICATE) if bottom or right else frame
        self._writer.write(even)
        self.frames += 1

    def __enter__(self) -> VideoSink:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._writer is not None:
            self._writer.release()
            self._writer = None
        if not self._partial.parent.is_dir():
            return
        try:
            if self._partial.is_file() and (kind is None or self._keep):
                self._finish(failed=kind is not None)
        finally:
            self._partial.unlink(missing_ok=True)

    def _open(self, width: int, height: int) -> cv2.VideoWriter:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SinkUnavailable(f"cannot write {self.path}: {error.strerror}") from error
        code = cv2.VideoWriter.fourcc(*self._codec)
        writer = cv2.VideoWriter(str(self._partial), code, self.fps, (width, height))
        if not writer.isOpened():
            raise SinkUnavailable(f"cannot write {self.path}: OpenCV could not open a {self._codec} file there")
        return writer

    def _check_room(self, frame_bytes: int) -> None:
        """Stops while there is room to finish the file: an MP4 without its last block cannot be played."""
        needed = _RESERVE + 2 * frame_bytes + 64 * self.frames
        try:
            free = shutil.disk_usage(self.path.parent).free
        except OSError as error:
            raise SinkUnavailable(f"cannot write {self.path}: {error.strerror}") from error
        if free < needed:
            kept = f"the {self.frames} frames so far are kept" if self._keep and self.frames else "nothing was kept"
            raise SinkUnavailable(
                f"cannot go on writing {self.path}: {free / 1e6:.1f} MB left on its disk, {needed / 1e6:.1f} MB needed "
                f"to finish the file; {kept}, make room"
            )

    def _finish(self, *, failed: bool) -> None:
        """Syncs, reads back and renames. What is not whole is kept only for a recording, and never without a word."""
        try:
            with self._partial.open("rb+") as file:
                os.fsync(file.fileno())
        except OSError as error:
            raise SinkUnavailable(f"cannot write {self.path}: {error.strerror}; nothing was changed") from error
        found = _playable_frames(self._partial)
        whole = found >= 0.9 * self.frames  # containers count by duration, to a frame or two
        if found and (whole or self._keep):
            self._partial.replace(self.path)
        if not whole and not failed:
            kept = f"what can be played is in {self.path}" if found and self._keep else "nothing was kept"
            raise SinkUnavailable(
                f"{self.path} was cut short, {found} of {self.frames} frames can be read back (disk full, quota, or "
                f"device gone?); {kept}"
            )


def _playable_frames(path: Path) -> int:
    """How many frames a video promises, 0 when not even the first can be decoded."""
    capture = cv2.VideoCapture(str(path))
    try:
        if not capture.isOpened() or not capture.read()[0]:
            return 0
        return max(1, int(capture.get(cv2.CAP_PROP_FRAME_COUNT)))
    finally:
        capture.release()
