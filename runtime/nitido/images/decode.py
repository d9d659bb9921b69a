"""Picture files into arrays: JPEG, PNG, TIFF, WebP, BMP and, where Pillow has it, AVIF; 8 and 16 bits per channel."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import BmpImagePlugin, Image, JpegImagePlugin, PngImagePlugin, TiffImagePlugin, WebPImagePlugin

from nitido.errors import SourceUnavailable
from nitido.images.depth import to_8_bits
from nitido.images.metadata import ORIENTATION, orientation, read_metadata
from nitido.images.picture import Alpha, Picture

MAX_PIXELS = 500_000_000
_STRIP = 4_000_000  # pixels that are converted at once, beside the decoded picture and the array that it goes into
_PHOTOMETRIC, _SUBFILE = 262, 254


def _avif() -> Callable[..., Image.Image] | None:
    try:
        from PIL import AvifImagePlugin
    except ImportError:  # Pillow before 11.3
        return None
    return AvifImagePlugin.AvifImageFile if AvifImagePlugin.SUPPORTED else None


AVIF = _avif()


class PictureFile:
    """An opened picture file: its size is known, its pixels are not decoded yet. For a ``with`` block.

    width, height: in pixels, as stored. deep: 16 bits per channel. Raises ``SourceUnavailable`` for a missing, foreign
    or damaged file, more than ``max_pixels``, 32 bits per channel, or several pictures in one file.
    """

    def __init__(self, source: Path | bytes, name: str | None = None, *, max_pixels: int = MAX_PIXELS) -> None:
        """source: the file, or its content with ``name`` for messages."""
        self._source, self.name = source, name or (str(source) if isinstance(source, Path) else "the picture")
        try:
            self._file = source.open("rb") if isinstance(source, Path) else io.BytesIO(source)
        except FileNotFoundError as error:
            raise SourceUnavailable(f"no such file: {self.name}") from error
        except OSError as error:
            raise SourceUnavailable(f"{self.name} cannot be read: {error.strerror or error}") from error
        try:
            self._image = self._open()
            self.width, self.height = self._image.size
            if self.width * self.height > max_pixels:
                raise SourceUnavailable(
                    f"{self.name} has {self.width}×{self.height} pixels, expected at most {max_pixels / 1e6:.0f} "
                    "megapixels; if it is no damaged file, raise --max-megapixels"
                )
            self.deep = _is_deep(self._image)
            self._check_kind()
        except SourceUnavailable:
            self._file.close()
            raise
        except Exception as error:  # decoders raise whatever they stumble over in a damaged file
            self._file.close()
            raise _damaged(self.name, error) from error

    def __enter__(self) -> PictureFile:
        return self

    def __exit__(self, *_: object) -> None:
        self._image.close()
        self._file.close()

    def decode(self) -> Picture:
        """The picture, upright. Raises ``SourceUnavailable`` for a file that is damaged or cut short."""
        try:
            return self._decode_deep() if self.deep else self._decode()
        except SourceUnavailable:
            raise
        except MemoryError as error:
            raise SourceUnavailable(f"{self.name}: not enough memory for {self.width}×{self.height} pixels") from error
        except Exception as error:  # as above
            raise _damaged(self.name, error) from error

    def _open(self) -> Image.Image:
        # By its content and by the plugin itself: Image.open would try formats nobody asked for, and compare the size
        # with a limit that belongs to the whole process.
        head = self._file.read(32)
        self._file.seek(0)
        reader = _reader(head)
        if reader is None:
            raise SourceUnavailable(f"{self.name} is not a picture: expected {', '.join(FORMATS)} content")
        return reader(self._file, self.name)

    def _check_kind(self) -> None:
        image = self._image
        if image.mode.startswith("F") or (image.mode.startswith("I") and not self.deep):
            raise SourceUnavailable(f"{self.name} has 32 bits per channel, expected 8 or 16; convert it first")
        if self.deep and image.mode == "CMYK":
            raise SourceUnavailable(f"{self.name} is 16-bit CMYK, expected grey or RGB; convert it first")
        if image.format != "JPEG" and _pages(image) > 1:
            raise SourceUnavailable(
                f"{self.name} holds {_pages(image)} pictures, expected one; animations and multi-page files must be "
                "split first"
            )

    def _decode(self) -> Picture:
        image = self._image
        image.load()
        width, height = image.size
        has_alpha = image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info
        pixels = np.empty((height, width, 3), np.uint8)
        alpha = np.empty((height, width), np.uint8) if has_alpha else None
        for top in range(0, height, rows := max(1, _STRIP // width)):
            bottom = min(height, top + rows)
            strip = image if rows >= height else image.crop((0, top, width, bottom))
            values = np.asarray(strip.convert("RGBA" if has_alpha else "RGB"))
            pixels[top:bottom] = values[:, :, 2::-1]  # RGB → BGR
            if alpha is not None:
                alpha[top:bottom] = values[:, :, 3]
        metadata, turn, grey = read_metadata(image), orientation(image), image.mode in ("1", "L", "LA", "La")
        image.close()
        return Picture(_turned(pixels, turn), None if alpha is None else _turned(alpha, turn), grey, metadata=metadata)

    def _decode_deep(self) -> Picture:
        image = self._image
        tags: Any = getattr(image, "tag_v2", {})
        stored, white_is_zero = orientation(image), tags.get(_PHOTOMETRIC) == 0
        modes = _raw_modes(image)
        single = image.mode.startswith("I")
        opaque = image.mode in ("RGB", "RGBX")
        key = image.info.get("transparency")
        image.load()  # also for colour, which Pillow reduces to 8 bits: OpenCV does not tell that a file is cut short
        metadata = read_metadata(image)
        alpha: NDArray[np.uint16] | None = None
        if single:
            deep = np.asarray(image).astype(np.uint16)
            turn = orientation(image)  # Pillow turns TIFF upright by itself
            if white_is_zero:
                deep = np.bitwise_not(deep)
            if isinstance(key, int):
                alpha = np.where(deep == key, 0, 65535).astype(np.uint16)
        else:
            grey = "LA;16" in modes
            image.close()
            deep, alpha = self._colours(grey)
            turn = stored
            if opaque and key is None:
                alpha = None
            if "RGBa" in modes and alpha is not None:
                deep = _unmultiplied(deep, alpha)
        deep = _turned(deep, turn)
        return Picture(
            pixels=to_8_bits(deep),
            alpha=None if alpha is None else _turned(alpha, turn),
            grey=deep.ndim == 2,
            deep=deep,
            metadata=metadata,
        )

    def _colours(self, grey: bool) -> tuple[NDArray[np.uint16], NDArray[np.uint16] | None]:
        """Values and alpha of a 16-bit colour file, uint16, through OpenCV, as stored."""
        source = self._source
        data = np.memmap(source, np.uint8, "c") if isinstance(source, Path) else np.frombuffer(source, np.uint8).copy()
        _set_upright(data)
        values = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
        if values is None or values.dtype != np.uint16 or values.ndim != 3:
            raise SourceUnavailable(f"{self.name} is a 16-bit picture of a kind that OpenCV cannot decode; convert it")
        alpha = np.ascontiguousarray(values[:, :, 3], np.uint16) if values.shape[2] == 4 else None
        return np.ascontiguousarray(values[:, :, 0] if grey else values[:, :, :3], np.uint16), alpha


FORMATS = ("JPEG", "PNG", "TIFF", "WebP", "BMP", *(("AVIF",) if AVIF else ()))


def _reader(head: bytes) -> Callable[..., Image.Image] | None:
    """The Pillow plugin for a file that begins so."""
    if head.startswith(b"\xff\xd8\xff"):
        return JpegImagePlugin.JpegImageFile
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return PngImagePlugin.PngImageFile
    if head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return TiffImagePlugin.TiffImageFile
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return WebPImagePlugin.WebPImageFile
    if head.startswith(b"BM"):
        return BmpImagePlugin.BmpImageFile
    if head[4:8] == b"ftyp" and head[8:12] in (b"avif", b"avis", b"mif1", b"msf1"):
        return AVIF
    return None


def _raw_modes(image: Image.Image) -> str:
    """How Pillow's decoder is told to read: it opens 16-bit colour as 8-bit RGB, but here the depth still shows."""
    return " ".join(str(tile[3]) for tile in getattr(image, "tile", ()) if len(tile) > 3)


def _is_deep(image: Image.Image) -> bool:
    modes = _raw_modes(image)
    return ";16" in modes and not (image.mode == "I" and ("16S" in modes or "16BS" in modes))


def _pages(image: Image.Image) -> int:
    """Pictures in the file, smaller versions of another one aside."""
    count = int(getattr(image, "n_frames", 1))
    if count == 1 or image.format != "TIFF":
        return count
    full = 0
    for page in range(count):
        image.seek(page)
        full += not int(getattr(image, "tag_v2", {}).get(_SUBFILE, 0)) & 1
    image.seek(0)
    return max(1, full)


def _turned(values: Any, turn: int) -> Any:
    """An array H×W or H×W×C set upright from EXIF orientation ``turn``."""
    if turn == 1:
        return values
    if turn in (5, 6, 7, 8):
        values = values.swapaxes(0, 1)
    if turn in (2, 3, 6, 7):
        values = values[:, ::-1]
    if turn in (3, 4, 7, 8):
        values = values[::-1]
    return np.ascontiguousarray(values)


def _set_upright(data: Any) -> None:
    """Makes the orientation in the content of a TIFF the normal one: for some, OpenCV mirrors 16-bit pictures by it."""
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(data[:4].tobytes())
    if order is None:
        return
    (start,) = struct.unpack_from(f"{order}I", data, 4)
    (count,) = struct.unpack_from(f"{order}H", data, start)
    for at in range(start + 2, start + 2 + 12 * count, 12):
        if struct.unpack_from(f"{order}H", data, at) == (ORIENTATION,):
            struct.pack_into(f"{order}H", data, at + 8, 1)


def _unmultiplied(values: NDArray[np.uint16], alpha: Alpha) -> NDArray[np.uint16]:
    """Colours whose alpha had been multiplied in, as they were before."""
    result = np.empty_like(values)
    for row in range(len(values)):
        share = np.maximum(alpha[row], 1).astype(np.float64)[:, None]
        result[row] = np.minimum(np.rint(values[row] * (65535 / share)), 65535)
    return result


def _damaged(name: str, error: Exception) -> SourceUnavailable:
    said = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return SourceUnavailable(f"{name} cannot be decoded ({said}); is the file complete?")
