"""PyAV, which reads and writes video files; it comes with the extra ``video``.

Its wheels contain FFmpeg with GPL parts (x264, x265), so it is not a requirement for devices.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any, BinaryIO

from nitido.errors import NitidoError
from nitido.system.cpus import usable_cpus

_OLDEST = 18  # older ones do not convert matrices and HDR as requested


class VideoLibraryMissing(NitidoError):
    """The extra ``video`` is not installed."""


def codec_threads() -> int:
    """The number of threads for a decoder or an encoder. Most cores are for the model, which would be slowed down by
    sharing them."""
    return max(1, usable_cpus() // 4)


def load_av() -> ModuleType:
    """The module ``av``. Raises ``VideoLibraryMissing`` if it is not installed or too old."""
    # OpenCV first: if OpenCV is imported after PyAV's FFmpeg, its windows hang forever.
    import cv2  # noqa: F401

    try:
        import av
        import av.logging
    except ModuleNotFoundError as error:
        raise VideoLibraryMissing("PyAV is not installed; run: pip install 'nitido[video]'") from error
    if int(av.__version__.partition(".")[0]) < _OLDEST:
        raise VideoLibraryMissing(
            f"expected PyAV {_OLDEST} or later, found {av.__version__}; run: pip install 'nitido[video]'"
        )
    av.logging.set_level(None)  # our errors report problems in one line
    os.environ.setdefault("SVT_LOG", "1")  # otherwise SVT-AV1 prints its version
    return av


class OpenFile:
    """A file for FFmpeg to read or write under a name that FFmpeg never sees.

    A path would be taken for a URL (``12:30.mp4``), a pattern (``100%.mp4``) or UTF-8 that it is not.

    failure: why a write failed. It is raised once. Later writes of FFmpeg are discarded, because PyAV would print every
    further exception.
    """

    def __init__(self, file: io.FileIO | BinaryIO, suffix: str) -> None:
        self.name = f"video{suffix.lower()}"
        self.file = file
        self.failure: OSError | None = None
        self.read, self.tell = file.read, file.tell

    def write(self, data: bytes) -> int:
        """Writes all bytes."""
        if self.failure is None:
            rest = memoryview(data)
            try:
                while rest:
                    rest = rest[self.file.write(rest) or 0 :]
            except OSError as error:
                self.failure = error
                raise
        return len(data)

    def seek(self, offset: int, whence: int = 0) -> int:
        return self.file.seek(offset, whence)

    def readable(self) -> bool:
        return self.file.readable()

    def writable(self) -> bool:
        return self.file.writable()

    def seekable(self) -> bool:
        return self.file.seekable()

    def close(self) -> None:
        self.file.close()


PATIENCE = 10.0  # seconds without data after which a network stream is lost


@contextmanager
def open_input(source: Path | str) -> Iterator[Any]:
    """A container to read: a file or a URL. Raises exceptions of PyAV, and ``OSError``."""
    av = load_av()
    if isinstance(source, str):
        options = {"rtsp_transport": "tcp"} if source.lower().startswith("rtsp") else {}
        with av.open(source, options=options, timeout=(PATIENCE, PATIENCE), metadata_errors="replace") as container:
            yield container
        return
    with source.open("rb") as file, av.open(OpenFile(file, source.suffix), metadata_errors="replace") as container:
        yield container


def reason(error: BaseException) -> str:
    """The reason of an error, from FFmpeg or the system."""
    text = getattr(error, "strerror", None) or str(error).strip()
    return text.splitlines()[0] if text else type(error).__name__


def is_cover(stream: Any) -> bool:
    """Whether a stream is a cover picture."""
    from av.stream import Disposition

    return stream.type == "video" and bool(stream.disposition & Disposition.attached_pic)


def main_video(container: Any) -> Any:
    """The video stream that a player shows: the default one, or else the first one that is not a cover. ``None``:
    none."""
    from av.stream import Disposition

    streams = [stream for stream in container.streams.video if not is_cover(stream)]
    return next((s for s in streams if s.disposition & Disposition.default), streams[0] if streams else None)
