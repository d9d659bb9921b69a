"""Colour profiles (ICC): makes them for colours that a file describes in another way, and converts to sRGB."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_D50 = np.array([0.96420288, 1.0, 0.82490540])
# Bradford's matrix, with which profiles adapt a white point to that of the connection space.
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
SRGB = (0.3127, 0.3290, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06)
"""White, red, green and blue, each as x and y."""


def gamma_curve(exponent: float) -> bytes:
    """The tag of a curve: light = value ** exponent."""
    return b"para" + struct.pack(">IHH", 0, 0, 0) + _fixed(exponent)


def srgb_curve() -> bytes:
    """The tag of sRGB's curve, which is linear near black."""
    numbers = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
    return b"para" + struct.pack(">IHH", 0, 3, 0) + b"".join(map(_fixed, numbers))


def rgb_profile(name: str, chromaticities: Sequence[float], curve: bytes) -> bytes:
    """A profile of a display with these primaries. chromaticities: as :data:`SRGB`. Raises ``ValueError`` if they do
    not span a triangle."""
    try:
        white, *primaries = (np.array([x / y, 1.0, (1 - x - y) / y]) for x, y in _pairs(chromaticities))
        columns = np.stack(primaries, axis=1)
        columns = columns * np.linalg.solve(columns, white)
    except (ZeroDivisionError, np.linalg.LinAlgError) as error:
        raise ValueError("these primaries span no triangle") from error
    adapted = np.linalg.inv(_BRADFORD) @ np.diag((_BRADFORD @ _D50) / (_BRADFORD @ white)) @ _BRADFORD
    columns = adapted @ columns
    if not np.isfinite(columns).all() or np.abs(columns).max() > 100:
        raise ValueError("these primaries span no triangle")
    tags = {b"rXYZ": _xyz(columns[:, 0]), b"gXYZ": _xyz(columns[:, 1]), b"bXYZ": _xyz(columns[:, 2])}
    tags |= {b"chad": b"sf32\0\0\0\0" + b"".join(_fixed(v) for v in adapted.ravel())}
    return _profile(b"RGB ", name, tags | {b"rTRC": curve, b"gTRC": curve, b"bTRC": curve})


def grey_profile(name: str, curve: bytes) -> bytes:
    """A profile of greys."""
    return _profile(b"GRAY", name, {b"kTRC": curve})


def space_of(profile: bytes) -> bytes:
    """The colours that a profile describes: ``b"RGB "``, ``b"GRAY"``, ``b"CMYK"``, …; empty if it is not a profile."""
    return profile[16:20] if profile[36:40] == b"acsp" else b""


def as_rgb(profile: bytes) -> bytes | None:
    """A colour profile whose greys look the same as in a grey profile; ``None`` if its curve is not found."""
    (count,) = struct.unpack_from(">I", profile, 128)
    for at in range(132, min(132 + 12 * count, len(profile) - 11), 12):
        name, offset, size = struct.unpack_from(">4sII", profile, at)
        if name == b"kTRC":
            return rgb_profile("grey", SRGB, profile[offset : offset + size])
    return None


def to_srgb(profile: bytes, mode: str) -> Callable[[Image.Image], Image.Image]:
    """The conversion of Pillow images of ``mode`` (``RGB``, ``L``, ``CMYK`` or ``LAB``) to sRGB, with the profile's own
    intent; an empty profile for LAB means the space itself. Raises ``ValueError`` for an unusable profile."""
    try:
        from PIL import ImageCms
    except ImportError as error:
        raise ValueError("this Pillow has no littlecms") from error
    try:
        # Pillow's types do not contain all of littlecms; these values are from its documentation.
        cms: Any = ImageCms
        source = cms.ImageCmsProfile(io.BytesIO(profile)) if profile else cms.createProfile("LAB")
        transform = cms.buildTransform(source, cms.createProfile("sRGB"), mode, "RGB")
    except (ImageCms.PyCMSError, OSError, TypeError, ValueError) as error:
        raise ValueError(str(error).strip().splitlines()[0] if str(error).strip() else "not a profile") from error
    return lambda image: cms.applyTransform(image, transform)


def looks_like_srgb(profile: bytes) -> bool:
    """Whether colours of this RGB profile equal those of sRGB to one or two levels."""
    patches = _patches()
    try:
        seen = np.asarray(to_srgb(profile, "RGB")(Image.fromarray(patches)), np.int16)
    except ValueError:
        return False
    return int(np.abs(seen - patches).max()) <= 2


@cache
def _patches() -> NDArray[np.uint8]:
    levels = np.arange(0, 256, 51, dtype=np.uint8)
    return np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(6, 36, 3)


def _profile(space: bytes, name: str, tags: dict[bytes, bytes]) -> bytes:
    tags = {b"desc": _text(name), b"cprt": _text("no copyright"), b"wtpt": _xyz(_D50), **tags}
    body, places = bytearray(), []
    start = 128 + 4 + 12 * len(tags)
    known: dict[bytes, int] = {}  # curves that are equal are stored once
    for tag, data in tags.items():
        if data not in known:
            known[data] = start + len(body)
            body += data + b"\0" * (-len(data) % 4)
        places.append(struct.pack(">4sII", tag, known[data], len(data)))
    header = struct.pack(">I4sI4s4s4s", start + len(body), b"\0" * 4, 0x04300000, b"mntr", space, b"XYZ ")
    header += struct.pack(">6H", 2000, 1, 1, 0, 0, 0) + b"acsp" + b"\0" * 28  # the same date, so the same bytes
    header += b"".join(map(_fixed, _D50))
    return header.ljust(128, b"\0") + struct.pack(">I", len(tags)) + b"".join(places) + bytes(body)


def _text(text: str) -> bytes:
    data = text.encode("utf-16-be")
    return b"mluc" + struct.pack(">III2s2sII", 0, 1, 12, b"en", b"US", len(data), 28) + data


def _xyz(values: Any) -> bytes:
    return b"XYZ \0\0\0\0" + b"".join(_fixed(float(v)) for v in values)


def _fixed(value: float) -> bytes:
    return struct.pack(">i", round(value * 65536))


def _pairs(values: Sequence[float]) -> list[tuple[float, float]]:
    return list(zip(values[::2], values[1::2], strict=True))
