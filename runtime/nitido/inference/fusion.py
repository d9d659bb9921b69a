"""A frame of a clip, restored with the help of the frames before and after it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from nitido.frames import Frame
from nitido.inference.levels import Noise
from nitido.inference.neighbours import Average, Picture, Restored, average_around, root_mean_square

WINDOW = 5  # pixels, over which the power of what a model took away is measured
CAUTION = 1.5  # of that power, so many times what noise would leave is taken for noise
SECOND = 0.5  # share of the second restoration where many neighbours agree
FULL = 0.9  # share of noise gone at which it counts fully
# Weight of the frame restored alone, whose errors are independent of those of the average. It rises from 0 to ALONE
# with the share of noise that is left in the average. It falls with the noise level: a frame alone then becomes worse.
ALONE, FIRST_SHARE, LAST_SHARE = 0.5, 0.05, 0.2
HALVED_AT = 8.0  # levels of noise, root of the mean square
LEAST = 0.05  # below it the frame is not restored alone, which takes time

# ITU-R BT.601, full range: what a model took away is mostly luma, noise is in all colours.
_TO_YCC = np.array([[0.114, 0.587, 0.299], [0.5, -0.3313, -0.1687], [-0.0813, -0.4187, 0.5]], np.float32)
_TO_BGR = np.linalg.inv(_TO_YCC).astype(np.float32)


class Denoiser(Protocol):
    """A model, as far as it is needed here."""

    @property
    def has_noise(self) -> bool: ...

    def noise_level(self, frame: NDArray[np.uint8]) -> float: ...

    def __call__(self, frame: NDArray[np.uint8], *, noise: Noise | None = None) -> NDArray[np.uint8]: ...


def fuse(
    model: Denoiser,
    frame: Restored,
    neighbours: Sequence[tuple[Restored, float]],
    *,
    level: float | None = None,
    strength: float = 1.0,
) -> Frame:
    """The frame with what its neighbours know of it.

    1. Neighbours are aligned with it and averaged where they agree, as they came and as they were restored.
    2. In the average noise is weak, so what the model took away from it is mostly detail: it is given back as far as it
       stands out from the noise that is left (a Wiener filter).
    3. The average of frames as they came is restored once more; the mean of both is taken.
    4. Where few neighbours agree, and noise is weak, the frame restored alone is mixed in.

    neighbours: with the weight 0..1 of each where it agrees.
    level: of the noise in 8-bit levels, for a model that can be given one.
    strength: 0 (the frame as it came) to 1.
    """
    removed = frame.noisy.astype(np.float32) - frame.image
    noise = root_mean_square(removed)
    average = average_around(frame, neighbours, noise)
    result = average.image + _detail(average, removed)
    gone = 1 - average.share[..., None]
    given = _given(model, frame.noisy, level)
    left = None if given is None else given * math.sqrt(float(np.median(average.share)))
    second = model(_to_bytes(average.noisy), noise=left)
    result += SECOND * np.minimum(gone / FULL, 1) * (second - result)
    most = ALONE / (1 + (noise / HALVED_AT) ** 2)
    if most >= LEAST:
        uncertain = np.clip((average.share - FIRST_SHARE) / (LAST_SHARE - FIRST_SHARE), 0, 1)
        result += np.float32(most) * uncertain[..., None] * (model(frame.noisy, noise=given) - result)
    if strength != 1.0:
        result = frame.noisy + np.float32(strength) * (result - frame.noisy)
    return _to_bytes(result)


def _detail(average: Average, removed: Picture) -> Picture:
    """What models took away and averaging brought to light, H×W×3 BGR. removed: from the frame alone."""
    found = (average.noisy - average.image) @ _TO_YCC.T
    noise = (removed @ _TO_YCC.T).var(axis=(0, 1))
    power = cv2.blur(found * found, (WINDOW, WINDOW))
    left = CAUTION * noise * average.share[..., None]
    found *= (1 - average.share[..., None]) * np.maximum(power - left, 0) / np.maximum(power, 1e-3)
    return np.asarray(found @ _TO_BGR.T, np.float32)


def _given(model: Denoiser, noisy: Frame, level: float | None) -> float | None:
    """The noise level that the model is given for the frame; ``None`` for one that takes none."""
    if not model.has_noise:
        return None
    return model.noise_level(noisy) if level is None else level


def _to_bytes(values: NDArray[np.floating]) -> Frame:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)
