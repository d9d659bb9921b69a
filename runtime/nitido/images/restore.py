"""A picture, of 8 or 16 bits and with its transparency, through a model of 8 bits."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nitido.frames import Frame
from nitido.images.cutout import fill_hidden, put_back_hidden
from nitido.images.depth import add_correction, to_8_bits
from nitido.images.picture import Picture
from nitido.inference.levels import Noise
from nitido.inference.model import Model


def restore_picture(model: Model, picture: Picture, *, strength: float = 1.0, noise: Noise | None = None) -> Picture:
    """The picture through an image model: pixels (s·H)×(s·W), transparency enlarged with them, grey kept grey.

    strength, noise: as :class:`nitido.inference.model.Model` takes them. A model against JPEG artefacts is given the
    level of the file's own quantization table unless ``noise`` says another.

    Models see 8 bits. The 16-bit values of a deep picture get what the model adds: its 8-bit output minus the rounded
    input, times 257; for an upscaler, on top of the 16-bit picture enlarged bicubically. So where the model changes
    nothing, nothing changes, and steps finer than 8 bits stay as they were.

    Colours that are not seen, since alpha is 0 there, do not matter: the model sees those of the nearest visible pixel
    instead. A model that does not enlarge leaves them as they were.
    """
    alpha = picture.alpha
    pixels, deep = picture.pixels, picture.deep
    if alpha is not None:
        reach = max(0, model.card.halo) + model.card.multiple
        values: Any = pixels if deep is None else deep
        filled = fill_hidden(values, alpha, reach)
        if filled is not values:
            pixels, deep = (filled, None) if deep is None else (to_8_bits(filled), filled)
    if noise is None and model.card.removes_compression:
        noise = picture.compression
    measured = model.measured(pixels, strength=strength, noise=noise)
    result = measured.image
    height, width = result.shape[:2]
    restored = None if deep is None else with_depth(deep, result)
    if alpha is not None:
        if alpha.shape == (height, width):
            put_back_hidden(result, picture.pixels, alpha)
            if restored is not None and picture.deep is not None:
                put_back_hidden(restored, picture.deep, alpha)
        else:
            alpha = _enlarged(alpha, width, height)
    return replace(picture, pixels=result, alpha=alpha, deep=restored, noise=measured.used)


def with_depth(deep: NDArray[np.uint16], result: Frame) -> NDArray[np.uint16]:
    """What a model made of the rounded ``deep`` (uint16 H×W×3 or H×W) in 16 bits: ``result`` (uint8 (s·H)×(s·W)×3) with
    what lay below the rounding."""
    height, width = result.shape[:2]
    values = deep.copy() if deep.shape[:2] == (height, width) else _enlarged(deep, width, height)
    add_correction(values, result)
    return values


def _enlarged(values: Any, width: int, height: int) -> Any:
    import cv2  # only for transparency and 16 bits

    return cv2.resize(values, (width, height), interpolation=cv2.INTER_CUBIC)
