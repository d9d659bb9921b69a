"""Frames of noise, the same each time, and frames counted in a video file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nitido.video.reader import VideoSource


def noise_frame(height: int, width: int) -> NDArray[np.uint8]:
    """A frame that hardly compresses."""
    return np.random.default_rng(height * width).integers(0, 256, (height, width, 3), dtype=np.uint8)


def frames_of(*sizes: tuple[int, int]) -> list[NDArray[np.uint8]]:
    """A frame for each (height, width), all different."""
    return [np.roll(noise_frame(*size), number, axis=0) for number, size in enumerate(sizes)]


def frames_in(path: Path) -> int:
    """How many frames of a video can be decoded."""
    with VideoSource(path) as source:
        return len(list(source))
