"""``nitido live`` and ``nitido cameras``: the command line of the live loop."""

from __future__ import annotations

import logging
import re
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nitido.options import device_option, threads_option

if TYPE_CHECKING:
    from nitido.shot import Controls, Status

_STATUS_EVERY = 1.0  # seconds between two status lines on a terminal


class _Size(click.ParamType[tuple[int, int]]):
    """``640x480`` as (640, 480)."""

    name = "WxH"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        found = re.fullmatch(r"(\d+)[x×](\d+)", str(value).lower())
        if found is None:
            self.fail(f"expected a size such as 640x480, found {value}", param, ctx)
        return int(found[1]), int(found[2])


@click.command(short_help="Restore a camera, stream, clip or pipe as it runs.")
@click.option("--source", default="0", show_default=True, help="Camera (0, /dev/video0), URL, video file, - (stdin).")
@click.option(
    "--sink",
    default="window",
    show_default=True,
    help="window, clip.mp4, virtual, mjpeg://127.0.0.1:8080, - (stdout), or none.",
)
@click.option("--model", default="denoise", show_default=True, help="Model name or .onnx file.")
@click.option("--fps", type=click.FloatRange(0, min_open=True), help="Keep this rate, by lighter work if need be.")
@click.option("--every-frame", is_flag=True, help="Drop no frame, take the time it takes. For files and pipes.")
@click.option("--size", type=_Size(), help="Size of piped frames, or asked of the camera.")
@click.option("--rate", type=click.FloatRange(0, min_open=True), help="Rate to read a pipe at, or asked of the camera.")
@click.option("--pixel-format", metavar="FOURCC", help="Asked of the camera, such as MJPG or YUYV.")
@click.option("--strength", type=click.FloatRange(0, 1), default=1.0, show_default=True, help="0: unchanged.")
@click.option("--split", is_flag=True, help="Show the left half as captured.")
@click.option("--overlay", is_flag=True, help="Draw the status onto files and pipes too.")
@device_option
@threads_option
@click.option("--snapshots", type=click.Path(path_type=Path, file_okay=False), help="Folder for key s.  [default: .]")
@click.option("--overwrite", is_flag=True, help="Replace a video file that exists.")
@click.option("--stats", type=click.Path(path_type=Path, dir_okay=False), help="Write the final statistics as JSON.")
def live(
    source: str,
    sink: str,
    model: str,
    fps: float | None,
    every_frame: bool,
    size: tuple[int, int] | None,
    rate: float | None,
    pixel_format: str | None,
    strength: float,
    split: bool,
    overlay: bool,
    device: str,
    threads: int | None,
    snapshots: Path | None,
    overwrite: bool,
    stats: Path | None,
) -> None:
    """Restore a camera, stream, clip or pipe as it runs.

    Only the newest frame is worked on, so the delay never grows. With --fps, work is made lighter when frames take too
    long: faster variants of the model, half the size, every second frame, at last the frame as it is; and back.

    Keys in the window: q quit, space bypass, v split, s snapshot, + and - strength. Ctrl-C and SIGTERM end a run well:
    a file is finished and the exit code is 0.
    """
    from nitido.shot import Controls

    controls = Controls(strength=strength, split=split)
    with _messages(), _stopping(controls):
        from nitido.errors import SinkUnavailable, SourceUnavailable
        from nitido.live import run
        from nitido.sinks import open_sink
        from nitido.sources import open_source
        from nitido.variants import open_variants, variant_names

        if Path(source).is_file() and Path(source).resolve() == Path(sink).resolve():
            raise SinkUnavailable(f"{sink} would replace its own source; choose another --sink")
        models = open_variants(model, device, threads=threads, faster=fps is not None and not every_frame)
        with open_source(source, size=size, rate=rate, pixel_format=pixel_format) as frames:
            if every_frame and frames.live and source != "-":
                raise click.UsageError("--every-frame is for files and pipes: a camera does not wait")
            known = [value for value in (frames.fps, fps if frames.live else None) if value]
            out_fps = min(known) if known else None
            with open_sink(sink, fps=out_fps, overwrite=overwrite, snapshots=snapshots) as out:
                click.echo(f"{', '.join(variant_names(models))} on {models[0].device}: {source} -> {sink}", err=True)
                report = run(
                    frames,
                    models,
                    out,
                    fps=fps,
                    every_frame=every_frame,
                    overlay=overlay,
                    controls=controls,
                    progress=_status_line(),
                )
            if report.captured == 0 and not controls.stopping:
                raise SourceUnavailable(f"{source} ended without a frame: expected a video, a stream or raw frames")
        _clear()
        click.echo(report.line(), err=True)
        if stats is not None:
            import json

            from nitido.whole import write_whole

            write_whole(stats, json.dumps(report.to_dict(), indent=2).encode())


@click.command(short_help="List the cameras of this machine.")
def cameras() -> None:
    """List the cameras of this machine: what to give to --source, and the camera's name."""
    from nitido.errors import SourceUnavailable
    from nitido.machine import find_cameras

    found = find_cameras()
    if found is None:
        raise SourceUnavailable(
            "listing cameras on this system needs cv2-enumerate-cameras; run: pip install 'nitido[camera]', or try "
            "--source 0, 1, 2"
        )
    if not found:
        click.echo("no cameras found", err=True)
    for camera in found:
        click.echo(f"{camera.where:14} {camera.name}" + (f"  ({camera.detail})" if camera.detail else ""))


class _Lines(logging.Handler):
    """Puts what the library has to say on stderr, above a status line that may stand there."""

    def emit(self, record: logging.LogRecord) -> None:
        _clear()
        click.echo(record.getMessage(), err=True)


@contextmanager
def _messages() -> Iterator[None]:
    logger, handler = logging.getLogger("nitido"), _Lines()
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        _clear()
        logger.removeHandler(handler)
        logger.setLevel(level)


@contextmanager
def _stopping(controls: Controls) -> Iterator[None]:
    """Ctrl-C, SIGTERM and a closed terminal stop the run well; a second one breaks off what hangs. Signals that the
    caller ignores, as ``nohup`` does, stay ignored."""

    def stop(_number: int, _frame: object) -> None:
        if controls.stopping:
            raise KeyboardInterrupt
        controls.stop()

    numbers = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
    numbers = [number for number in numbers if signal.getsignal(number) != signal.SIG_IGN]
    before = {number: signal.signal(number, stop) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _status_line() -> Callable[[Status], None]:
    """Shows the status in one line of a terminal, about once a second; nothing when stderr is not a terminal."""
    if not sys.stderr.isatty():
        return lambda _status: None
    last = 0.0

    def show(status: Status) -> None:
        nonlocal last
        if time.monotonic() - last >= _STATUS_EVERY:
            last = time.monotonic()
            _clear()
            click.echo(status.line()[: shutil.get_terminal_size().columns - 1], nl=False, err=True)

    return show


def _clear() -> None:
    if sys.stderr.isatty():
        click.echo("\r\x1b[K", nl=False, err=True)
