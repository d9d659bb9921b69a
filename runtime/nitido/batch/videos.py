"""Processes a video file, with each frame at its own time, and keeps sound and other streams."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path

from nitido.batch.engine import Abandoned, Settings
from nitido.errors import SinkUnavailable, SourceUnavailable
from nitido.frames import Frame
from nitido.images.depth import to_8_bits
from nitido.images.restore import with_depth
from nitido.inference.clip import restore_clip
from nitido.inference.levels import LevelAverage
from nitido.inference.model import Model
from nitido.video.reader import TimedFrame, VideoSource
from nitido.video.writer import VideoSink


def restore_video(
    model: Model, source: Path, target: Path, settings: Settings, frame_done: Callable[[], bool]
) -> float | None:
    """Processes every frame and writes ``target``. Returns the noise level of the last frames, if known.

    frame_done: called after each frame; if it returns ``False``, :class:`Abandoned` is raised. Raises
    ``SourceUnavailable`` for a file that is not a video or is truncated, ``SinkUnavailable``.
    """
    with (
        VideoSource(source, deinterlace=settings.deinterlace, tone_map=settings.tone_map) as frames,
        VideoSink(target, frames.fps, encoding=settings.video, like=frames.info, streams_of=source) as sink,
        ThreadPoolExecutor(1, "read") as reading,
        ThreadPoolExecutor(1, "write") as writing,
    ):
        if frames.info.tags.hdr and not sink.deep:
            raise SinkUnavailable(
                f"{source} is HDR ({frames.info.tags.hdr}), which the 8 bits of {sink.encoder} cannot hold; use "
                "--codec h265 and .mp4, .mov or .mkv, or --tone-map"
            )
        waiting: deque[TimedFrame] = deque()  # frames inside the model

        def images() -> Iterator[Frame]:
            first: tuple[int, ...] = ()
            for timed in frames.frames(deep=sink.deep):
                if first and timed.values.shape != first:
                    raise SourceUnavailable(
                        f"{source} changes from {_size(first)} to {_size(timed.values.shape)} at {frames.time:.2f} s; "
                        "split it there first"
                    )
                first = timed.values.shape
                waiting.append(timed)
                yield to_8_bits(timed.values) if sink.deep else timed.values

        def write(timed: TimedFrame, image: Frame) -> None:
            values = with_depth(timed.values, image) if sink.deep else image
            sink.write_timed(values, timed.pts, timed.duration)

        # While the model processes a frame, the previous one is encoded and the next one is decoded.
        written: Future[None] | None = None
        average, given = LevelAverage(), _ahead(images(), reading)
        if settings.enlarger is not None:
            results = settings.enlarger.stream(given)
        else:
            restore = partial(restore_clip, model) if settings.temporal else model.stream
            results = restore(given, strength=settings.strength, noise=settings.noise, average=average)
        for image in results:
            if written is not None:
                written.result()
            written = writing.submit(write, waiting.popleft(), image)
            if not frame_done():
                raise Abandoned
        if written is not None:
            written.result()
        frames.require_complete(sink.frames)
        return average.level


def _ahead(frames: Iterator[Frame], thread: ThreadPoolExecutor) -> Iterator[Frame]:
    """The same frames, each of them fetched in that thread while the one before is in use."""
    coming = thread.submit(next, frames, None)
    while (frame := coming.result()) is not None:
        coming = thread.submit(next, frames, None)
        yield frame


def _size(shape: tuple[int, ...]) -> str:
    return f"{shape[1]}×{shape[0]}"


def count_frames(path: Path) -> int:
    """The declared number of frames of a video; 0 if it cannot be opened or does not say."""
    try:
        with VideoSource(path) as source:
            return source.count
    except SourceUnavailable:
        return 0
