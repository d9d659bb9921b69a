"""Whether a finished file can be played."""

from __future__ import annotations

from pathlib import Path

from nitido.errors import SinkUnavailable
from nitido.video.library import load_av, main_video, open_input
from nitido.wording import count


def put_in_place(partial: Path, path: Path, frames: int, *, keep: bool, failed: bool) -> None:
    """Renames a finished file in which ``frames`` can be read back.

    keep: one with fewer is renamed too, for a recording. failed: nothing is raised for it, because something else is.
    Otherwise raises ``SinkUnavailable``.
    """
    found = playable_frames(partial)
    whole = found >= 0.9 * frames  # containers count by duration, to a frame or two
    if found and (whole or keep):
        partial.replace(path)
    if not whole and not failed:
        kept = f"what can be played is in {path}" if found and keep else "nothing was kept"
        raise SinkUnavailable(
            f"{path} was cut short, {found} of {count(frames, 'frame')} can be read back "
            f"(disk full, quota, or device gone?); {kept}"
        )


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
