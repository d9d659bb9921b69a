"""The photograph on which packed models are compared, included for a first try on the device.

It is a part of "coffee" (Pikolo Espresso Bar, Rachel Michetti, CC0) from the data of the scikit-image project.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from nitido.model_file.card import Card
from nitido_train.data.degrade import gaussian_at

SIGMA = 25


def sample_frame(card: Card) -> NDArray[np.uint8]:
    """A photograph, uint8 240×320×3 BGR; for denoisers with seeded Gaussian noise of σ 25 (8-bit levels)."""
    photo = photograph()
    return gaussian_at(photo, 0, SIGMA) if card.task == "denoise" else photo


def photograph() -> NDArray[np.uint8]:
    """The photograph as it is, uint8 240×320×3 BGR."""
    data = files("nitido_export.pack").joinpath("templates", "photo.webp").read_bytes()
    return np.asarray(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR), np.uint8)


def write_ppm(path: Path, picture: NDArray[np.uint8]) -> None:
    """Writes uint8 H×W×3 BGR as a binary PPM (P6), which is RGB. Raises ``OSError``."""
    height, width = picture.shape[:2]
    rgb = np.ascontiguousarray(picture[:, :, ::-1])
    path.write_bytes(f"P6\n{width} {height}\n255\n".encode() + rgb.tobytes())
