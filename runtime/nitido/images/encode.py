"""Arrays into picture files: JPEG, PNG, TIFF, WebP, BMP and, where Pillow has it, AVIF."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
from PIL import Image, PngImagePlugin

from nitido.errors import SinkUnavailable
from nitido.images.decode import AVIF
from nitido.images.depth import grey_of
from nitido.images.metadata import Metadata, append_software
from nitido.images.picture import Picture
from nitido.images.png16 import write_png16
from nitido.images.tiff import write_tiff

# The name that a format goes by, and the suffix of a file that is asked for in that format.
SUFFIX_OF = {"jpeg": ".jpg", "png": ".png", "tiff": ".tif", "webp": ".webp", "bmp": ".bmp"} | (
    {"avif": ".avif"} if AVIF else {}
)
FORMAT_OF = {suffix: name for name, suffix in SUFFIX_OF.items()} | {".jpeg": "jpeg", ".tiff": "tiff"}
LOSSLESS = frozenset({"png", "tiff", "webp", "bmp"})
_LARGEST_SIDE = {"jpeg": 65535, "webp": 16383, "avif": 65535}
_QUALITY = {"jpeg": 95, "webp": 95, "avif": 90}
_SEGMENT = 65533  # bytes that fit into one block of a JPEG


@dataclass(frozen=True)
class Encoding:
    """quality: 1..100 for JPEG, WebP and AVIF; default 95, AVIF 90. lossless: WebP keeps every value; a format that
    cannot is an error. software: the program's name, left in the file; ``None``: it is not."""

    quality: int | None = None
    lossless: bool = False
    software: str | None = None


class _Stream:
    """A binary file without a descriptor: given one, Pillow writes past Python and does not tell a full disk."""

    def __init__(self, stream: BinaryIO) -> None:
        self.write, self.seek, self.tell, self.flush = stream.write, stream.seek, stream.tell, stream.flush


def encode_picture(picture: Picture, kind: str, stream: BinaryIO, encoding: Encoding = Encoding()) -> None:
    """Writes the picture into a seekable stream in a format of ``SUFFIX_OF``, with the metadata that it can carry.

    PNG and TIFF keep 16 bits, the others get the 8-bit rounding. JPEG and BMP have no transparency. Raises
    ``SinkUnavailable`` when the format cannot hold the picture, ``OSError`` when the stream cannot.
    """
    height, width = picture.pixels.shape[:2]
    limit = _LARGEST_SIDE.get(kind)
    if limit and max(width, height) > limit:
        raise SinkUnavailable(f"{width}×{height} is too large for {kind}, expected up to {limit}; use png or tiff")
    if encoding.lossless and kind not in LOSSLESS:
        raise SinkUnavailable(f"{kind} cannot be lossless; expected one of {', '.join(sorted(LOSSLESS))}")
    metadata = picture.metadata
    exif = metadata.exif_for(width, height, None if kind == "png" and not metadata.exif else encoding.software)
    if kind == "tiff":
        write_tiff(stream, picture, exif)
        return
    if kind == "png":
        notes = _png_notes(metadata, encoding.software)
        if picture.deep is not None:
            write_png16(stream, picture, exif, notes)
            return
        options: dict[str, Any] = {"pnginfo": notes, "compress_level": 3}  # 6: thrice the time for 6 % fewer bytes
    else:
        options = _options(kind, picture, encoding)
    if kind != "bmp":
        options |= {"exif": exif} if exif else {}
        options |= {"icc_profile": metadata.icc} if metadata.icc else {}
    if metadata.dpi and kind in ("jpeg", "png", "bmp"):
        options["dpi"] = metadata.dpi
    _image(picture, kind).save(_Stream(stream), format=kind.upper(), **options)  # pyright: ignore[reportArgumentType]


def _options(kind: str, picture: Picture, encoding: Encoding) -> dict[str, Any]:
    metadata, options = picture.metadata, {}
    if kind in _QUALITY:
        options["quality"] = encoding.quality or _QUALITY[kind]
    if kind in ("webp", "avif") and metadata.xmp:
        options["xmp"] = metadata.xmp
    if kind == "webp" and encoding.lossless:
        options |= {"lossless": True, "exact": True, "quality": 60}  # here quality is effort
    if kind == "avif":
        options["subsampling"] = "4:4:4" if options["quality"] >= 90 else "4:2:0"
    if kind == "jpeg":
        options["subsampling"] = 0 if options["quality"] >= 90 else 2
        if metadata.comment and len(metadata.comment) <= _SEGMENT:
            options["comment"] = metadata.comment
        if metadata.xmp and len(metadata.xmp) <= _SEGMENT - 29:
            options["xmp"] = metadata.xmp
        if metadata.photoshop:
            options["extra"] = _photoshop_segments(metadata.photoshop)
    return options


def _photoshop_segments(resources: bytes) -> bytes:
    header = b"Photoshop 3.0\0"
    step = _SEGMENT - len(header)
    parts = [header + resources[at : at + step] for at in range(0, len(resources), step)]
    return b"".join(b"\xff\xed" + struct.pack(">H", len(part) + 2) + part for part in parts)


def _png_notes(metadata: Metadata, software: str | None) -> PngImagePlugin.PngInfo:
    notes = PngImagePlugin.PngInfo()
    texts = dict(metadata.texts)
    if software:
        texts["Software"] = append_software(texts.get("Software"), software)
    if metadata.gamma and not metadata.icc:
        notes.add(b"gAMA", struct.pack(">I", min(0x7FFFFFFF, round(metadata.gamma * 100_000))))
    for key, value in texts.items():
        notes.add_text(key, value)
    if metadata.xmp:
        notes.add_itxt("XML:com.adobe.xmp", metadata.xmp.decode("utf-8", "replace"))
    return notes


def _image(picture: Picture, kind: str) -> Image.Image:
    """A Pillow image of 8 bits, made with one copy of the pixels."""
    height, width = picture.pixels.shape[:2]
    if picture.grey:
        image = Image.fromarray(grey_of(picture.pixels))
    else:
        pixels: Any = np.ascontiguousarray(picture.pixels).data
        image = Image.frombuffer("RGB", (width, height), pixels, "raw", "BGR", 0, 1)
    alpha = picture.alpha
    if alpha is not None and kind in ("png", "webp", "avif"):
        image.putalpha(Image.fromarray(alpha if alpha.dtype == np.uint8 else (alpha // 257).astype(np.uint8)))
    return image
