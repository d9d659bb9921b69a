"""Checks whether a finished file can be played."""

from __future__ import annotations

from pathlib import Path

from nitido.errors import SinkUnavailable
from nitido.video.library import load_av, main_video, open_input
from nitido.wording import count


def put_in_place(partial: Path, path: Path, frames: int, *, keep: bool, failed: bool) -> None:
    """Renames a finished file if ``frames`` frames can be read back. Otherwise raises ``SinkUnavailable``.

    keep: also rename a file with fewer frames, for a recording. failed: do not raise, because another error is raised.
    """
    found = playable_frames(partial)
    whole = found >= 0.9 * frames  # containers count by duration, so the number may be off by one or two frames
    if found and (whole or keep):
        partial.replace(path)
    if not whole and not failed:
        kept = f"what can be played is in {path}" if found and keep else "nothing was kept"
        raise SinkUnavailable(
            f"{path} is truncated, {found} of {count(frames, 'frame')} can be read back "
            f"(disk full, quota, or device gone?); {kept}"
        )


def playable_frames(path: Path) -> int:
    """The number of frames in a file: that of its packets if the first frame can be decoded, else 0."""
    av = load_av()
    try:
        with open_input(path) as container:
            next(container.decode(main_video(container)))
        with open_input(path) as container:
            return sum(packet.size > 0 for packet in container.demux(main_video(container)))
    except (av.error.FFmpegError, OSError, StopIteration, AttributeError, TypeError):
        return 0
