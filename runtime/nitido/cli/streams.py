"""Shared by ``nitido live`` and ``nitido anomaly live``: options and their checks."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

import click

from nitido.cli.options import together
from nitido.system.process import leave_behind, quiet_stderr

if TYPE_CHECKING:
    from nitido.live.sources import Source
    from nitido.live.state import Controls, Status
    from nitido.live.statistics import LiveReport
    from nitido.system.service import Service


class _Size(click.ParamType):  # takes a type argument only since click 8.4
    """``640x480`` as (640, 480)."""

    name = "WxH"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        found = re.fullmatch(r"(\d+)[x×](\d+)", str(value).lower())
        if found is None:
            self.fail(f"expected a size such as 640x480, found {value}", param, ctx)
        return int(found[1]), int(found[2])


ends_options = together(
    click.option(
        "--source", default="0", show_default=True, help="Camera (0, /dev/video0), URL, video file, - (stdin)."
    ),
    click.option(
        "--sink",
        default="window",
        show_default=True,
        help="window, clip.mp4, virtual, mjpeg://127.0.0.1:8080, - (stdout), or none.",
    ),
)
size_option = click.option("--size", type=_Size(), help="Frame size of a pipe, or requested from the camera.")
pixel_format_option = click.option(
    "--pixel-format", metavar="FOURCC", help="Pixel format requested from the camera, such as MJPG or YUYV."
)
frames_options = together(
    click.option("--every-frame", is_flag=True, help="Drop no frames, however long they take. For files and pipes."),
    size_option,
    click.option(
        "--rate",
        type=click.FloatRange(0, min_open=True),
        help="Frames per second read from a pipe, or requested from the camera.",
    ),
    pixel_format_option,
)
snapshots_option = click.option(
    "--snapshots",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for pictures saved with the key s.  [default: .]",
)


def refuse_own_source(source: str, sink: str) -> None:
    """Raises ``SinkUnavailable`` when the sink would overwrite the file that is read."""
    from nitido.errors import SinkUnavailable

    if Path(source).is_file() and Path(source).resolve() == Path(sink).resolve():
        raise SinkUnavailable(f"{sink} would replace its own source; choose another --sink")


def open_frames(
    source: str,
    *,
    size: tuple[int, int] | None,
    rate: float | None,
    pixel_format: str | None,
    controls: Controls,
) -> Source:
    """Opens the source of a command, without messages of ffmpeg and OpenCV, because the error contains the reason.
    Raises ``SourceUnavailable``.

    A network stream may take ten seconds to answer; the command ends with exit code 0 as soon as the
    controls say stop."""
    from nitido.live.sources import open_source

    with quiet_stderr():
        if "://" not in source:
            return open_source(source, size=size, rate=rate, pixel_format=pixel_format)
        return _opened_unless(controls, lambda: open_source(source, size=size, rate=rate, pixel_format=pixel_format))


def _opened_unless(controls: Controls, open_it: Callable[[], Source]) -> Source:
    """Opens in another thread, so that this thread can handle signals meanwhile."""
    result: SimpleQueue[Source | BaseException] = SimpleQueue()

    def work() -> None:
        try:
            result.put(open_it())
        except BaseException as error:  # raised in the waiting thread
            result.put(error)

    thread = threading.Thread(target=work, name="open", daemon=True)
    thread.start()
    while True:
        try:
            found = result.get(timeout=0.05)
        except Empty:
            if controls.stopping:
                leave_behind(thread)
                click.echo("stopped before the first frame", err=True)
                raise SystemExit(0) from None
            continue
        if isinstance(found, BaseException):
            raise found
        return found


def telling(service: Service, show: Callable[[Status], None]) -> Callable[[Status], None]:
    """Shows the status and also reports it to systemd."""

    def tell(status: Status) -> None:
        show(status)
        service.working(status.line())

    return tell


def refuse_live(frames: Source, source: str) -> None:
    """Raises ``click.UsageError`` for sources for which ``--every-frame`` is impossible."""
    if frames.live and source != "-":
        raise click.UsageError("--every-frame is for files and pipes: a camera does not wait")


def expect_frames(report: LiveReport, source: str, controls: Controls) -> None:
    """Raises ``SourceUnavailable`` if a run ended without a frame and was not stopped."""
    from nitido.errors import SourceUnavailable

    if report.captured == 0 and not controls.stopping:
        raise SourceUnavailable(f"{source} ended without a frame: expected a video, a stream or raw frames")
