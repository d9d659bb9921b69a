"""What a picture file holds, decoded: pixels, transparency, and what travels with them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from nitido.images.metadata import Metadata

Alpha = NDArray[np.uint8] | NDArray[np.uint16]


@dataclass(frozen=True)
class Picture:
    """One picture, upright.

    pixels: uint8 H×W×3, BGR, 0..255; of a 16-bit picture its rounding, which is what models see.
    alpha: H×W, not multiplied into the colours; uint8, or uint16 (0..65535) in a 16-bit picture; ``None``: opaque.
    grey: the file has one colour channel; the three of ``pixels`` are equal.
    deep: the values of a 16-bit picture, uint16 0..65535, H×W×3 BGR or, when grey, H×W; ``None`` for 8 bits.
    metadata: what is written back with the pixels.
    lossless: the file keeps every value, though files of its format need not (WebP).
    notes: what else was in the file and is not here, or was changed; a line each, for people.
    compression: of a JPEG, the level that its quantization table shows, see :mod:`nitido.images.compression`.
    noise: of a restored picture, the noise level that was removed, in 8-bit levels; ``None`` where none is known.
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
