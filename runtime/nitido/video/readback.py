"""Whether a finished file can be played."""

from __future__ import annotations

from pathlib import Path

from nitido.video.library import load_av, main_video, open_input


def playable_frames(path: Path) -> int:
    """How many frames of a file are there: its packets, when the first frame can be decoded; else 0."""
    av = load_av()
    try:
        with open_input(path) as container:
            next(container.decode(main_video(container)))
        with open_input(path) as container:
            return sum(packet.size > 0 for packet in container.demux(main_video(container)))
    except (av.error.FFmpegError, OSError, StopIteration, AttributeError, TypeError):
        return 0
