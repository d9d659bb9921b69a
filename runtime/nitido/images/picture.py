"""A decoded picture: pixels, transparency and metadata."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from nitido.images.metadata import Metadata

Alpha = NDArray[np.uint8] | NDArray[np.uint16]


@dataclass(frozen=True)
class Picture:
    """One picture, upright.

    pixels: uint8 H×W×3, BGR, 0..255; for a 16-bit picture the rounded values, as models see them.
    alpha: H×W, not multiplied into the colours; uint8, or uint16 (0..65535) in a 16-bit picture; ``None``: opaque.
    grey: the file has one colour channel; the three of ``pixels`` are equal.
    deep: the values of a 16-bit picture, uint16 0..65535, H×W×3 BGR or, when grey, H×W; ``None`` for 8 bits.
    metadata: written with the pixels.
    lossless: the file keeps every value, although its format can be lossy (WebP).
    notes: what is missing compared with the file, or was changed; a line each, for people.
    compression: for a JPEG, the level of its quantization table, see :mod:`nitido.images.compression`.
    noise: for a restored picture, the noise level that was removed, in 8-bit levels; ``None`` if not known.
    """

    pixels: NDArray[np.uint8]
    alpha: Alpha | None = None
    grey: bool = False
    deep: NDArray[np.uint16] | None = None
    metadata: Metadata = field(default_factory=Metadata)
    lossless: bool = False
    notes: tuple[str, ...] = ()
    compression: float | None = None
    noise: float | None = None
