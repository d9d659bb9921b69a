"""Figures as the field's tables define them. Pictures are uint8 H×W×3, BGR."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from nitido.frames import Frame


def psnr(a: Frame, b: Frame) -> float:
    """Peak signal-to-noise ratio over all channels in dB; ``inf`` for equal frames."""
    return _psnr(a.astype(np.float64) - b.astype(np.float64))


def psnr_y(a: Frame, b: Frame, border: int) -> float:
    """PSNR of luma in dB without ``border`` pixels on each side: the super-resolution protocol (border = scale)."""
    difference = luma(a) - luma(b)
    if border:
        difference = difference[border:-border, border:-border]
    return _psnr(difference)


def luma(frame: Frame) -> NDArray[np.float64]:
    """ITU-R BT.601 studio-swing Y (16..235) as MATLAB's ``rgb2ycbcr`` computes it, unrounded, H×W."""
    weights = np.array([24.966, 128.553, 65.481]) / 255  # BGR
    return frame.astype(np.float64) @ weights + 16.0


def spread(latents: NDArray[np.float32]) -> dict[str, list[float]]:
    """``mean`` and ``std`` by dimension of latents N×d, as a card has them."""
    both = {"mean": latents.mean(0), "std": latents.std(0)}
    return {name: [round(float(value), 5) for value in values] for name, values in both.items()}


def _psnr(difference: NDArray[np.float64]) -> float:
    mse = float(np.mean(difference**2))
    return math.inf if mse == 0 else 10 * math.log10(255**2 / mse)
