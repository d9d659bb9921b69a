"""A video file through a model, with its sound."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from nitido.errors import SourceUnavailable
from nitido.inference.model import Model
from nitido.video.io import VideoSink, VideoSource
from nitido.video.sound import with_sound

COMPLETE = 0.9  # of the frames that a video promises: containers count by duration, to a frame or two


class Abandoned(Exception):
    """The run ends and the video in work is given up; nothing is left of it."""


def restore_video(model: Model, source: Path, target: Path, strength: float, frame_done: Callable[[], bool]) -> None:
    """Runs every frame through the model into ``target``.

    frame_done: called after each frame; ``False`` gives up, which raises :class:`Abandoned`. Raises
    ``SourceUnavailable`` for a file that is no video or is cut short, ``SinkUnavailable``.
    """
    with (
        with_sound(source, target) as silent,
        VideoSource(source) as frames,
        VideoSink(silent.path, frames.fps) as sink,
    ):
        for image in model.stream(frames, strength=strength):
            silent.require_room(image.nbytes, sink.frames)
            sink.write(image)
            if not frame_done():
                raise Abandoned
        if sink.frames == 0:
            raise SourceUnavailable(f"{source} holds no decodable frame")
        if sink.frames < COMPLETE * frames.count:
            raise SourceUnavailable(
                f"{source} ends after {sink.frames} of the {frames.count} frames it promises; is the file "
                "complete? 'nitido live --every-frame' takes what there is"
            )


def count_frames(path: Path) -> int:
    """How many frames a video promises; 0 when it cannot be opened or does not say."""
    try:
        with VideoSource(path) as source:
            return source.count
    except SourceUnavailable:
        return 0
