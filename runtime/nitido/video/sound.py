"""The sound of a video into its result, by ffmpeg where it is installed. OpenCV writes pictures only."""

from __future__ import annotations

import errno
import logging
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from nitido.errors import SinkUnavailable
from nitido.system.files import replacing

_log = logging.getLogger(__name__)

_RESERVE = 5 << 20  # bytes; more than a VideoSink keeps for itself, so that a full disk is told here and ends the run
_FULL = {"No space left on device": errno.ENOSPC, "Disk quota exceeded": errno.EDQUOT}
# Of a file that lacks its end ffmpeg says so and exits with 0 all the same.
_CUT_SHORT = ("Error writing trailer", "Error closing file")
_TWICE = ", since one with sound is written twice"


@dataclass(frozen=True)
class SilentVideo:
    """Where a video is written first. path: to write to. twice: a copy with the sound will be written beside it."""

    path: Path
    twice: bool

    def require_room(self, frame_bytes: int, frames: int) -> None:
        """Makes sure of room for a further frame behind ``frames`` others, and for the copy of all there is. Raises
        ``SinkUnavailable`` with the ``OSError`` of a full disk as its cause."""
        written = _size(self.path.with_name(f".{self.path.stem}.partial{self.path.suffix}"))  # as a VideoSink calls it
        needed = (2 if self.twice else 1) * written + _RESERVE + 2 * frame_bytes + 64 * frames
        try:
            room = written + shutil.disk_usage(next(p for p in self.path.absolute().parents if p.is_dir())).free
        except OSError:
            return  # writing will tell
        if room < needed:
            wanted = f"a video needs at least {needed / 1e6:.1f} MB{_TWICE if self.twice else ''}"
            full = OSError(errno.ENOSPC, f"it has room for {room / 1e6:.1f} MB, {wanted}")
            raise SinkUnavailable(f"cannot write {self.path}: {full.strerror}; nothing was kept, make room") from full


@contextmanager
def with_sound(source: Path, target: Path) -> Iterator[SilentVideo]:
    """Where to write the silent video; when the block ends well, it becomes ``target`` with the sound of ``source``,
    unchanged, as far as the container can hold it. Without ffmpeg, or when it cannot join the two, without sound.

    Raises ``SinkUnavailable`` when the disk is too full for the copy with sound; then nothing is left."""
    ffmpeg = shutil.which("ffmpeg")
    if ffmpeg is None or not _has_sound(ffmpeg, source):
        yield SilentVideo(target, twice=False)
        return
    silent = target.with_name(f".{target.stem}.silent{target.suffix}")
    try:
        yield SilentVideo(silent, twice=True)
        with replacing(target) as partial:
            if complaint := _join(ffmpeg, silent, source, partial):
                _log.warning("%s: without sound, ffmpeg said: %s", target, complaint)
                silent.replace(partial)
    finally:
        if target.parent.is_dir():
            silent.unlink(missing_ok=True)


def _join(ffmpeg: str, silent: Path, source: Path, target: Path) -> str:
    """Writes the copy with sound; returns why it is not whole, empty when it is. Raises ``OSError`` when the disk is
    too full for it."""
    inputs = ["-i", f"file:{silent}", "-i", f"file:{source}"]
    code, said = _run(ffmpeg, "-y", *inputs, "-map", "0:v", "-map", "1:a?", "-c", "copy", f"file:{target}")
    for words, number in _FULL.items():
        if words in said:
            raise OSError(number, f"{words}, the video needs {2 * _size(silent) / 1e6:.1f} MB{_TWICE}")
    if code == 0 and not any(words in said for words in _CUT_SHORT):
        return ""
    return (said.splitlines() or ["nothing"])[0]


def _has_sound(ffmpeg: str, source: Path) -> bool:
    """Whether a video has sound; where ffmpeg cannot tell, it may have."""
    _, said = _run(ffmpeg, "-i", f"file:{source}", "-map", "0:a:0", "-c", "copy", "-t", "0", "-f", "null", "-")
    return "matches no streams" not in said


def _run(ffmpeg: str, *arguments: str) -> tuple[int, str]:
    """Exit code and errors."""
    # In a session of its own: a Ctrl-C is for the batch, which then finishes what it has in hand.
    done = subprocess.run(
        [ffmpeg, "-v", "error", "-nostdin", *arguments],
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        start_new_session=True,
    )
    return done.returncode, done.stderr


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
