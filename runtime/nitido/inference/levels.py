"""The noise level of a stream, and of frames too large to be looked at whole."""

from __future__ import annotations

import math
from typing import NamedTuple, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

NOISE, ESTIMATE = "noise", "noise_level"  # names of the input and the output
AUTOMATIC = -1.0

RATE = 0.1  # share of a new estimate in the average
CUT = 1.5  # a level this many times as high or as low as the average is that of another scene
CROPS, SIDE = 4, 256  # crops in each direction, and their side in pixels


class Measured(NamedTuple):
    """A restored frame and its noise levels in 8-bit levels.

    Attributes:
        image: uint8, BGR.
        estimate: what the model finds; ``None`` where it was not asked, or cannot say.
        used: what it removed; ``None`` for a model that knows no levels.
    """

    image: NDArray[np.uint8]
    estimate: float | None
    used: float | None


class LevelSource(Protocol):
    """Something that knows the noise level of a camera's frames."""

    def level_of(self, frame: NDArray[np.uint8]) -> float:
        """The standard deviation of the luma noise of a frame H×W×3, or of frames N×H×W×3, in 8-bit levels."""
        ...


Noise: TypeAlias = float | LevelSource
"""A noise level in 8-bit levels, or what knows it for each frame."""


def level_in(frames: NDArray[np.uint8], noise: Noise | None) -> float | None:
    """The level that is given for frames N×H×W×3, if any is."""
    return noise if noise is None else float(noise) if isinstance(noise, int | float) else noise.level_of(frames)


class Levelled(Protocol):
    """A model, as far as noise levels are concerned."""

    @property
    def has_noise(self) -> bool: ...

    def noise_level(self, frame: NDArray[np.uint8]) -> float: ...

    def measured(
        self, frame: NDArray[np.uint8], *, strength: float = 1.0, noise: Noise | None = None, tile: int | None = None
    ) -> Measured: ...


class LevelAverage:
    """The noise level along a stream: an average that does not flicker, and begins again after a cut.

    level: the average in 8-bit levels; ``None`` before the first frame.
    """

    def __init__(self) -> None:
        self.level: float | None = None

    def take(self, estimate: float) -> bool:
        """Takes in the estimate for a frame. Returns whether the average began with it."""
        estimate = max(estimate, 1e-3)
        if self.level is None or abs(math.log(estimate / self.level)) > math.log(CUT):
            self.level = estimate
            return True
        self.level *= (estimate / self.level) ** RATE
        return False


def follow(
    model: Levelled,
    frame: NDArray[np.uint8],
    average: LevelAverage,
    *,
    strength: float = 1.0,
    noise: Noise | None = None,
) -> NDArray[np.uint8]:
    """Restores one frame of a stream with the level that the frames before it had.

    average: of these frames; takes in the level of this one. noise: a level for all frames instead, or what knows it.
    """
    if not model.has_noise or noise is not None:
        found = model.measured(frame, strength=strength, noise=noise)
        average.level = found.used
        return found.image
    given = average.level
    found = model.measured(frame, strength=strength, noise=given)
    estimate = model.noise_level(frame) if found.estimate is None else found.estimate
    if average.take(estimate) and given is not None:
        # A cut: the level that was given is of another scene.
        found = model.measured(frame, strength=strength, noise=average.level)
    return found.image


def crops(frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Crops n×256×256×3, evenly spread over a frame H×W×3 of at least that size: enough to estimate its noise level."""
    rows, columns = (
        np.unique(np.linspace(0, size - SIDE, CROPS).astype(int)) for size in (frame.shape[0], frame.shape[1])
    )
    return np.stack([frame[top : top + SIDE, left : left + SIDE] for top in rows for left in columns])
