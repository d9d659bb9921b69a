"""Where frames go: a window, a video file, a virtual camera, a web page, a pipe."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, runtime_checkable
from urllib.parse import urlsplit

from nitido.errors import SinkUnavailable
from nitido.frames import Frame
from nitido.live.state import Controls, Shot, Status
from nitido.system.files import refuse_existing
from nitido.video.formats import DEFAULT, Encoding

if TYPE_CHECKING:
    from nitido.video.reader import VideoSource


class Sink(Protocol):
    """Takes frames, uint8 H×W×3 BGR, for a ``with`` block. Raises ``SinkClosed`` or ``SinkUnavailable``."""

    @property
    def fps(self) -> float | None:
        """Frames per second at which the written frames will be played. A live run repeats or leaves out frames to keep
        this rate. ``None``: a frame is shown when it is written."""
        ...

    def write(self, frame: Frame) -> None: ...

    def __enter__(self) -> Sink: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None: ...


@runtime_checkable
class TimedSink(Protocol):
    """A sink that keeps the time of each frame, such as a video file."""

    @property
    def fps(self) -> float | None: ...

    def write_at(self, frame: Frame, seconds: float) -> None:
        """Writes a frame for that moment; moments never decrease."""
        ...


@runtime_checkable
class Viewer(Protocol):
    """A sink for people. It gets the frame before and after restoration with the status of the run, and may change the
    controls."""

    def show(self, shot: Shot, status: Status, controls: Controls) -> None: ...

    def idle(self, controls: Controls) -> None:
        """Called several times a second while no frame arrives."""
        ...


class NullSink:
    """Discards frames, for measurements."""

    fps: float | None = None

    def write(self, frame: Frame) -> None:
        """Does nothing."""

    def __enter__(self) -> NullSink:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing to close."""


def open_sink(
    spec: str,
    *,
    fps: float | None = None,
    overwrite: bool = False,
    snapshots: Path | None = None,
    encoding: Encoding = DEFAULT,
    clip: VideoSource | None = None,
) -> Sink:
    """Opens a sink for frames.

    Args:
        spec: ``window``; ``clip.mp4`` and the other video suffixes; ``virtual`` or ``virtual:/dev/video9``;
            ``mjpeg://127.0.0.1:8080``; ``-``: raw BGR24 frames on stdout; ``none``.
        fps: frames per second of a file (default 30), a virtual camera (default 30) or a pipe (default as they come).
        overwrite: whether an existing file is replaced.
        snapshots: folder for pictures taken in a window. Default: the current folder.
        encoding: codec and quality of a video file.
        clip: the source, if it is a video file: its sound, subtitles and colours are kept in a video file.

    Raises:
        SinkUnavailable: the sink cannot be opened.
    """
    if spec == "none":
        return NullSink()
    if spec == "-":
        from nitido.live.sinks.pipe import PipeSink

        return PipeSink(fps=fps)
    if spec == "window":
        from nitido.live.sinks.window import WindowSink

        return WindowSink(snapshots=snapshots or Path())
    if spec == "virtual" or spec.startswith("virtual:"):
        from nitido.live.sinks.virtual_camera import VirtualCameraSink

        return VirtualCameraSink(fps or 30.0, device=spec.partition(":")[2] or None)
    if spec.startswith("mjpeg:"):
        from nitido.live.sinks.browser import MjpegSink

        return MjpegSink(*_address(spec))
    from nitido.video.writer import VideoSink

    path = Path(spec)
    refuse_existing([path], overwrite=overwrite)
    if clip is None:
        return VideoSink(path, fps or 30.0, keep=True, encoding=encoding)
    return VideoSink(
        path, fps or clip.fps, keep=True, encoding=encoding, like=clip.info, streams_of=clip.path, whole=False
    )


def _address(spec: str) -> tuple[str, int]:
    """Host and port of ``mjpeg://host:port``; loopback and 8080 when not given."""
    try:
        parts = urlsplit(spec)
        port = 8080 if parts.port is None else parts.port
    except ValueError as error:
        raise SinkUnavailable(f"expected mjpeg://127.0.0.1:8080, found {spec} ({error})") from error
    return parts.hostname or "127.0.0.1", port
