"""Writes TIFF files of 8 and 16 bits, strip by strip. Pillow cannot write 16-bit colour, and OpenCV cannot write
metadata."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, TiffImagePlugin

from nitido.errors import SinkUnavailable
from nitido.images.depth import grey_of
from nitido.images.metadata import DESCRIPTIVE, EXIF_IFD, GPS_IFD
from nitido.images.picture import Picture

_STRIP = 1 << 20  # bytes before compression
_SHORT, _LONG, _RATIONAL, _ASCII, _BYTE, _UNDEFINED = 3, 4, 5, 2, 1, 7
_FORMATS = {_SHORT: "H", _LONG: "I"}
_DEFLATE, _HORIZONTAL, _UNMULTIPLIED = 8, 2, 2


def write_tiff(stream: BinaryIO, picture: Picture, exif: bytes | None) -> None:
    """Writes a little-endian TIFF: 16 bits when the picture has them, grey or RGB, with alpha; Deflate with horizontal
    differences. exif: a block after ``Exif\\0\\0``. Raises ``SinkUnavailable`` beyond the 4 GB of such a file."""
    height, width = picture.pixels.shape[:2]
    if picture.grey and picture.deep is not None and picture.alpha is not None:
        # Few programs can read 16-bit grey with alpha from a TIFF, and Pillow is not one of them.
        picture = replace(picture, grey=False, deep=np.repeat(picture.deep[:, :, None], 3, axis=2))
    samples = (1 if picture.grey else 3) + (picture.alpha is not None)
    depth = 8 if picture.deep is None else 16
    rows = max(1, _STRIP // (width * samples * depth // 8))
    stream.write(b"II*\0\0\0\0\0")
    offsets: list[int] = []
    lengths: list[int] = []
    for strip in interleaved(picture, rows):
        data = zlib.compress(_differences(strip).astype(strip.dtype.newbyteorder("<"), copy=False).tobytes(), 4)
        offsets.append(stream.tell())
        lengths.append(stream.write(data))
        if stream.tell() > 0xFFFF_0000:
            raise SinkUnavailable("the picture takes more than 4 GB as TIFF, which TIFF cannot address; use png")
    tags: dict[int, tuple[int, Any]] = {
        256: (_LONG, [width]),
        257: (_LONG, [height]),
        258: (_SHORT, [depth] * samples),
        259: (_SHORT, [_DEFLATE]),
        262: (_SHORT, [1 if picture.grey else 2]),  # 0 is black; RGB
        273: (_LONG, offsets),
        277: (_SHORT, [samples]),
        278: (_LONG, [rows]),
        279: (_LONG, lengths),
        284: (_SHORT, [1]),
        317: (_SHORT, [_HORIZONTAL]),
    }
    if picture.alpha is not None:
        tags[338] = (_SHORT, [_UNMULTIPLIED])
    tags |= _metadata_tags(picture)
    position = stream.tell() + (stream.tell() & 1)
    stream.write(b"\0" * (position - stream.tell()))
    directory = _directory(tags | _exif_tags(exif), position, exif)
    stream.write(directory)
    stream.seek(4)
    stream.write(struct.pack("<I", position))
    stream.seek(0, 2)


def interleaved(picture: Picture, rows: int) -> Iterator[NDArray[np.uint8] | NDArray[np.uint16]]:
    """Strips of ``rows`` rows, h×W×samples in the order grey or RGB, alpha; uint8, or uint16 of a deep picture."""
    for top in range(0, len(picture.pixels), rows):
        part = slice(top, top + rows)
        if picture.deep is not None:
            values: Any = picture.deep[part]
        else:
            values = grey_of(picture.pixels[part]) if picture.grey else picture.pixels[part]
        values = values[:, :, None] if values.ndim == 2 else values[:, :, ::-1]
        if picture.alpha is not None:
            alpha = picture.alpha[part, :, None]
            if alpha.dtype != values.dtype:
                alpha = alpha.astype(np.uint16) * 257 if values.dtype == np.uint16 else (alpha // 257).astype(np.uint8)
            values = np.concatenate([values, alpha], axis=2)
        yield np.ascontiguousarray(values)


def _differences(strip: Any) -> Any:
    result = strip.copy()
    result[:, 1:] -= strip[:, :-1]  # wraps around as intended
    return result


def _metadata_tags(picture: Picture) -> dict[int, tuple[int, Any]]:
    metadata, tags = picture.metadata, {}
    if metadata.dpi:
        tags[282], tags[283] = ((_RATIONAL, [round(value * 1000), 1000]) for value in metadata.dpi)
        tags[296] = (_SHORT, [2])  # inches
    if metadata.xmp:
        tags[700] = (_BYTE, metadata.xmp)
    if metadata.photoshop:
        tags[34377] = (_UNDEFINED, metadata.photoshop)
    if metadata.icc:
        tags[34675] = (_UNDEFINED, metadata.icc)
    return tags


def _exif_tags(block: bytes | None) -> dict[int, tuple[int, Any]]:
    """The texts of an EXIF block's first directory, which are tags of the TIFF itself."""
    tags: dict[int, tuple[int, Any]] = {}
    for tag, value in _loaded(block).items():
        if tag not in DESCRIPTIVE:
            continue
        if isinstance(value, str):
            tags[tag] = (_ASCII, value.encode("utf-8", "replace") + b"\0")
        elif isinstance(value, bytes):
            tags[tag] = (_BYTE, value)
        elif isinstance(value, int) and tag not in (EXIF_IFD, GPS_IFD):
            tags[tag] = (_SHORT, [value & 0xFFFF])
    return tags


def _directory(tags: dict[int, tuple[int, Any]], position: int, exif: bytes | None) -> bytes:
    """The image file directory at ``position`` in the file, with what its entries point to and the EXIF and GPS
    directories behind it."""
    inner = {tag: values for tag in (EXIF_IFD, GPS_IFD) if (values := _loaded(exif).get_ifd(tag))}
    rows = [(tag, *_packed(kind, values)) for tag, (kind, values) in tags.items()]
    count = len(rows) + len(inner)
    beyond = bytearray()
    start = position + 2 + 12 * count + 4
    entries: list[tuple[int, bytes]] = []

    def place(data: bytes) -> int:
        offset = start + len(beyond)
        beyond.extend(data + b"\0" * (len(data) & 1))
        return offset

    for tag, kind, length, data in rows:
        field = data.ljust(4, b"\0") if len(data) <= 4 else struct.pack("<I", place(data))
        entries.append((tag, struct.pack("<HHI", tag, kind, length) + field))
    for tag, values in inner.items():
        directory = TiffImagePlugin.ImageFileDirectory_v2(b"II*\0\x08\0\0\0", group=tag)
        for name, value in values.items():
            directory[name] = value
        offset = place(directory.tobytes(start + len(beyond)))
        entries.append((tag, struct.pack("<HHII", tag, _LONG, 1, offset)))
    body: Iterable[bytes] = (entry for _, entry in sorted(entries))
    return struct.pack("<H", count) + b"".join(body) + b"\0\0\0\0" + bytes(beyond)


def _packed(kind: int, values: Any) -> tuple[int, int, bytes]:
    """(type, count, bytes) of a tag."""
    if isinstance(values, bytes):
        return kind, len(values), values
    if kind == _RATIONAL:
        return kind, len(values) // 2, struct.pack(f"<{len(values)}I", *values)
    return kind, len(values), struct.pack(f"<{len(values)}{_FORMATS[kind]}", *values)


def _loaded(block: bytes | None) -> Image.Exif:
    exif = Image.Exif()
    if block:
        exif.load(block)
    return exif
