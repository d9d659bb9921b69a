"""The interface of all readers, and the reader for files that Pillow decodes exactly."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nitido.errors import SourceUnavailable
from nitido.images import icc
from nitido.images.depth import to_8_bits
from nitido.images.metadata import Metadata, orientation, read_metadata
from nitido.images.picture import Alpha, Picture

_STRIP = 4_000_000  # pixels that are converted at a time, in addition to the decoded picture and the resulting array
_CONVERTED = frozenset({"CMYK", "LAB"})  # colour modes that are converted to RGB


class Decoder(Protocol):
    """An opened picture file, before decoding.

    width, height: in pixels, as stored. deep: the picture will have 16-bit values.
    """

    width: int
    height: int
    deep: bool

    def check(self) -> None:
        """Raises ``SourceUnavailable`` for a kind of picture that is not supported."""
        ...

    def decode(self) -> Picture:
        """The picture, upright. May raise any exception of a library for a damaged file."""
        ...

    def close(self) -> None: ...


class PillowDecoder:
    """A picture that Pillow has opened; subclasses handle the peculiarities of their formats."""

    def __init__(self, image: Image.Image, name: str) -> None:
        self.image, self.name = image, name
        self.width, self.height = image.size
        self.deep = image.mode.startswith("I;16")
        self.notes: list[str] = []

    def close(self) -> None:
        self.image.close()

    def check(self) -> None:
        image = self.image
        if not self.deep and image.mode[0] in "FI":
            kind = "floating-point values" if image.mode[0] == "F" else "32 bits per channel"
            raise SourceUnavailable(f"{self.name} has {kind}, expected 8 or 16 bits; convert it first")
        if (pages := self.pages()) > 1:
            raise SourceUnavailable(
                f"{self.name} holds {pages} pictures, expected one; animations and multi-page files must be split first"
            )

    def pages(self) -> int:
        """The number of pictures in the file that count."""
        return int(getattr(self.image, "n_frames", 1))

    def decode(self) -> Picture:
        image = self.image
        image.load()
        picture = self._deep_grey(image) if self.deep else self._shallow(image)
        image.close()
        return replace(picture, notes=tuple(self.notes))

    def metadata(self) -> Metadata:
        """Of the decoded image."""
        return read_metadata(self.image, self.notes)

    def _shallow(self, image: Image.Image) -> Picture:
        metadata = self.metadata()
        has_alpha = image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info
        if image.mode in _CONVERTED:
            convert, metadata = self._to_rgb(image.mode, metadata), replace(metadata, icc=None)
        else:
            convert = _convert_to("RGBA" if has_alpha else "RGB")

        pixels, alpha = arrays_of(image, convert, has_alpha=has_alpha)
        turn, grey = orientation(image), image.mode in ("1", "L", "LA", "La")
        return Picture(
            turned(pixels, turn), None if alpha is None else turned(alpha, turn), grey=grey, metadata=metadata
        )

    def _deep_grey(self, image: Image.Image) -> Picture:
        deep = np.asarray(image).astype(np.uint16)
        key = image.info.get("transparency")
        alpha = np.where(deep == key, 0, 65535).astype(np.uint16) if isinstance(key, int) else None
        return deep_picture(deep, alpha, orientation(image), self.metadata())

    def _to_rgb(self, mode: str, metadata: Metadata) -> Callable[[Image.Image], Image.Image]:
        profile = metadata.icc if metadata.icc and icc.space_of(metadata.icc) == mode.ljust(4).encode() else None
        if metadata.icc and not profile:
            self.notes.append(f"its colour profile is not one of {mode}; left out, colours are approximate")
        if profile or mode == "LAB":
            try:
                # LAB does not need a profile; CMYK without one is converted as in Pillow.
                return icc.to_srgb(profile if profile and mode != "LAB" else b"", mode)
            except ValueError as error:
                if mode == "LAB":
                    raise
                self.notes.append(f"its {mode} profile cannot be used ({error}); colours are approximate")
        return _convert_to("RGB")


def _convert_to(mode: str) -> Callable[[Image.Image], Image.Image]:
    return lambda image: image if image.mode == mode else image.convert(mode)


def arrays_of(
    image: Image.Image, convert: Callable[[Image.Image], Image.Image], *, has_alpha: bool
) -> tuple[NDArray[np.uint8], NDArray[np.uint8] | None]:
    """uint8 H×W×3 BGR and, with alpha, H×W of a decoded image. convert: makes RGB or RGBA of a strip."""
    width, height = image.size
    rows = max(1, _STRIP // width)
    if rows >= height:
        return _arrays(convert(image), has_alpha=has_alpha)
    pixels = np.empty((height, width, 3), np.uint8)
    alpha = np.empty((height, width), np.uint8) if has_alpha else None
    for top in range(0, height, rows):
        bottom = min(height, top + rows)
        pixels[top:bottom], opacity = _arrays(convert(image.crop((0, top, width, bottom))), has_alpha=has_alpha)
        if alpha is not None and opacity is not None:
            alpha[top:bottom] = opacity
    return pixels, alpha


def _arrays(image: Image.Image, *, has_alpha: bool) -> tuple[NDArray[np.uint8], NDArray[np.uint8] | None]:
    """BGR of an RGB or RGBA image. Pillow reverses the order of the colours faster than NumPy."""
    width, height = image.size
    stored = image.tobytes("raw", "BGRA" if has_alpha else "BGR")
    values = np.frombuffer(stored, np.uint8).reshape(height, width, 3 + has_alpha)
    return (np.ascontiguousarray(values[:, :, :3]), values[:, :, 3].copy()) if has_alpha else (values, None)


def deep_picture(deep: NDArray[np.uint16], alpha: NDArray[np.uint16] | None, turn: int, metadata: Metadata) -> Picture:
    """A picture of 16-bit values as stored, uint16 H×W×3 BGR or H×W, turned upright."""
    deep = turned(deep, turn)
    return Picture(
        pixels=to_8_bits(deep),
        alpha=None if alpha is None else turned(alpha, turn),
        grey=deep.ndim == 2,
        deep=deep,
        metadata=metadata,
    )


def turned(values: Any, turn: int) -> Any:
    """An array H×W or H×W×C turned upright from EXIF orientation ``turn``."""
    if turn == 1:
        return values
    if turn in (5, 6, 7, 8):
        values = values.swapaxes(0, 1)
    if turn in (2, 3, 6, 7):
        values = values[:, ::-1]
    if turn in (3, 4, 7, 8):
        values = values[::-1]
    return np.ascontiguousarray(values)


def unmultiplied(values: NDArray[Any], alpha: Alpha) -> NDArray[Any]:
    """Undoes the multiplication of colours by alpha; both have the same type."""
    full = 255 if values.dtype == np.uint8 else 65535
    result = np.empty_like(values)
    for row in range(len(values)):
        share = np.maximum(alpha[row], 1).astype(np.float64)
        share = share[:, None] if values.ndim == 3 else share
        result[row] = np.minimum(np.rint(values[row] * (full / share)), full)
    return result
