"""Encodes pictures in all formats that can be written."""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from PIL import Image

from nitido.errors import SinkUnavailable
from nitido.images import plugins
from nitido.images.carry import carry_colours
from nitido.images.colour import CHUNKS
from nitido.images.depth import grey_of
from nitido.images.metadata import Metadata, append_software
from nitido.images.picture import Picture

if TYPE_CHECKING:
    from PIL import PngImagePlugin

# The name of each format, and the suffix of a file in that format.
SUFFIX_OF = {
    "jpeg": ".jpg",
    "png": ".png",
    "tiff": ".tif",
    "webp": ".webp",
    "bmp": ".bmp",
    "ppm": ".ppm",
    "pgm": ".pgm",
    **({"avif": ".avif"} if plugins.AVIF else {}),
    **({"heic": ".heic"} if plugins.HAS_HEIF else {}),
    **({"jxl": ".jxl"} if plugins.HAS_JXL else {}),
}
_OTHER_SUFFIXES = {
    ".jpeg": "jpeg",
    ".jpe": "jpeg",
    ".jfif": "jpeg",
    ".tiff": "tiff",
    ".pnm": "pnm",
    **({".heif": "heic", ".hif": "heic"} if plugins.HAS_HEIF else {}),
}
FORMAT_OF = {suffix: name for name, suffix in SUFFIX_OF.items()} | _OTHER_SUFFIXES
# Files with these suffixes can be read, and are written in another format.
READ_AS = {".mpo": "jpeg", ".pbm": "pgm"}
LOSSLESS = frozenset({"png", "tiff", "webp", "bmp", "ppm", "pgm", "pnm", "jxl"})
_OPAQUE = frozenset({"jpeg", "bmp", "ppm", "pgm", "pnm"})
_LARGEST_SIDE = {"jpeg": 65535, "webp": 16383, "avif": 65535, "heic": 16384}
_QUALITY = {"jpeg": 95, "webp": 95, "avif": 90, "heic": 90, "jxl": 90}
_PNG_HEADER = 33  # bytes of a PNG up to the end of its first chunk


@dataclass(frozen=True)
class Encoding:
    """quality: 1..100 for formats with loss; default 95, AVIF, HEIC and JPEG XL 90. lossless: WebP and JPEG XL keep
    every value; a format that cannot is an error. software: name of the program, written into the file; ``None``: not
    written."""

    quality: int | None = None
    lossless: bool = False
    software: str | None = None


class _Stream:
    """A binary file without a descriptor. With one, Pillow would write to it directly and not report a full disk.

    suffix: of the format, so that Pillow only loads the plugin of this format.
    inserted: bytes for a PNG after its first chunk.
    """

    def __init__(self, stream: BinaryIO, suffix: str, inserted: bytes = b"") -> None:
        self.name = f"picture{suffix}"
        self.seek, self.tell, self.flush = stream.seek, stream.tell, stream.flush
        self._stream, self._inserted = stream, inserted
        self._begun = stream.tell()

    def write(self, data: bytes) -> int:
        written = self._stream.write(data)
        if self._inserted and self.tell() - self._begun >= _PNG_HEADER:
            self._stream.write(self._inserted)
            self._inserted = b""
        return written


def encode_picture(picture: Picture, kind: str, stream: BinaryIO, encoding: Encoding = Encoding()) -> tuple[str, ...]:
    """Writes the picture into a seekable stream in a format of ``FORMAT_OF``, with the metadata that it can carry.
    Returns a line for everything that was left out or changed because the format does not support it.

    PNG, TIFF, PPM and PGM keep 16 bits, AVIF 10 of an HDR picture, HEIC 10; the others get the 8-bit rounding. JPEG,
    BMP, PPM and PGM do not have transparency. Raises ``SinkUnavailable`` when the format does not support the picture,
    ``OSError`` when writing fails.
    """
    height, width = picture.pixels.shape[:2]
    limit = _LARGEST_SIDE.get(kind)
    if limit and max(width, height) > limit:
        raise SinkUnavailable(f"{width}×{height} is too large for {kind}, expected up to {limit}; use png or tiff")
    if encoding.lossless and kind not in LOSSLESS:
        raise SinkUnavailable(f"{kind} cannot be lossless; expected one of {', '.join(sorted(LOSSLESS))}")
    if picture.lossless and encoding.quality is None and kind == "webp":
        encoding = replace(encoding, lossless=True)
    notes: list[str] = []
    picture = carry_colours(picture, kind, notes)
    if picture.alpha is not None and kind in _OPAQUE:
        if int(picture.alpha.min()) < (255 if picture.alpha.dtype == np.uint8 else 65535):
            notes.append(f"{kind} has no transparency; left out")
        picture = replace(picture, alpha=None)
    exif = picture.metadata.exif_for(
        width, height, None if kind == "png" and not picture.metadata.exif else encoding.software
    )
    if kind in ("ppm", "pgm", "pnm"):
        from nitido.images.formats.pnm import write_pnm

        write_pnm(stream, picture, kind)
    elif kind == "tiff":
        from nitido.images.formats.tiff_writer import write_tiff

        write_tiff(stream, picture, exif)
    elif kind == "png":
        _write_png(stream, picture, exif, encoding)
    elif kind in ("avif", "heic"):
        stream.write(_heif(picture, kind, exif, encoding, notes))
    else:
        _write(stream, picture, kind, exif, encoding, notes)
    return tuple(notes)


def _write_png(stream: BinaryIO, picture: Picture, exif: bytes | None, encoding: Encoding) -> None:
    from nitido.images.formats.png16 import png_chunk, write_png16

    metadata = picture.metadata
    notes = _png_notes(metadata, encoding.software)
    chunks = metadata.colour.chunks if metadata.colour else {}
    colour = [(name, chunks[name]) for name in CHUNKS if name in chunks]
    if picture.deep is not None:
        write_png16(stream, picture, exif, notes, colour)
        return
    options: dict[str, Any] = {"pnginfo": notes, "compress_level": 3}  # 6: thrice the time for 6 % fewer bytes
    options |= {"exif": exif} if exif else {}
    options |= {"icc_profile": metadata.icc} if metadata.icc else {}
    options |= {"dpi": metadata.dpi} if metadata.dpi else {}
    inserted = b"".join(png_chunk(name, data) for name, data in colour)
    _image(picture).save(_Stream(stream, ".png", inserted), **options)  # pyright: ignore[reportArgumentType]


def _write(
    stream: BinaryIO, picture: Picture, kind: str, exif: bytes | None, encoding: Encoding, notes: list[str]
) -> None:
    """Formats that Pillow and its plugins write completely."""
    metadata, options = picture.metadata, {}
    if kind == "jpeg":
        from nitido.images.formats import jpeg

        metadata, exif = jpeg.fitting(metadata, exif, notes)
        options |= {"comment": metadata.comment} if metadata.comment else {}
        options |= {"extra": jpeg.photoshop_segments(metadata.photoshop)} if metadata.photoshop else {}
    if kind == "jxl":
        plugins.jxl_plugin("the result")
    if kind in _QUALITY:
        options["quality"] = encoding.quality or _QUALITY[kind]
    if kind == "jpeg":
        options["subsampling"] = 0 if options["quality"] >= 90 else 2
    if encoding.lossless and kind in ("webp", "jxl"):
        # For lossless WebP, quality means effort. More takes three times as long for files that are 2 % smaller.
        effort = {} if kind == "jxl" else {"exact": True, "quality": 20, "method": 2}
        options |= {"lossless": True, **effort}
    if kind != "bmp":
        options |= {"exif": exif} if exif else {}
        options |= {"icc_profile": metadata.icc} if metadata.icc else {}
        options |= {"xmp": metadata.xmp} if metadata.xmp else {}
    if metadata.dpi and kind in ("jpeg", "bmp"):
        options["dpi"] = metadata.dpi
    _image(picture).save(_Stream(stream, SUFFIX_OF[kind]), **options)  # pyright: ignore[reportArgumentType]


def _heif(picture: Picture, kind: str, exif: bytes | None, encoding: Encoding, notes: list[str]) -> bytes:
    """An AVIF or HEIC file."""
    from nitido.images.formats.bmff import with_numbers
    from nitido.images.formats.heif_writer import CAN_WRITE_DEEP_AVIF, encode_avif10, encode_heic

    metadata = picture.metadata
    quality = encoding.quality or _QUALITY[kind]
    beside: dict[str, Any] = {"exif": exif, "icc_profile": metadata.icc, "xmp": metadata.xmp}
    beside = {name: data for name, data in beside.items() if data}
    hdr = metadata.colour is not None and bool(metadata.colour.hdr)
    if kind == "heic":
        data = encode_heic(picture, quality, beside)
    elif picture.deep is not None and hdr and CAN_WRITE_DEEP_AVIF:
        data = encode_avif10(picture, quality, beside)
    else:
        if picture.deep is not None and hdr:
            notes.append("HDR in 8 bits, because this OpenCV cannot write AVIF with 10; smooth areas may show bands")
        whole = io.BytesIO()
        subsampling = "4:4:4" if quality >= 90 else "4:2:0"
        _image(picture).save(whole, format="AVIF", quality=quality, subsampling=subsampling, **beside)
        data = whole.getvalue()
    numbers = metadata.colour.numbers if metadata.colour else None
    return with_numbers(data, *numbers) if numbers else data


def _png_notes(metadata: Metadata, software: str | None) -> PngImagePlugin.PngInfo:
    from PIL import PngImagePlugin

    notes = PngImagePlugin.PngInfo()
    texts = dict(metadata.texts)
    if software:
        texts["Software"] = append_software(texts.get("Software"), software)
    for key, value in texts.items():
        notes.add_text(key, value)
    if metadata.xmp:
        notes.add_itxt("XML:com.adobe.xmp", metadata.xmp.decode("utf-8", "replace"))
    return notes


def _image(picture: Picture) -> Image.Image:
    """A Pillow image of 8 bits, made with one copy of the pixels."""
    height, width = picture.pixels.shape[:2]
    if picture.grey:
        image = Image.fromarray(grey_of(picture.pixels))
    else:
        pixels: Any = np.ascontiguousarray(picture.pixels).data
        image = Image.frombuffer("RGB", (width, height), pixels, "raw", "BGR", 0, 1)
    alpha = picture.alpha
    if alpha is not None:
        image.putalpha(Image.fromarray(alpha if alpha.dtype == np.uint8 else (alpha // 257).astype(np.uint8)))
    return image
