"""Video files in and out, frame by frame."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from nitido.errors import SinkUnavailable, SourceUnavailable

SUFFIXES = frozenset({".mp4", ".mkv", ".avi", ".mov", ".webm", ".m4v"})
# Codecs that OpenCV's wheels can write: MPEG-4 Part 2, lossless FFV1, Motion JPEG.
_CODECS = {".mp4": "mp4v", ".m4v": "mp4v", ".mov": "mp4v", ".mkv": "FFV1", ".avi": "MJPG"}


class VideoSource:
    """Frames of a video file, uint8 H×W×3 BGR. ``fps``: frames per second; ``count``: frames the file promises, 0 if
    it does not say. Raises ``SourceUnavailable`` for a file that is not a video."""

    def __init__(self, path: Path) -> None:
        self.path = path
        if not path.is_file():
            raise SourceUnavailable(f"no such file: {path}")
        self._capture = cv2.VideoCapture(str(path))
        if not self._capture.isOpened():
            raise SourceUnavailable(f"{path} is not a video that OpenCV can decode")
        self.fps = self._capture.get(cv2.CAP_PROP_FPS) or 25.0
        self.count = max(0, int(self._capture.get(cv2.CAP_PROP_FRAME_COUNT)))

    def __iter__(self) -> Iterator[NDArray[np.uint8]]:
        while True:
            ok, frame = self._capture.read()
            if not ok:
                return
            yield np.asarray(frame, np.uint8)

    def __enter__(self) -> VideoSource:
        return self

    def __exit__(self, *_: object) -> None:
        self._capture.release()


class VideoSink:
    """Writes frames to a video file that appears under its name only when complete.

    ``.mp4``/``.mov``: MPEG-4; ``.mkv``: lossless FFV1; ``.avi``: Motion JPEG. Without sound.
    Leaving the context with an exception removes what was written. Raises ``SinkUnavailable``.
    """

    def __init__(self, path: Path, fps: float) -> None:
        suffix = path.suffix.lower()
        if suffix not in _CODECS:
            raise SinkUnavailable(f"cannot write {path}: expected a name ending in {', '.join(sorted(_CODECS))}")
        self.path, self.fps, self.frames = path, fps, 0
        self._codec = _CODECS[suffix]
        self._partial = path.with_name(f".{path.stem}.partial{suffix}")
        self._writer: cv2.VideoWriter | None = None

    def write(self, frame: NDArray[np.uint8]) -> None:
        """Appends a frame uint8 H×W×3 BGR; the first one sets the size."""
        if self._writer is None:
            try:
                self.path.parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise SinkUnavailable(f"cannot write {self.path}: {error.strerror}") from error
            height, width = frame.shape[:2]
            code = cv2.VideoWriter.fourcc(*self._codec)
            self._writer = cv2.VideoWriter(str(self._partial), code, self.fps, (width, height))
            if not self._writer.isOpened():
                raise SinkUnavailable(f"cannot write {self.path}: OpenCV could not open a {self._codec} file there")
        self._writer.write(frame)
        self.frames += 1

    def __enter__(self) -> VideoSink:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._writer is not None:
            self._writer.release()
        if self._partial.parent.is_dir():
            if kind is None and self._partial.is_file():
                self._partial.replace(self.path)
            else:
                self._partial.unlink(missing_ok=True)
