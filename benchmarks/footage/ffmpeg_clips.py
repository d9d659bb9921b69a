"""Filters of the ffmpeg program on whole clips: raw frames in, raw frames out, nothing lost on the way."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nitido.frames import Frame

THREADS = 2


@dataclass(frozen=True)
class ClipFilter:
    """A chain of filters in ffmpeg's syntax as a function from frames to frames, uint8 H×W×3 BGR. Raises
    ``RuntimeError`` with what ffmpeg said."""

    chain: str

    def __call__(self, frames: Sequence[Frame]) -> list[Frame]:
        height, width = frames[0].shape[:2]
        raw = ["-f", "rawvideo", "-pix_fmt", "bgr24"]
        command = ["ffmpeg", "-hide_banner", "-nostdin", "-filter_threads", str(THREADS), *raw]
        command += ["-s", f"{width}x{height}", "-r", "30", "-i", "pipe:0", "-vf", self.chain, *raw]
        given = b"".join(np.ascontiguousarray(frame).tobytes() for frame in frames)
        done = subprocess.run([*command, "-fps_mode", "passthrough", "pipe:1"], input=given, capture_output=True)
        if done.returncode or len(done.stdout) != len(given):
            raise RuntimeError(f"ffmpeg -vf {self.chain} failed: {done.stderr.decode(errors='replace').strip()[-300:]}")
        made = np.frombuffer(done.stdout, np.uint8).reshape(len(frames), height, width, 3)
        return list(made)
