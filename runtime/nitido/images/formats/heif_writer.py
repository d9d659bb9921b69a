"""Writes AVIF and HEIF files."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np

from nitido.errors import SinkUnavailable
from nitido.images import plugins
from nitido.images.depth import grey_of
from nitido.images.picture import Picture

CAN_WRITE_DEEP_AVIF = hasattr(cv2, "IMWRITE_AVIF_DEPTH") and hasattr(cv2, "imencodeWithMetadata")
_FINE = 90  # the quality from which on colours have full resolution
_SPEED = 6  # 0 (slow and small) to 10, as Pillow's default


def encode_heic(picture: Picture, quality: int, metadata: Mapping[str, bytes]) -> bytes:
    """10 bits for a 16-bit picture, else 8. metadata: ``exif``, ``icc_profile`` and ``xmp``, if they exist. Raises
    ``SinkUnavailable``."""
    library = plugins.heif_library("the result")
    values: Any = grey_of(picture.pixels) if picture.grey else picture.pixels
    values = values if picture.deep is None else picture.deep
    mode, depth = "L" if picture.grey else "BGR", "" if picture.deep is None else ";16"
    if picture.alpha is not None:
        values, mode = np.dstack([values, _like(picture.alpha, values.dtype)]), f"{mode}A"
    stream = io.BytesIO()
    size = (values.shape[1], values.shape[0])
    chroma = {"chroma": "444" if quality >= _FINE else "420"}
    try:
        data = np.ascontiguousarray(values).tobytes()
        library.encode(f"{mode}{depth}", size, data, stream, quality=quality, **chroma, **metadata)
    except (RuntimeError, ValueError, OSError) as error:
        raise SinkUnavailable(f"{size[0]}×{size[1]} cannot be written as heic ({error}); use another format") from error
    return stream.getvalue()


def encode_avif10(picture: Picture, quality: int, metadata: Mapping[str, bytes]) -> bytes:
    """10 bits of a 16-bit picture, through OpenCV. metadata: as above. Raises ``SinkUnavailable``."""
    deep = picture.deep
    assert deep is not None
    values: Any = np.repeat(deep[:, :, None], 3, axis=2) if deep.ndim == 2 else deep
    if picture.alpha is not None:
        values = np.dstack([values, _like(picture.alpha, values.dtype)])
    values = ((values.astype(np.uint32) * 1023 + 32767) // 65535).astype(np.uint16)
    # Missing in OpenCV's types, but present in newer versions.
    library: Any = cv2
    kinds = {
        "exif": library.IMAGE_METADATA_EXIF,
        "icc_profile": library.IMAGE_METADATA_ICCP,
        "xmp": library.IMAGE_METADATA_XMP,
    }
    data = {kinds[name]: np.frombuffer(block, np.uint8) for name, block in metadata.items()}
    options = [library.IMWRITE_AVIF_DEPTH, 10, library.IMWRITE_AVIF_QUALITY, quality]
    options += [library.IMWRITE_AVIF_SPEED, _SPEED]
    try:
        written, content = library.imencodeWithMetadata(".avif", values, list(data), list(data.values()), options)
    except cv2.error as error:
        raise SinkUnavailable(f"the picture cannot be written as 10-bit AVIF ({error.err}); use png") from error
    if not written:
        raise SinkUnavailable("the picture cannot be written as 10-bit AVIF; use png")
    return content.tobytes()


def _like(alpha: Any, kind: Any) -> Any:
    if alpha.dtype == kind:
        return alpha
    return alpha.astype(np.uint16) * 257 if kind == np.uint16 else (alpha // 257).astype(np.uint8)
