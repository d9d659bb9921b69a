"""Sources of frames: cameras, streams, video files, a pipe."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Protocol, runtime_checkable

from nitido.errors import SourceUnavailable
from nitido.frames import Frame

_STREAMS = ("rtsp://", "rtsps://", "rtmp://", "http://", "https://", "udp://", "tcp://", "srt://", "rtp://")


class Source(Protocol):
    """A stream of frames, uint8 H×W×3 BGR, for a ``with`` block; iterated once.

    ``close`` ends a running iteration soon and may be called in another thread, more than once.
    """

    @property
    def fps(self) -> float | None:
        """Nominal frames per second; ``None`` if not known."""
        ...

    @property
    def live(self) -> bool:
        """Whether frames arrive in real time, as from a camera. Otherwise they are available as fast as they are
        read."""
        ...

    @property
    def reconnects(self) -> int:
        """How often the stream was lost and reopened."""
        ...

    def __iter__(self) -> Iterator[Frame]: ...

    def close(self) -> None: ...

    def __enter__(self) -> Source: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None: ...


@runtime_checkable
class Measured(Protocol):
    """A source that knows the size of its frames, so that a live run can prepare before the first one arrives."""

    @property
    def frame_size(self) -> tuple[int, int] | None:
        """Width and height in pixels; ``None`` if not known."""
        ...


@runtime_checkable
class Timed(Protocol):
    """A source whose frames have times, such as a clip."""

    @property
    def time(self) -> float:
        """The time of the last frame in seconds."""
        ...


def open_source(
    spec: str,
    *,
    size: tuple[int, int] | None = None,
    rate: float | None = None,
    pixel_format: str | None = None,
) -> Source:
    """Opens a source of frames.

    Args:
        spec: ``0`` or ``/dev/video0``: a camera. ``rtsp://…``, ``http://…`` and the like: a stream. ``-``: raw BGR24
            frames on stdin. Anything else: a video file.
        size: width and height in pixels; requested from a camera, required for a pipe.
        rate: frames per second; requested from a camera, the largest rate of a pipe.
        pixel_format: four letters requested from a camera, such as ``MJPG``.

    Raises:
        SourceUnavailable: the source cannot be opened.
    """
    if spec == "-":
        from nitido.live.sources.pipe import PipeSource

        if size is None:
            raise SourceUnavailable("raw frames do not contain their size; give it, for example: --size 640x480")
        return PipeSource(size, rate=rate)
    if spec.isdecimal() or spec.startswith("/dev/"):
        from nitido.live.sources.camera import CameraSource, CaptureSettings

        return CameraSource(int(spec) if spec.isdecimal() else spec, settings=CaptureSettings(size, rate, pixel_format))
    if spec.lower().startswith(_STREAMS):
        from nitido.live.sources.camera import CameraSource
        from nitido.live.sources.stream import StreamCapture

        return _open_clip(spec) or CameraSource(spec, opener=lambda: StreamCapture(spec))
    from nitido.video.reader import VideoSource

    if "://" in spec:
        raise SourceUnavailable(f"cannot open {spec}: expected one of {', '.join(_STREAMS)}")
    return VideoSource(Path(spec))


def _open_clip(url: str) -> Source | None:
    """The clip of known length behind a URL, which plays like a file; ``None`` for a live stream."""
    from nitido.video.reader import VideoSource

    if not url.lower().startswith(("http://", "https://")):
        return None
    try:
        clip = VideoSource(url)
    except SourceUnavailable:
        return None  # the stream's own error says what is wrong
    if clip.count > 0:
        return clip
    with clip:
        return None
