"""Ways in which pictures are shrunk before somebody wants to enlarge them, in addition to antialiased bicubic.

Programs and web sites average areas, use cubic or linear kernels that are not widened and therefore alias, or blur
first. Often pictures are shrunk twice, and then they are compressed. An upscaler that knows only one kernel sharpens
pictures from all other kernels wrongly (Zhang, Liang, Van Gool, Timofte, "Designing a Practical Degradation Model for
Deep Blind Image Super-Resolution" (BSRGAN), ICCV 2021; Wang, Xie, Dong, Shan, "Real-ESRGAN", ICCV Workshops 2021).

All kernels keep the picture's middle in place, so a result lies exactly over the picture it was made from.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
from PIL import Image

from nitido.frames import Frame
from nitido_train.data.degrade import compress, compress_anywhere, shrink
from nitido_train.data.developed import DevelopedNoise, add_developed_noise
from nitido_train.recipe.schema import ShrinkRecipe

BLURS = (0.3, 1.2)  # standard deviation of a blur before shrinking by a linear kernel, in pixels of the small picture
SHARPENING = (0.4, 1.6)  # standard deviation of the blur of an unsharp mask, in pixels of the small picture
FIRST = (0.55, 1.0)  # earlier size of a picture, as a share of its size

Resize = Callable[[Frame, int, int], Frame]
"""(frame, width, height) -> the frame in that size."""


def _by_pillow(way: Image.Resampling) -> Resize:
    """Resizing with kernels that are widened for shrinking."""
    return lambda frame, width, height: np.asarray(Image.fromarray(frame).resize((width, height), way))


def _by_opencv(way: int) -> Resize:
    """Resizing with kernels that are not widened, except ``INTER_AREA``."""
    return lambda frame, width, height: np.asarray(cv2.resize(frame, (width, height), interpolation=way), np.uint8)


KERNELS: dict[str, Resize] = {
    "bicubic": _by_pillow(Image.Resampling.BICUBIC),
    "area": _by_opencv(cv2.INTER_AREA),
    "unfiltered cubic": _by_opencv(cv2.INTER_CUBIC),
    "unfiltered linear": _by_opencv(cv2.INTER_LINEAR),
    "Lanczos": _by_pillow(Image.Resampling.LANCZOS),
}
_OTHERS = {"area": 0.3, "unfiltered cubic": 0.3, "unfiltered linear": 0.1, "Lanczos": 0.1, "blur": 0.2}


def shrink_as_found(frame: Frame, scale: int, asked: ShrinkRecipe, rng: np.random.Generator) -> Frame:
    """The frame, shrunk, made noisy and compressed like people's pictures. H and W must be multiples of ``scale``."""
    small = _shrunk(frame, scale, asked, rng)
    if rng.random() < asked.noise:
        level = float(rng.uniform(*asked.noise_level))
        small = add_developed_noise(small, replace(DevelopedNoise.draw(rng, level=level), qualities=()), rng)
    if asked.sharpen and rng.random() < asked.sharpen:
        small = _sharpened(small, float(rng.uniform(*SHARPENING)), float(rng.uniform(*asked.sharpen_amount)))
    if rng.random() < asked.jpeg:
        for _ in range(1 + (rng.random() < asked.jpeg_twice)):
            low, high = asked.jpeg_quality
            small = compress_anywhere(small, int(rng.integers(low, high + 1)), rng)
    return small


def _sharpened(frame: Frame, radius: float, amount: float) -> Frame:
    """An unsharp mask: adds ``amount`` times what a blur removes."""
    soft = cv2.GaussianBlur(frame, (0, 0), radius)
    return np.asarray(cv2.addWeighted(frame, 1 + amount, soft, -amount, 0), np.uint8)


def _shrunk(frame: Frame, scale: int, asked: ShrinkRecipe, rng: np.random.Generator) -> Frame:
    if rng.random() < asked.bicubic:
        return shrink(frame, scale)
    height, width = frame.shape[0] // scale, frame.shape[1] // scale
    names = list(_OTHERS)
    if rng.random() < asked.twice:
        share = rng.uniform(*FIRST)
        first = KERNELS[str(rng.choice([name for name in names if name != "blur"]))]
        frame = first(frame, max(width, round(share * width * scale)), max(height, round(share * height * scale)))
    kind = str(rng.choice(names, p=list(_OTHERS.values())))
    if kind == "blur":
        ratio = frame.shape[1] / width  # of the remaining scale
        frame = np.asarray(cv2.GaussianBlur(frame, (0, 0), ratio * rng.uniform(*BLURS)), np.uint8)
        kind = "unfiltered linear"
    return KERNELS[kind](frame, width, height)


def shrink_by(name: str, frame: Frame, scale: int, quality: int | None = None) -> Frame:
    """The frame, shrunk by a kernel of ``KERNELS`` and, with a quality, compressed as JPEG."""
    small = KERNELS[name](frame, frame.shape[1] // scale, frame.shape[0] // scale)
    return small if quality is None else compress(small, quality)
