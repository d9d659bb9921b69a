"""Clips that are there whole: each frame is restored with frames before and after it.

Memory holds two frames for each place of the window, whatever the clip's length.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from nitido.errors import FrameMismatch
from nitido.frames import Frame, require_frame
from nitido.inference.fusion import Denoiser, fuse
from nitido.inference.levels import LevelAverage, Noise
from nitido.inference.neighbours import Restored
from nitido.model_file.card import Card

REACH = 6  # frames before, and as many after
FARTHEST = 0.5  # weight that is lost on the way to a frame that far away


class ClipModel(Denoiser, Protocol):
    """A model, as far as it is needed here."""

    @property
    def card(self) -> Card: ...

    def stream(
        self,
        frames: Iterable[NDArray[np.uint8]],
        *,
        noise: Noise | None = None,
        average: LevelAverage | None = None,
    ) -> Iterator[NDArray[np.uint8]]: ...


def restore_clip(
    model: ClipModel,
    frames: Iterable[NDArray[np.uint8]],
    *,
    strength: float = 1.0,
    noise: Noise | None = None,
    average: LevelAverage | None = None,
) -> Iterator[Frame]:
    """Restores the frames of a clip, each with up to ``REACH`` frames before and after it.

    Takes about six times as long as a stream. The first result comes when ``REACH`` more frames have been read.

    Args:
        model: any denoiser, recurrent or not.
        frames: uint8 BGR, H×W×3, all of one size.
        strength: 0 to 1, for models that can vary it.
        noise: noise level in 8-bit levels, or a calibration. Default: estimated.
        average: receives the noise levels.

    Yields:
        The restored frames in order, uint8 BGR H×W×3.

    Raises:
        FrameMismatch: frames of several sizes, a model that enlarges, or what a stream does not take.
    """
    if model.card.scale != 1:
        raise FrameMismatch(
            f"{model.card.name} enlarges ×{model.card.scale}; expected a model that keeps the size of frames"
        )
    levels = average or LevelAverage()
    window: deque[tuple[Restored, float | None]] = deque(maxlen=2 * REACH + 1)
    place = 0  # in the window, of the next frame to be fused
    for restored in _restored(model, frames, noise, levels):
        full = len(window) == window.maxlen
        window.append((restored, levels.level))
        place -= full
        if len(window) > place + REACH:
            yield _fused(model, window, place, strength)
            place += 1
    while place < len(window):
        yield _fused(model, window, place, strength)
        place += 1


def _restored(
    model: ClipModel, frames: Iterable[NDArray[np.uint8]], noise: Noise | None, levels: LevelAverage
) -> Iterator[Restored]:
    """Each frame through the model."""
    given: deque[Frame] = deque()

    def checked() -> Iterator[Frame]:
        shape: tuple[int, ...] = ()
        for frame in frames:
            require_frame(frame)
            if shape and frame.shape != shape:
                raise FrameMismatch(f"expected frames of one size in a clip, found {shape} and {frame.shape}")
            shape = frame.shape
            given.append(frame)
            yield frame

    for image in model.stream(checked(), noise=noise, average=levels):
        yield Restored.of(given.popleft(), image)


def _fused(model: ClipModel, window: deque[tuple[Restored, float | None]], place: int, strength: float) -> Frame:
    frame, level = window[place]
    first, last = max(0, place - REACH), min(len(window), place + REACH + 1)
    around = [(window[i][0], 1 - FARTHEST * (abs(i - place) - 1) / REACH) for i in range(first, last) if i != place]
    return fuse(model, frame, around, level=level, strength=strength)
