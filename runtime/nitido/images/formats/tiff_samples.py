"""Decodes TIFF samples of 1 to 16 bits, in strips or tiles, by pixels or by planes."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from nitido.images.formats.tiff_layout import DEFLATE, OLD_DEFLATE, RAW, RGB, WHITE_IS_ZERO, Layout, PillowTiff

_LARGEST_BLOCK = 1 << 26  # bytes, or four times the picture if that is more
_HEAD = 136  # bytes before the data of a TIFF made for Pillow
_REVERSED = bytes(int(f"{value:08b}"[::-1], 2) for value in range(256))


@dataclass(frozen=True)
class Samples:
    """colours: uint8, or uint16 for more than 8 bits, full range, H×W grey, H×W×3 BGR or H×W×4 CMYK; alpha: H×W."""

    colours: NDArray[Any]
    alpha: NDArray[Any] | None


@dataclass(frozen=True)
class _Block:
    """A strip or tile. left, top, width, height: of its part of the picture. plane: index of its sample, else 0."""

    index: int
    plane: int
    left: int
    top: int
    width: int
    height: int
    rows: int


def read_samples(stream: BinaryIO, layout: Layout) -> Samples:
    """Decodes a file whose layout ``can_be_sampled``. Raises ``ValueError`` or others when it is damaged."""
    kind = np.uint8 if layout.bits <= 8 else np.uint16
    size = (layout.height, layout.width)
    colours = np.zeros(size if layout.colours == 1 else (*size, layout.colours), kind)
    alpha = None if layout.alpha is None else np.zeros(size, kind)
    # The destination of each sample; red is first in the file and last in the array.
    places: dict[int, Any] = {}
    for sample in range(layout.colours):
        target = layout.colours - 1 - sample if layout.photometric == RGB else sample
        places[sample] = colours if layout.colours == 1 else colours[:, :, target]
    if layout.alpha is not None and alpha is not None:
        places[layout.alpha] = alpha
    stream.seek(0)
    order = "<" if stream.read(2) == b"II" else ">"
    table = _table(layout.bits, inverted=False)
    colour_table = _table(layout.bits, inverted=True) if layout.photometric == WHITE_IS_ZERO else table
    for block in _blocks(layout):
        if layout.planar and block.plane not in places:
            continue
        values = _values(stream, layout, block, order)
        for sample in (block.plane,) if layout.planar else range(layout.samples):
            if sample in places:
                part = values[: block.height, : block.width, 0 if layout.planar else sample]
                where = places[sample][block.top : block.top + block.height, block.left : block.left + block.width]
                chosen = colour_table if sample < layout.colours else table
                where[:] = part if chosen is None else chosen[part]
    return Samples(colours, alpha)


def _table(bits: int, *, inverted: bool) -> NDArray[Any] | None:
    """A table from stored values to the full range of 8 or 16 bits; ``None``: values are unchanged."""
    full = 255 if bits <= 8 else 65535
    largest = (1 << bits) - 1
    if largest == full and not inverted:
        return None
    values = np.arange(largest + 1, dtype=np.uint32)
    values = (values * full + largest // 2) // largest
    return (full - values if inverted else values).astype(np.uint8 if bits <= 8 else np.uint16)


def _blocks(layout: Layout) -> Iterator[_Block]:
    index, (wide, high) = 0, (layout.block_width, layout.block_height)
    if wide < 1 or high < 1:
        raise ValueError("blocks without a size")
    for plane in range(layout.samples if layout.planar else 1):
        for top in range(0, layout.height, high):
            for left in range(0, layout.width, wide):
                inside = (min(wide, layout.width - left), min(high, layout.height - top))
                yield _Block(index, plane, left, top, *inside, high if layout.tiled else inside[1])
                index += 1


def _values(stream: BinaryIO, layout: Layout, block: _Block, order: str) -> NDArray[Any]:
    """The stored values of a block, rows × width × samples."""
    samples = 1 if layout.planar else layout.samples
    across = layout.block_width * samples
    row = (across * layout.bits + 7) // 8
    data = _unpacked(stream, layout, block, row)
    if layout.bits in (8, 16):
        values = np.frombuffer(data, np.dtype(f"{order}u{layout.bits // 8}"))
        values = values.astype(values.dtype.newbyteorder("="), copy=False)
        values = values.reshape(block.rows, layout.block_width, samples)
        return np.cumsum(values, axis=1, dtype=values.dtype) if layout.predictor == 2 else values
    rows = np.frombuffer(data, np.uint8).reshape(block.rows, row)
    values = np.empty((block.rows, across), np.uint8 if layout.bits <= 8 else np.uint16)
    step = max(1, (1 << 20) // max(1, row))
    for top in range(0, block.rows, step):
        values[top : top + step] = _by_bits(rows[top : top + step], across, layout.bits)
    return values.reshape(block.rows, layout.block_width, samples)


def _by_bits(rows: NDArray[np.uint8], count: int, bits: int) -> NDArray[Any]:
    """Values of ``bits`` bits each, highest bit first; each row begins with a new byte."""
    single = np.unpackbits(rows, axis=1, count=count * bits).reshape(len(rows), count, bits)
    whole = 8 if bits <= 8 else 16
    padded = np.zeros((len(rows), count, whole), np.uint8)
    padded[:, :, whole - bits :] = single
    return np.packbits(padded, axis=2).view(f">u{whole // 8}")[:, :, 0]


def _unpacked(stream: BinaryIO, layout: Layout, block: _Block, row: int) -> bytes:
    size = row * block.rows
    largest = max(_LARGEST_BLOCK, 8 * layout.height * layout.width * layout.samples)
    if size > largest or block.index >= len(layout.offsets):
        raise ValueError("blocks that are not there or too large")
    stream.seek(layout.offsets[block.index])
    data = stream.read(layout.counts[block.index] if block.index < len(layout.counts) else size)
    if layout.compression == RAW:
        result = data.translate(_REVERSED) if layout.lowest_bit_first else data
    elif layout.compression in (DEFLATE, OLD_DEFLATE):
        data = data.translate(_REVERSED) if layout.lowest_bit_first else data
        result = zlib.decompressobj().decompress(data, size)
    else:
        result = _by_libtiff(data, layout, row, block.rows)
    if len(result) < size:
        raise ValueError("truncated blocks")
    return result[:size]


def _by_libtiff(data: bytes, layout: Layout, row: int, rows: int) -> bytes:
    """A block, unpacked by Pillow as if its bytes were a grey picture."""
    order = 2 if layout.lowest_bit_first else 1
    layer = [(256, row), (257, rows), (258, 8), (259, layout.compression), (262, 1), (266, order)]
    layer += [(273, _HEAD), (277, 1), (278, rows), (279, len(data))]
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in layer)
    head = b"II*\0" + struct.pack("<IH", 8, len(layer)) + entries
    with PillowTiff(io.BytesIO(head.ljust(_HEAD, b"\0") + data)) as image:
        return image.tobytes()
