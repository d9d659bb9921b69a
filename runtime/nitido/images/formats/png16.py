"""Writes PNG files of 16 bits per channel, strip by strip. Pillow cannot write 16-bit colour, and OpenCV cannot write
metadata."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from typing import BinaryIO

import numpy as np
from PIL import PngImagePlugin

from nitido.images.formats.tiff_writer import interleaved
from nitido.images.picture import Picture

_STRIP = 1 << 20  # bytes before compression
_COLOUR_TYPE = {1: 0, 2: 4, 3: 2, 4: 6}  # by samples: grey, grey and alpha, RGB, RGBA
_UP = 2  # filter: every row is stored as its difference from the one above


def write_png16(
    stream: BinaryIO,
    picture: Picture,
    exif: bytes | None,
    notes: PngImagePlugin.PngInfo,
    colour: Sequence[tuple[bytes, bytes]] = (),
) -> None:
    """Writes the 16-bit values of a deep picture. exif: a block after ``Exif\\0\\0``; notes: texts, as for Pillow;
    colour: chunks that describe the colours, name and content."""
    height, width = picture.pixels.shape[:2]
    samples = (1 if picture.grey else 3) + (picture.alpha is not None)
    metadata = picture.metadata
    stream.write(b"\x89PNG\r\n\x1a\n")
    _chunk(stream, b"IHDR", struct.pack(">IIBBBBB", width, height, 16, _COLOUR_TYPE[samples], 0, 0, 0))
    for name, data in colour:
        _chunk(stream, name, data)
    if metadata.icc:
        _chunk(stream, b"iCCP", b"ICC Profile\0\0" + zlib.compress(metadata.icc))
    if metadata.dpi:
        across, down = (round(value / 0.0254) for value in metadata.dpi)
        _chunk(stream, b"pHYs", struct.pack(">IIB", across, down, 1))  # per metre
    for name, data, *_ in notes.chunks:
        _chunk(stream, name, data)
    if exif:
        _chunk(stream, b"eXIf", exif.removeprefix(b"Exif\0\0"))
    packer = zlib.compressobj(4)
    above = np.zeros(width * samples * 2, np.uint8)
    for strip in interleaved(picture, max(1, _STRIP // (width * samples * 2))):
        lines = strip.astype(">u2").view(np.uint8).reshape(len(strip), -1)
        filtered = np.full((len(lines), lines.shape[1] + 1), _UP, np.uint8)
        filtered[0, 1:] = lines[0] - above  # wraps around as intended
        filtered[1:, 1:] = lines[1:] - lines[:-1]
        above = lines[-1]
        data = packer.compress(filtered.tobytes())
        if data:
            _chunk(stream, b"IDAT", data)
    _chunk(stream, b"IDAT", packer.flush())
    _chunk(stream, b"IEND", b"")


def png_chunk(name: bytes, data: bytes) -> bytes:
    """A chunk as it stands in the file."""
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def _chunk(stream: BinaryIO, name: bytes, data: bytes) -> None:
    stream.write(png_chunk(name, data))
