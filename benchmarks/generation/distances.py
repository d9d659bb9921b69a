"""How far samples are from real pictures and melodies, and latents from a normal distribution."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.stats import kstest

from nitido.frames import Frame

Features = NDArray[np.float64]

_PATCH, _PATCHES, _DIRECTIONS = 7, 128, 256
_LEAST_SIDE = 16  # pixels of the smallest level
_SCALE = 1000


def frechet(a: Features, b: Features) -> float:
    """Fréchet distance of the normal distributions with the means and covariances of N×F features (Heusel and others,
    "GANs Trained by a Two Time-Scale Update Rule", 2017)."""
    first, second = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    values, vectors = np.linalg.eigh(first)
    half = vectors * np.sqrt(values.clip(0)) @ vectors.T
    common = np.sqrt(np.linalg.eigvalsh(half @ second @ half).clip(0)).sum()
    return float(((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(first) + np.trace(second) - 2 * common)


def sliced_wasserstein(a: Frame, b: Frame, seed: int = 0) -> float:
    """Sliced Wasserstein distance of patches, ×1000, averaged over the levels of a Laplacian pyramid (Karras and
    others, "Progressive Growing of GANs", 2018): whether shapes of each size are as frequent and as strong.

    At each level, each channel of b has mean 0 and deviation 1, and a is scaled with b. In the paper each set has its
    own scale, so that contrast does not count.

    a, b: uint8 N×H×W×3, equally many. b: the real ones.
    """
    rng = np.random.default_rng(seed)
    found: list[float] = []
    for level, (first, second) in enumerate(zip(_pyramid(a), _pyramid(b), strict=True)):
        mean, deviation = second.mean((0, 1, 2)), np.maximum(second.std((0, 1, 2)), 1e-6)
        scaled = ((pictures - mean) / deviation for pictures in (first, second))
        rows, others = (_patches(pictures, np.random.default_rng([seed, level])) for pictures in scaled)
        directions = rng.standard_normal((rows.shape[1], _DIRECTIONS)).astype(np.float32)
        directions /= np.linalg.norm(directions, axis=0)
        gap = np.sort(rows @ directions, axis=0) - np.sort(others @ directions, axis=0)
        found.append(float(np.abs(gap).mean()) * _SCALE)
    return float(np.mean(found))


def _pyramid(pictures: Frame) -> list[NDArray[np.float32]]:
    """What each size adds to the next smaller one, and the smallest."""
    here = list(pictures.astype(np.float32))
    levels: list[NDArray[np.float32]] = []
    while min(here[0].shape[:2]) > _LEAST_SIDE:
        smaller = [cv2.pyrDown(p) for p in here]
        again = [cv2.pyrUp(s, dstsize=p.shape[1::-1]) for s, p in zip(smaller, here, strict=True)]
        levels.append(np.stack(here) - np.stack(again))
        here = smaller
    return [*levels, np.stack(here)]


def _patches(pictures: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Patches at random places, M×147 values."""
    height, width = pictures.shape[1:3]
    number = np.repeat(np.arange(len(pictures)), _PATCHES)
    top = rng.integers(0, height - _PATCH + 1, len(number))
    left = rng.integers(0, width - _PATCH + 1, len(number))
    side = np.arange(_PATCH)
    found = pictures[number[:, None, None], top[:, None, None] + side[:, None], left[:, None, None] + side]
    return found.reshape(len(found), -1)


def shares(values: NDArray[Any], size: int) -> Features:
    """How frequent each of the integers 0..size-1 is; what lies outside counts as the nearest."""
    return np.bincount(np.clip(values, 0, size - 1), minlength=size) / max(1, len(values))


def variation(a: Features, b: Features) -> float:
    """Total variation distance of two histograms of shares, 0..1."""
    return float(np.abs(a - b).sum() / 2)


def ks_distances(z: NDArray[np.floating[Any]]) -> dict[str, float]:
    """Largest and mean Kolmogorov-Smirnov distance from a standard normal distribution, over the dimensions of N×d
    latents."""
    found = [float(kstest(column, "norm").statistic) for column in z.T]  # pyright: ignore[reportAttributeAccessIssue]
    return {"max": round(max(found), 4), "mean": round(float(np.mean(found)), 4)}
