"""Principal component analysis, for comparison: how well a linear code of the same size restores held-out pictures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from nitido_train.data.examples import Bytes, Examples

NARROW = 2048  # values per picture up to which PCA uses all pictures, through their covariance
# values that are fitted at once; from larger collections of wider pictures, evenly spaced pictures are taken
BUDGET = 1 << 26
HIGHEST = 100.0  # dB for a picture without any error, because infinity would make the mean infinite


@dataclass(frozen=True)
class Error:
    """Mean errors of pictures that were reduced to ``latent`` numbers and restored.

    mse: mean squared error of values 0..1.
    psnr: in dB.
    """

    latent: int
    mse: float
    psnr: float


@dataclass(frozen=True)
class Components:
    """A fitted PCA of pictures with values 0..1.

    mean: D values.
    rows: K×D, orthonormal, sorted by the variance along them.
    """

    mean: NDArray[np.float32]
    rows: NDArray[np.float32]


def principal_components(batches: Iterable[Bytes], count: int, values: int, most: int) -> Components:
    """Fits at most ``most`` components.

    batches: uint8 n×…, together ``count`` pictures of ``values`` bytes each.

    For small pictures, the covariance is summed batch by batch, which is exact. Wider ones go to scikit-learn's ``PCA``
    at once, as float32. A partial SVD, as in ``IncrementalPCA``, would take minutes.
    """
    most = min(most, count - 1, values)
    if values <= NARROW:
        return _by_covariance(batches, count, values, most)
    from sklearn.decomposition import PCA

    pictures = np.empty((count, values), np.float32)
    done = 0
    for batch in batches:
        pictures[done : done + len(batch)] = unit(batch)
        done += len(batch)
    fitted: Any = PCA(most, random_state=0).fit(pictures)
    return Components(fitted.mean_.astype(np.float32), fitted.components_.astype(np.float32))


def _by_covariance(batches: Iterable[Bytes], count: int, values: int, most: int) -> Components:
    total, products = np.zeros(values), np.zeros((values, values))
    shift = np.zeros(values, np.float32)
    for number, batch in enumerate(batches):
        pictures = unit(batch)
        if number == 0:
            shift = pictures.mean(axis=0)  # close to the mean of all, so that float32 is exact enough
        pictures = pictures - shift
        total += pictures.sum(axis=0, dtype=np.float64)
        products += pictures.T @ pictures
    mean = total / count
    _, directions = np.linalg.eigh(products - count * np.outer(mean, mean))  # in ascending order
    rows = np.ascontiguousarray(directions[:, ::-1][:, :most].T, np.float32)
    return Components((mean + shift).astype(np.float32), rows)


def pca_errors(components: Components, batches: Iterable[Bytes], sizes: Sequence[int]) -> list[Error]:
    """Errors of pictures uint8 n×… that are reduced to so many components and restored, clipped to 0..1.

    Sizes with too few components are left out.
    """
    sizes = [size for size in sorted(set(sizes)) if size <= len(components.rows)]
    meters = {size: ErrorMeter() for size in sizes}
    for batch in batches:
        target = unit(batch)
        codes = (target - components.mean) @ components.rows.T  # n×K
        for size in sizes:
            restored = codes[:, :size] @ components.rows[:size] + components.mean
            meters[size].add(np.clip(restored, 0, 1, dtype=np.float32), target)
    return [meters[size].error(size) for size in sizes]


def affordable(examples: Examples, values: int) -> Examples:
    """The examples. If they have more than :data:`NARROW` values each, evenly spaced ones with :data:`BUDGET` values in
    all."""
    if values <= NARROW:
        return examples
    stride = -(-len(examples) * values // BUDGET)
    return examples if stride <= 1 else examples.where(np.arange(len(examples)) % stride == 0)


class ErrorMeter:
    """Mean errors over batches."""

    def __init__(self) -> None:
        self._mse = self._psnr = 0.0
        self._count = 0

    def add(self, restored: NDArray[np.float32], target: NDArray[np.float32]) -> None:
        """n×D of each, 0..1."""
        each = np.asarray(np.mean((restored - target) ** 2, axis=1, dtype=np.float64))
        self._mse += float(each.sum())
        self._psnr += float(np.minimum(-10 * np.log10(np.maximum(each, 1e-30)), HIGHEST).sum())
        self._count += len(each)

    def error(self, latent: int) -> Error:
        return Error(latent, self._mse / self._count, self._psnr / self._count)


def sizes_up_to(most: int, *more: int) -> list[int]:
    """2, 4, 8, … up to ``most``, and ``more``."""
    powers = [2**i for i in range(1, most.bit_length() + 1) if 2**i <= most]
    return sorted({*powers, *more})


def unit(pictures: Bytes) -> NDArray[np.float32]:
    """uint8 n×… → float32 n×D, 0..1."""
    return cast(NDArray[np.float32], pictures.reshape(len(pictures), -1) / np.float32(255))
