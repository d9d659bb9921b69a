"""Runs a picture of 8 or 16 bits, with transparency, through an 8-bit model."""

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
    """Runs the picture through an image model: pixels (s·H)×(s·W), with enlarged transparency. Grey stays grey.

    strength, noise: as :class:`nitido.inference.model.Model` takes them. A model against JPEG artefacts gets the level
    of the file's own quantization table, unless ``noise`` is another level.

    Models see 8 bits. The model's change, which is its 8-bit output minus the rounded input, times 257, is added to the
    16-bit values of a deep picture; for an upscaler, to the 16-bit picture enlarged bicubically. So where the model
    changes nothing, steps finer than 8 bits are kept.

    Instead of invisible colours, where alpha is 0, the model sees those of the nearest visible pixel. A model that does
    not enlarge leaves invisible colours unchanged.
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
    """The 16-bit result for ``deep`` (uint16 H×W×3 or H×W): the model's ``result`` (uint8 (s·H)×(s·W)×3) for the
    rounded picture, with the lower bits."""
    height, width = result.shape[:2]
    values = deep.copy() if deep.shape[:2] == (height, width) else _enlarged(deep, width, height)
    add_correction(values, result)
    return values


def _enlarged(values: Any, width: int, height: int) -> Any:
    import cv2  # only loaded for transparency and 16 bits

    return cv2.resize(values, (width, height), interpolation=cv2.INTER_CUBIC)
