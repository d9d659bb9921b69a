"""A production line made of numbers: plates with holes at random places, photographed with noise."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from nitido.anomaly.reconstruction import Reconstruction
from nitido.anomaly.threshold import fit_threshold, write_fitted

Pixels = NDArray[np.uint8]
HEIGHT, WIDTH = 48, 64


def plate(rng: np.random.Generator, light: float = 1.0, holes: int = 3, contrast: float = 60) -> Pixels:
    """One plate, uint8 H×W×3. light: factor on all levels; holes, contrast in levels: what product it is."""
    picture = np.full((HEIGHT, WIDTH), 120.0)
    for _ in range(holes):
        centre = int(rng.integers(8, WIDTH - 8)), int(rng.integers(8, HEIGHT - 8))
        cv2.circle(picture, centre, 4, 120.0 - contrast, -1)
    noisy = picture * light + rng.normal(0, 3, picture.shape)
    return np.repeat(np.clip(noisy, 0, 255).astype(np.uint8)[..., None], 3, axis=2)


def write_line_model(model: Path, path: Path, pictures: int = 100) -> Path:
    """The model with a threshold that is fitted on plates."""
    rng = np.random.default_rng(5)
    reconstruction = Reconstruction(model, "cpu")
    write_fitted(reconstruction, fit_threshold(reconstruction, [plate(rng) for _ in range(pictures)]), path)
    return path
