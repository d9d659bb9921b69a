"""Metrics of quality, defined as in the literature."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from nitido.frames import Frame


def psnr(a: NDArray[np.number], b: NDArray[np.number]) -> float:
    """Peak signal-to-noise ratio in dB over all channels, of values 0..255. ``inf`` for equal ones."""
    return _psnr(a.astype(np.float64) - b.astype(np.float64))


def psnr_y(a: Frame, b: Frame, border: int) -> float:
    """PSNR in dB of luma without ``border`` pixels on each side: the protocol of super-resolution, border = scale."""
    difference = luma(a) - luma(b)
    if border:
        difference = difference[border:-border, border:-border]
    return _psnr(difference)


def score(restored: Frame, clean: Frame, scale: int) -> float:
    """PSNR in dB: of all channels at ``scale`` 1, else of luma without ``scale`` border pixels."""
    return psnr(restored, clean) if scale == 1 else psnr_y(restored, clean, scale)


def scored(frame: Frame, scale: int) -> NDArray[np.generic]:
    """The part of a frame that :func:`score` compares, H×W×C: all channels in 8-bit levels, or the luma inside the
    border."""
    return frame if scale == 1 else luma(frame)[scale:-scale, scale:-scale, None]


def luma(frame: Frame) -> NDArray[np.float64]:
    """ITU-R BT.601 studio-swing Y (16..235) as MATLAB's ``rgb2ycbcr`` computes it, unrounded, H×W."""
    weights = np.array([24.966, 128.553, 65.481]) / 255  # BGR
    return frame.astype(np.float64) @ weights + 16.0


def spread(latents: NDArray[np.float32]) -> dict[str, list[float]]:
    """``mean`` and ``std`` of latents N×d by dimension, as a card has them."""
    both = {"mean": latents.mean(0), "std": latents.std(0)}
    return {name: [round(float(value), 5) for value in values] for name, values in both.items()}


def _psnr(difference: NDArray[np.float64]) -> float:
    mse = float(np.mean(difference**2))
    return math.inf if mse == 0 else 10 * math.log10(255**2 / mse)
