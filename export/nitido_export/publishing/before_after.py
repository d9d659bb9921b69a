"""A picture of what a frame model does: input, result and original next to each other."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import cv2
import numpy as np

from nitido.frames import Frame
from nitido_train.data import degrade
from nitido_train.data.degrade import CAMERAS
from nitido_train.data.shrinking import shrink_by
from nitido_train.recipe.schema import Recipe

SIDE = 240  # of a crop; a multiple of 2, 3 and 4
LABEL = 22  # height in pixels
SIGMA, QUALITY = 25, 20


def before_after(restore: Callable[[Frame], Frame], recipe: Recipe, pictures: Sequence[Frame]) -> Frame:
    """A row for each picture: the middle of it as input, as result and as original; uint8 H×W×3 BGR. Each model gets
    the degradation that it is made for: Gaussian noise of σ 25, a camera's middle exposure, JPEG of quality 20, or
    shrinking, by antialiased bicubic or by areas followed by JPEG 75. Shrunk inputs are shown enlarged by bicubic.
    """
    what, degraded = _given(recipe)
    rows = [np.hstack([_label(text) for text in (what, recipe.name, "original")])]
    for position, picture in enumerate(pictures):
        clean = _middle(picture)
        given = degraded(clean, np.random.default_rng([SIGMA, position]))
        shown = degrade.enlarge(given, recipe.scale) if recipe.scale > 1 else given
        rows.append(np.hstack([shown, restore(given), clean]))
    return np.vstack(rows)


def _given(recipe: Recipe) -> tuple[str, Callable[[Frame, np.random.Generator], Frame]]:
    """(name of the degradation, the function that degrades a clean frame)."""
    scale = recipe.scale
    if recipe.purpose == "camera":
        return "camera noise", lambda clean, rng: degrade.add_camera_noise(clean, CAMERAS["mid"], rng)
    if recipe.purpose == "jpeg":
        return f"JPEG {QUALITY}", lambda clean, _: degrade.compress(clean, QUALITY)
    if recipe.purpose == "found":
        return f"area x{scale}, JPEG 75", lambda clean, _: shrink_by("area", clean, scale, 75)
    if recipe.noise is not None:
        return f"noise, sigma {SIGMA}", lambda clean, rng: degrade.add_gaussian(clean, SIGMA, rng)
    return f"bicubic x{scale}", lambda clean, _: degrade.shrink(clean, scale)


def _middle(picture: Frame) -> Frame:
    top, left = (max(0, (length - SIDE) // 2) for length in picture.shape[:2])
    return np.ascontiguousarray(picture[top : top + SIDE, left : left + SIDE])


def _label(text: str) -> Frame:
    strip = np.full((LABEL, SIDE, 3), 255, np.uint8)
    cv2.putText(strip, text, (6, LABEL - 7), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (40, 40, 40), 1, cv2.LINE_AA)
    return strip


def to_webp(picture: Frame) -> bytes:
    """Compressed so lightly that noise keeps its look."""
    _, data = cv2.imencode(".webp", picture, [cv2.IMWRITE_WEBP_QUALITY, 90])
    return data.tobytes()
