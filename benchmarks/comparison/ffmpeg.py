"""Filters of the ffmpeg program, given single frames through pipes."""

from __future__ import annotations

import re
import shutil
import statistics
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nitido.frames import Frame

THREADS = 2
FRAMES = 3  # of a timing; the first one finds nothing allocated and is not counted
_TIME = re.compile(rb"\bt:([0-9.]+) avg:")


def version() -> str | None:
    """Such as ``ffmpeg 5.1.9``; ``None`` where the program is missing."""
    if shutil.which("ffmpeg") is None:
        return None
    said = subprocess.run(["ffmpeg", "-version"], capture_output=True, text=True, check=True).stdout
    return f"ffmpeg {said.split()[2].split('-')[0]}"


@dataclass(frozen=True)
class FfmpegFilter:
    """A chain of filters in ffmpeg's syntax as a function from picture to picture, uint8 H×W×3 BGR. Every call is a
    process of its own, so that no frame sees an earlier one. Raises ``RuntimeError`` with what ffmpeg said."""

    chain: str

    def __call__(self, picture: Frame) -> Frame:
        done = self._run(self.chain, picture, 1)[0]
        return np.frombuffer(done, np.uint8).reshape(picture.shape)

    def seconds(self, picture: Frame) -> float:
        """Time of one frame within ffmpeg, conversions from and to BGR included, pipes and start not: the median that
        its own stop watch reports for the later ones of ``FRAMES`` frames."""
        chain = f"bench=start,{self.chain},format=bgr24,bench=stop"
        said = self._run(chain, picture, FRAMES)[1]
        times = [float(found) for found in _TIME.findall(said)]
        if len(times) != FRAMES:
            raise RuntimeError(f"ffmpeg timed {len(times)} frames instead of {FRAMES}: {said[-300:]!r}")
        return statistics.median(times[1:])

    def peak_mb(self, picture: Frame) -> float | None:
        """The most memory that the ffmpeg process held in a run over ``FRAMES`` frames, in MB; Linux only."""
        found = [0]

        def watch(process: subprocess.Popen[bytes]) -> None:
            # What getrusage reports of a child counts the memory of the parent it was forked from.
            while process.poll() is None:
                found.append(high_water_kb(process.pid) or 0)
                time.sleep(0.002)

        self._run(self.chain, picture, FRAMES, watch)
        return max(found) / 1024 or None

    def _run(self, chain: str, picture: Frame, frames: int, watch: object = None) -> tuple[bytes, bytes]:
        """(raw frames, what ffmpeg said) for so many copies of a picture."""
        height, width = picture.shape[:2]
        raw = ["-f", "rawvideo", "-pix_fmt", "bgr24"]
        command = ["ffmpeg", "-hide_banner", "-nostdin", "-filter_threads", str(THREADS), *raw]
        command += ["-s", f"{width}x{height}", "-i", "pipe:0", "-vf", chain, *raw, "pipe:1"]
        pipe = subprocess.PIPE
        with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe) as process:
            if callable(watch):
                threading.Thread(target=watch, args=(process,), daemon=True).start()
            done, said = process.communicate(picture.tobytes() * frames)
        if process.returncode or len(done) != picture.nbytes * frames:
            raise RuntimeError(f"ffmpeg -vf {chain} failed: {said.decode(errors='replace').strip()[-300:]}")
        return done, said


def high_water_kb(process: int | str) -> int | None:
    """Peak resident memory of a process (an id or ``self``); ``None`` where the system does not report it."""
    try:
        status = Path(f"/proc/{process}/status").read_text()
    except OSError:
        return None
    return next((int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")), None)
