"""The correlation of the noise of neighbouring pixels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

REACH = 8  # pixels
_SIDE = 512  # size of the part of a frame that is used
_ENOUGH = 24  # frames
_TINY = 1e-6


class Autocorrelation:
    """Sums products of the noise with itself, shifted by up to 8 pixels, in the parts of frames that count."""

    def __init__(self) -> None:
        self._frames = 0
        self._products = np.zeros((3, REACH + 1, 2 * REACH + 1))
        self._pixels = np.zeros((REACH + 1, 2 * REACH + 1))

    def add(
        self, noise: NDArray[np.float32], variance: NDArray[np.float32], taken: NDArray[np.bool_], block: int
    ) -> None:
        """noise: H×W×3. variance: of each block, h×w×3. taken: the blocks that count, h×w."""
        if self._frames >= _ENOUGH:
            return
        self._frames += 1
        rows, columns = (min(side, _SIDE // block) for side in taken.shape)
        top, left = ((side - part) // 2 for side, part in zip(taken.shape, (rows, columns), strict=True))
        part = np.s_[top : top + rows, left : left + columns]
        pixels = np.s_[top * block : (top + rows) * block, left * block : (left + columns) * block]
        mask = taken[part].repeat(block, 0).repeat(block, 1)
        self._pixels += _shifted_products(mask.astype(np.float32))
        for component in range(3):
            # Bright and dark parts have equal weight.
            typical = np.maximum(np.sqrt(variance[..., component][part]), _TINY).repeat(block, 0).repeat(block, 1)
            self._products[component] += _shifted_products(noise[pixels][..., component] / typical * mask)

    def tables(self) -> tuple[tuple[tuple[float, ...], ...], ...]:
        """The correlations, as in :class:`nitido.calibration.calibration.Calibration`."""
        mean = self._products / np.maximum(self._pixels, 1)
        mean /= np.maximum(mean[:, :1, REACH : REACH + 1], _TINY)
        return tuple(tuple(tuple(round(float(v), 4) for v in row) for row in table) for table in mean)


def _shifted_products(values: NDArray[np.floating]) -> NDArray[np.float64]:
    """Sums of ``values`` H×W times the same values, shifted by 0..8 rows and -8..8 columns."""
    size = tuple(side + REACH for side in values.shape)  # so that values do not wrap around to the other side
    spectrum = np.fft.rfft2(values, size)
    products = np.fft.irfft2(np.square(np.abs(spectrum)), size)
    return np.concatenate([products[: REACH + 1, -REACH:], products[: REACH + 1, : REACH + 1]], axis=1)
