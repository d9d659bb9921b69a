"""Pictures to try a foreign model on: crops of photographs, degraded as its input and clean as the wanted output."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nitido.frames import Frame
from nitido_export.pack.sample import photograph
from nitido_train.data import degrade

CROPS = 16
SIDE = 64
SIGMA = 25.0  # of the noise that denoisers are tried on


@dataclass(frozen=True)
class Crops:
    """given: inputs, uint8 n×h×w×3 BGR. wanted: ideal outputs, n×(s·h)×(s·w)×3. sigma: white noise in ``given``, in
    8-bit levels."""

    given: NDArray[np.uint8]
    wanted: NDArray[np.uint8]
    sigma: float = 0.0

    @property
    def level(self) -> float:
        """Luma noise in 8-bit levels."""
        return self.sigma * float(np.sqrt(sum(weight**2 for weight in degrade.BT601_BGR)))


class Pictures:
    """Crops of some photographs, for models of any scale and size."""

    def __init__(self, photos: Sequence[Frame] = ()) -> None:
        """photos: uint8 H×W×3 BGR; none: one that comes with the package."""
        self.photos = list(photos) or [photograph()]

    def shrunk(self, scale: int, size: tuple[int, int] = (SIDE, SIDE)) -> Crops:
        """Crops of that size, shrunk with antialiasing from crops that are ``scale`` times as large."""
        wanted = self._crops((size[0] * scale, size[1] * scale))
        given = wanted if scale == 1 else np.stack([degrade.shrink(one, scale) for one in wanted])
        return Crops(given, wanted)

    def noisy(self, size: tuple[int, int] = (SIDE, SIDE), sigma: float = SIGMA) -> Crops:
        """Crops of that size with white noise."""
        wanted = self._crops(size)
        given = np.stack([degrade.gaussian_at(one, i, int(sigma)) for i, one in enumerate(wanted)])
        return Crops(given, wanted, sigma)

    def canvas(self, height: int, width: int) -> Frame:
        """One picture of that size, mirrored where the photograph ends."""
        return _at_least(self.photos[0], height, width)[:height, :width]

    def _crops(self, size: tuple[int, int]) -> NDArray[np.uint8]:
        """Spread over the photographs in turn."""
        height, width = size
        found: list[Frame] = []
        for number in range(CROPS):
            photo = _at_least(self.photos[number % len(self.photos)], height, width)
            place = np.random.default_rng(number).random(2)
            top, left = (round(p * (side - s)) for p, side, s in zip(place, photo.shape[:2], size, strict=True))
            found.append(photo[top : top + height, left : left + width])
        return np.stack(found)


def _at_least(photo: Frame, height: int, width: int) -> Frame:
    missing = [(0, max(0, wanted - side)) for wanted, side in zip((height, width), photo.shape[:2], strict=True)]
    return np.pad(photo, (*missing, (0, 0)), "symmetric") if any(more for _, more in missing) else photo


def decibels(found: NDArray[np.float32], wanted: NDArray[np.generic], inner: int) -> NDArray[np.float64]:
    """PSNR of each crop n×h×w×c rounded to bytes, without ``inner`` pixels on each side."""
    gap = (np.clip(np.rint(found), 0, 255) - np.rint(wanted))[:, inner : -inner or None, inner : -inner or None].astype(
        np.float64
    )
    return 10 * np.log10(255**2 / np.maximum((gap**2).mean(axis=(1, 2, 3)), 1e-6))
