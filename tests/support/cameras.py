"""A camera that is known: frames of one scene with noise whose curve, colour and correlation a test has chosen."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from support.paths import SAMPLES


def scene(height: int = 240, width: int = 320) -> NDArray[np.uint8]:
    """A photo under a ramp of light, so that there are dark and bright parts."""
    photo = cv2.imread(str(SAMPLES / "coffee.webp"))[:height, :width]
    soft = cv2.GaussianBlur(photo, (0, 0), 3).astype(np.float32) - 128
    ramp = np.linspace(20, 235, width, dtype=np.float32)[None, :, None]
    return np.clip(0.2 * soft + ramp, 0, 255).astype(np.uint8)


def deviation(luma: NDArray[np.floating]) -> NDArray[np.floating]:
    """The camera's curve: 2 to 6 levels."""
    return 2 + 4 * np.sqrt(luma / 255)


BLUR = 0.8  # pixels, of the noise; its neighbours then correlate by exp(-1 / (4 · BLUR²))
COLOUR = (0.8, 0.5)  # of Cb and Cr


def frames(
    count: int, picture: NDArray[np.uint8] | None = None, seed: int = 0, scale: float = 1.0
) -> Iterator[NDArray[np.uint8]]:
    """Frames of a still scene."""
    rng = np.random.default_rng(seed)
    clean = (scene() if picture is None else picture).astype(np.float32)
    luma = clean @ np.array([0.114, 0.587, 0.299], np.float32)
    kernel = cv2.getGaussianKernel(9, BLUR)
    kernel /= np.sqrt(np.square(kernel).sum())

    def drawn() -> NDArray[np.float32]:
        white = rng.standard_normal(luma.shape, dtype=np.float32)
        return np.asarray(cv2.sepFilter2D(white, -1, kernel, kernel))

    for _ in range(count):
        y, blue, red = drawn(), COLOUR[0] * drawn(), COLOUR[1] * drawn()
        noise = np.stack([y + 1.772 * blue, y - 0.344136 * blue - 0.714136 * red, y + 1.402 * red], -1)
        yield np.clip(np.rint(clean + scale * deviation(luma)[..., None] * noise), 0, 255).astype(np.uint8)


def moving(given: Iterator[NDArray[np.uint8]], place: Callable[[int], int]) -> Iterator[NDArray[np.uint8]]:
    """The same with a grey square that moves across."""
    for index, frame in enumerate(given):
        left = place(index)
        frame[60:120, left : left + 60] = 90 + 60 * (index % 2)
        yield frame
