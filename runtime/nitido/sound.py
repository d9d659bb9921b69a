"""The sound of a video into its result, by ffmpeg where it is installed. OpenCV writes pictures only."""

from __future__ import annotations

import logging
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nitido.whole import replacing

_log = logging.getLogger(__name__)


@contextmanager
def with_sound(source: Path, target: Path) -> Iterator[Path]:
    """A path to write the silent video to; when the block ends well, it becomes ``target`` with the sound of
    ``source``, unchanged, as far as the container can hold it. Without ffmpeg, or when it fails, without sound."""
    ffmpeg = shutil.which("ffmpeg")
    if ffmpeg is None:
        yield target
        return
    silent = target.with_name(f".{target.stem}.silent{target.suffix}")
    try:
        yield silent
        with replacing(target) as partial:
            if not _joined(ffmpeg, silent, source, partial):
                silent.replace(partial)
    finally:
        if target.parent.is_dir():
            silent.unlink(missing_ok=True)


def _joined(ffmpeg: str, silent: Path, source: Path, target: Path) -> bool:
    command = [ffmpeg, "-v", "error", "-nostdin", "-y", "-i", f"file:{silent}", "-i", f"file:{source}"]
    command += ["-map", "0:v", "-map", "1:a?", "-c", "copy", f"file:{target}"]
    # In a session of its own: a Ctrl-C is for the batch, which then finishes what it has in hand.
    done = subprocess.run(command, capture_output=True, text=True, check=False, start_new_session=True)
    if done.returncode:
        _log.warning("%s: without sound, ffmpeg said: %s", target, (done.stderr.splitlines() or ["nothing"])[0])
    return done.returncode == 0
