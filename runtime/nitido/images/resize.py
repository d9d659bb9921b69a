"""The requested size of a result, and antialiased reduction to it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nitido.frames import Frame
from nitido.images.depth import to_8_bits
from nitido.images.picture import Picture


@dataclass(frozen=True)
class OutputSize:
    """A requested size: a ``scale``, or sides in pixels.

    width, height: if only one is given, the other follows. Both: exactly that size, or with ``fit`` the largest size
    inside it that keeps the proportions.
    max_side: of the longer side.
    """

    scale: float | None = None
    width: int | None = None
    height: int | None = None
    max_side: int | None = None
    fit: bool = False

    def of(self, width: int, height: int) -> tuple[int, int]:
        """(width, height) of the result for a picture of that size; at least 1."""
        if self.width and self.height and not self.fit:
            return self.width, self.height
        factors = [self.scale] if self.scale else []
        factors += [self.width / width] if self.width else []
        factors += [self.height / height] if self.height else []
        factors += [self.max_side / max(width, height)] if self.max_side else []
        factor = min(factors)
        return max(1, round(width * factor)), max(1, round(height * factor))

    def asked(self) -> dict[str, float | int | bool]:
        """The options that were given, by name."""
        values = {"scale": self.scale, "width": self.width, "height": self.height, "max_side": self.max_side}
        return {name: value for name, value in values.items() if value} | ({"fit": True} if self.fit else {})


def reduce_picture(picture: Picture, width: int, height: int) -> Picture:
    """The picture, reduced with antialiasing, including 16 bits and transparency. Neither side may become larger."""
    if picture.pixels.shape[:2] == (height, width):
        return picture
    deep = None if picture.deep is None else _reduce_deep(picture.deep, width, height)
    pixels = reduce_frame(picture.pixels, width, height) if deep is None else to_8_bits(deep)
    alpha: Any = picture.alpha
    if alpha is not None:
        small = _reduce_deep(alpha, width, height) if alpha.dtype == np.uint16 else _reduce(alpha, width, height)
        alpha = small.astype(alpha.dtype)
    return replace(picture, pixels=pixels, deep=deep, alpha=alpha)


def reduce_frame(frame: Frame, width: int, height: int) -> Frame:
    """uint8 H×W×3, reduced with antialiasing (bicubic with a widened kernel)."""
    return frame if frame.shape[:2] == (height, width) else _reduce(frame, width, height)


def _reduce(values: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    image = Image.fromarray(np.ascontiguousarray(values))
    return np.asarray(image.resize((width, height), Image.Resampling.BICUBIC), np.uint8).copy()


def _reduce_deep(values: NDArray[np.uint16], width: int, height: int) -> NDArray[np.uint16]:
    """uint16 H×W×3 or H×W, reduced channel by channel, because Pillow does not have 16-bit colour."""
    channels = values[:, :, None] if values.ndim == 2 else values
    result = np.empty((height, width, channels.shape[2]), np.uint16)
    for channel in range(channels.shape[2]):
        image = Image.fromarray(channels[:, :, channel].astype(np.float32))
        small = np.asarray(image.resize((width, height), Image.Resampling.BICUBIC))
        result[:, :, channel] = np.clip(np.rint(small), 0, 65535)
    return result[:, :, 0] if values.ndim == 2 else result
