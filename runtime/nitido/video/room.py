"""Checks that the disk has room to finish a video file."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

from nitido.errors import SinkUnavailable
from nitido.wording import count, plural

_RESERVE = 4 << 20  # bytes that finishing a file may need in addition to its frames


def require_room(path: Path, frame_bytes: int, frames: int, *, keep: bool) -> None:
    """Raises ``SinkUnavailable`` early enough that the file can still be finished, because an MP4 without its last
    block cannot be played.

    frame_bytes: of the next frame, unencoded. frames: written so far. keep: whether they are kept, for the message.
    """
    needed = _RESERVE + 2 * frame_bytes + 64 * frames
    try:
        free = shutil.disk_usage(path.parent).free
    except OSError as error:
        raise SinkUnavailable(f"cannot write {path}: {error.strerror}") from error
    if free < needed:
        kept = "nothing was kept"
        if keep and frames:
            kept = f"the {count(frames, 'frame')} so far {plural(frames, 'is')} kept"
        full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        raise SinkUnavailable(
            f"cannot continue {path}: {free / 1e6:.1f} MB left on its disk, {needed / 1e6:.1f} MB needed to "
            f"finish the file; {kept}, make room"
        ) from full
