"""Measures noise on pairs of frames that should only differ by their noise."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from nitido.calibration.autocorrelation import Autocorrelation
from nitido.calibration.calibration import COMPONENTS, Calibration
from nitido.errors import SourceUnavailable
from nitido.frames import Frame

BLOCK = 8  # pixels
_BINS = 32  # of brightness
_FEWEST = 40  # smallest number of blocks for a point of the curve
_ALL_MOVED = 0.75  # of a block's deviation, as difference of the means of blocks: more cannot be noise
_MOVED = 5.0  # mean of a block's difference, in robust standard deviations of all blocks, from which on it has moved
_OUTLIER = 4.0  # times the median variance of equally bright blocks, from which on it has moved, too
_FLAT = 0.2  # share of the still blocks of one brightness, the flattest, that count for the curve
_SHAKEN = 1.7  # times the variance of flat parts
_LEAST = 0.02  # smallest share of the blocks that must be still

# Blue, green, red to luma, Cb, Cr: BT.601, full range.
_COMPONENTS = np.array([[0.114, 0.587, 0.299], [0.5, -0.331264, -0.168736], [-0.081312, -0.418688, 0.5]], np.float32)

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Blocks:
    """For each block: mean of the luma difference, variances of luma, Cb and Cr (h w 3), brightness, and mean square of
    the scene's slope."""

    mean: NDArray[np.float32]
    variance: NDArray[np.float32]
    bright: NDArray[np.float32]
    slope: NDArray[np.float32]


class NoiseMeter:
    """Sums the noise of pairs of frames and makes a :class:`Calibration` from it.

    Only blocks of 8 pixels in which nothing moves count, and among those of equal brightness only the flattest fifth,
    because edges differ by more than noise if a camera shakes.
    """

    def __init__(self) -> None:
        self.pairs = 0
        self._size = (0, 0)
        self._count = np.zeros(_BINS)
        self._bright = np.zeros(_BINS)
        self._variance = np.zeros((_BINS, len(COMPONENTS)))
        self._seen = np.zeros(_BINS)  # blocks of the scene, still or not
        self._steep, self._steep_count = np.zeros(_BINS), np.zeros(_BINS)
        self._blocks = self._still = 0
        self._near = self._far = 0.0
        self._correlation = Autocorrelation()

    def add(self, one: Frame, other: Frame, near: Frame | None = None) -> None:
        """Two noisy frames H×W×3, uint8 BGR, of one scene. near: the frame right after the first, which shows how much
        of the noise is the same in consecutive frames."""
        first, second = (frame.astype(np.float32) for frame in (one, other))
        variance, kept = self._add(
            (first - second) / np.float32(math.sqrt(2)), np.asarray((first + second) / 2, np.float32), _FLAT
        )
        if near is not None and near is not other and kept.any():
            following = cv2.transform((first - near.astype(np.float32)) / np.float32(math.sqrt(2)), _COMPONENTS[:1])
            self._near += float(_in_blocks(np.square(following.reshape(first.shape[:2])))[kept].mean())
            self._far += float(variance[kept].mean())

    def add_pair(self, noisy: Frame, clean: Frame) -> None:
        """A noisy frame and the same frame without noise, such as the mean of many. Edges count like flat parts."""
        self._add(noisy.astype(np.float32) - clean.astype(np.float32), clean.astype(np.float32), 1.0)

    def result(self, source: str, frames: int) -> Calibration:
        """Raises ``SourceUnavailable`` if there was no noise, or if nothing stood still."""
        if self._blocks == 0 or self._still < _LEAST * self._blocks:
            share = 100 * self._still / max(1, self._blocks)
            raise SourceUnavailable(
                f"{source}: expected a scene that does not move, found {share:.0f} % of it still; point a "
                "firmly mounted camera at something that stands still and is lit evenly"
            )
        first = _first_of_groups(self._count)
        count = np.add.reduceat(self._count, first)
        variance = np.add.reduceat(self._variance, first) / count[:, None]  # groups of bins, components
        if not variance[:, 0].any():
            raise SourceUnavailable(f"{source}: expected frames with noise, found frames that are all the same")
        self._warn_of_shake(source, first, variance[:, 0])
        deviation = np.sqrt(variance[:, 0])
        total = count @ variance / count.sum()
        bright = np.add.reduceat(self._bright, first) / count
        centres = (np.arange(_BINS) + 0.5) * 256 / _BINS
        scene = np.interp(centres, bright, variance[:, 0])
        level = math.sqrt(float(self._seen @ scene) / self._seen.sum())
        return Calibration(
            source=source,
            frames=frames,
            size=self._size,
            level=round(level, 3),
            brightness=tuple(round(float(value), 1) for value in bright),
            deviation=tuple(round(float(value), 3) for value in deviation),
            colour=(round(math.sqrt(total[1] / total[0]), 3), round(math.sqrt(total[2] / total[0]), 3)),
            correlation=self._correlation.tables(),
            steady=round(max(0.0, 1 - self._near / self._far), 3) if self._far else 0.0,
        )

    def _warn_of_shake(self, source: str, first: NDArray[np.int_], variance: NDArray[np.float64]) -> None:
        count = np.add.reduceat(self._steep_count, first)
        steep, flat = np.add.reduceat(self._steep, first).sum(), float(variance @ count)
        if steep > _SHAKEN * flat:
            ratio = steep / max(flat, 1e-6)
            _log.warning(
                "%s: edges change %.1f times as much as flat parts, so the camera or the scene moves a little and the "
                "noise looks stronger than it is; mount the camera firmly",
                source,
                ratio,
            )

    def _add(
        self, difference: NDArray[np.float32], scene: NDArray[np.float32], share: float
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """difference: H×W×3 with the variance of one frame's noise. share: share of the still blocks of one brightness,
        the flattest, that count. Returns the variance of luma in each block, h×w, and which blocks count."""
        height, width = (side - side % BLOCK for side in difference.shape[:2])
        if not height or not width:
            raise SourceUnavailable(f"expected frames of at least {BLOCK}×{BLOCK} pixels")
        self._size = (difference.shape[1], difference.shape[0])
        parts = np.asarray(cv2.transform(difference[:height, :width], _COMPONENTS), np.float32)
        # A difference that all blocks have in common is a change of the light, not noise.
        parts -= np.median(_in_blocks(parts), axis=(0, 1)).astype(np.float32)
        luma = np.asarray(cv2.transform(scene[:height, :width], _COMPONENTS[:1]), np.float32).reshape(height, width)
        blocks = _measured(parts, luma)
        bins = np.clip(blocks.bright * _BINS / 256, 0, _BINS - 1).astype(int)
        still, flat = _chosen(blocks, bins, share)
        self.pairs += 1
        self._blocks += still.size
        self._still += int(still.sum())
        self._seen += np.bincount(bins.ravel(), minlength=_BINS)
        self._count += np.bincount(bins[flat], minlength=_BINS)
        self._bright += np.bincount(bins[flat], blocks.bright[flat], minlength=_BINS)
        for component in range(len(COMPONENTS)):
            self._variance[:, component] += np.bincount(bins[flat], blocks.variance[..., component][flat], _BINS)
        steep = still & ~flat
        self._steep += np.bincount(bins[steep], blocks.variance[..., 0][steep], _BINS)
        self._steep_count += np.bincount(bins[steep], minlength=_BINS)
        if flat.any():
            self._correlation.add(parts, blocks.variance, still, BLOCK)
        return blocks.variance[..., 0], flat


def _in_blocks(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """The mean of each block."""
    height, width = values.shape[:2]
    return np.asarray(cv2.resize(values, (width // BLOCK, height // BLOCK), interpolation=cv2.INTER_AREA), np.float32)


def _measured(parts: NDArray[np.float32], luma: NDArray[np.float32]) -> _Blocks:
    smooth = cv2.GaussianBlur(luma, (0, 0), 1.5)
    across, down = (np.asarray(cv2.Sobel(smooth, -1, dx, 1 - dx, scale=1 / 8), np.float32) for dx in (1, 0))
    steep = _in_blocks(np.square(across) + np.square(down))
    return _Blocks(_in_blocks(parts[..., 0]), _in_blocks(np.square(parts)), _in_blocks(luma), steep)


def _chosen(blocks: _Blocks, bins: NDArray[np.int_], share: float) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """(blocks in which nothing moves, the ones of them that count for the curve)."""
    spread = 1.4826 * float(np.median(np.abs(blocks.mean))) + 0.05
    if spread > _ALL_MOVED * math.sqrt(float(np.median(blocks.variance[..., 0]))) + 0.1:
        return np.zeros_like(bins, bool), np.zeros_like(bins, bool)
    moving = (np.abs(blocks.mean) > _MOVED * spread).astype(np.uint8)
    still = cv2.dilate(moving, np.ones((3, 3), np.uint8)) == 0
    flat = np.zeros_like(still)
    luma = blocks.variance[..., 0]
    for value in np.unique(bins[still]):
        here = still & (bins == value)
        ordinary = here & (luma <= _OUTLIER * np.median(luma[here]))
        still &= ~here | ordinary
        flat |= ordinary & (blocks.slope <= np.quantile(blocks.slope[ordinary], share))
    return still, flat


def _first_of_groups(count: NDArray[np.float64]) -> NDArray[np.int_]:
    """The first bin of each group of bins; groups are large enough to have sufficient blocks."""
    first, have = [0], 0.0
    for place in range(len(count)):
        if have >= _FEWEST and count[place:].sum() >= _FEWEST:
            first.append(place)
            have = 0.0
        have += count[place]
    return np.array(first)
