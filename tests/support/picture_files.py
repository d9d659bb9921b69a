"""Picture files byte by byte, in layouts that no library at hand writes."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np

_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))


def packed(values: Any, bits: int, order: str = ">") -> bytes:
    """One row of values of ``bits`` bits each, highest bit first, up to a whole byte."""
    flat = np.asarray(values).reshape(-1)
    if bits in (8, 16):
        return flat.astype(f"{order}u{bits // 8}").tobytes()
    single = np.unpackbits(flat.astype(">u2").view(np.uint8).reshape(-1, 2), axis=1)[:, 16 - bits :]
    return np.packbits(single.reshape(-1)).tobytes()


def chunk(name: bytes, data: bytes) -> bytes:
    """A chunk of a PNG."""
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(values: Any, bits: int, kind: int, before: bytes = b"", *, interlaced: bool = False) -> bytes:
    """A PNG of values H×W×channels. kind: its colour type. before: chunks between its header and its pixels."""
    height, width, _ = values.shape
    parts = [values]
    if interlaced:
        parts = [values[top::down, left::right] for left, top, right, down in _ADAM7]
    rows = b"".join(b"\0" + packed(row, bits) for part in parts if part.size for row in part)
    header = struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, int(interlaced))
    body = chunk(b"IHDR", header) + before + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def tiff(
    values: Any,
    bits: int,
    photometric: int,
    *,
    planar: bool = False,
    order: str = "<",
    deflate: bool = False,
    predictor: bool = False,
    tile: int = 0,
    rows: int = 5,
    extra: Sequence[int] = (),
    sample_format: int = 1,
    more: Sequence[tuple[int, int, bytes]] = (),
) -> bytes:
    """A TIFF of values H×W×samples in strips of ``rows`` rows or square tiles. more: tags, type and bytes."""
    height, width, samples = values.shape
    planes = [values[:, :, i : i + 1] for i in range(samples)] if planar else [values]
    blocks = [block for plane in planes for block in _blocks(plane, tile, rows)]
    data = []
    for block in blocks:
        if predictor:
            block = np.concatenate([block[:, :1], (block[:, 1:] - block[:, :-1]) & ((1 << bits) - 1)], axis=1)
        content = b"".join(packed(row, bits, order) for row in block)
        data.append(zlib.compress(content) if deflate else content)
    place, offsets = 8, []
    for content in data:
        offsets.append(place)
        place += len(content)
    long = f"{order}{len(data)}I"
    tags: list[tuple[int, int, bytes]] = [
        (256, 4, struct.pack(f"{order}I", width)),
        (257, 4, struct.pack(f"{order}I", height)),
        (258, 3, struct.pack(f"{order}{samples}H", *[bits] * samples)),
        (259, 3, struct.pack(f"{order}H", 8 if deflate else 1)),
        (262, 3, struct.pack(f"{order}H", photometric)),
        (277, 3, struct.pack(f"{order}H", samples)),
        (284, 3, struct.pack(f"{order}H", 2 if planar else 1)),
        (317, 3, struct.pack(f"{order}H", 2 if predictor else 1)),
        (339, 3, struct.pack(f"{order}{samples}H", *[sample_format] * samples)),
        (324 if tile else 273, 4, struct.pack(long, *offsets)),
        (325 if tile else 279, 4, struct.pack(long, *map(len, data))),
        *more,
    ]
    tags += [(number, 4, struct.pack(f"{order}I", tile)) for number in (322, 323)] if tile else []
    tags += [] if tile else [(278, 4, struct.pack(f"{order}I", rows))]
    tags += [(338, 3, struct.pack(f"{order}{len(extra)}H", *extra))] if extra else []
    return _with_directory(b"".join(data), sorted(tags), order)


def _blocks(plane: Any, tile: int, rows: int) -> list[Any]:
    height, width, samples = plane.shape
    if not tile:
        return [plane[top : top + rows] for top in range(0, height, rows)]
    down, across = -(-height // tile) * tile, -(-width // tile) * tile
    whole = np.zeros((down, across, samples), plane.dtype)
    whole[:height, :width] = plane
    return [whole[y : y + tile, x : x + tile] for y in range(0, down, tile) for x in range(0, across, tile)]


def _with_directory(data: bytes, tags: Sequence[tuple[int, int, bytes]], order: str) -> bytes:
    sizes = {1: 1, 2: 1, 3: 2, 4: 4, 7: 1}
    start = 8 + len(data) + (len(data) & 1)
    beyond, place = b"", start + 2 + 12 * len(tags) + 4
    entries = b""
    for number, kind, content in tags:
        entries += struct.pack(f"{order}HHI", number, kind, len(content) // sizes[kind])
        if len(content) <= 4:
            entries += content.ljust(4, b"\0")
        else:
            entries += struct.pack(f"{order}I", place + len(beyond))
            beyond += content + b"\0" * (len(content) & 1)
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}I", start)
    directory = struct.pack(f"{order}H", len(tags)) + entries + b"\0" * 4 + beyond
    return (head + data).ljust(start, b"\0") + directory


def cmyk_profile() -> bytes:
    """A profile for four inks by a table of two steps each: full ink is not what subtraction would make of it."""
    tags = {b"desc": _text("four inks"), b"cprt": _text("none"), b"wtpt": _xyz(0.9642, 1.0, 0.8249)}
    tags[b"A2B0"] = _inks()
    body, places = b"", []
    start = 128 + 4 + 12 * len(tags)
    for name, content in tags.items():
        places.append(struct.pack(">4sII", name, start + len(body), len(content)))
        body += content + b"\0" * (-len(content) % 4)
    header = struct.pack(">I4sI4s4s4s", start + len(body), b"\0" * 4, 0x02400000, b"prtr", b"CMYK", b"Lab ")
    header += struct.pack(">6H", 2000, 1, 1, 0, 0, 0) + b"acsp" + b"\0" * 28 + _xyz(0.9642, 1.0, 0.8249)[8:]
    return header.ljust(128, b"\0") + struct.pack(">I", len(tags)) + b"".join(places) + body


def _inks() -> bytes:
    """The table, type ``mft1``: Lab of each of the sixteen combinations of inks."""
    colours = {"c": (55, -37, -50), "m": (48, 74, -3), "y": (89, -5, 93), "k": (16, 0, 0)}
    table = b""
    for index in range(16):
        inks = [name for bit, name in zip((8, 4, 2, 1), "cmyk", strict=True) if index & bit]
        lightness, a, b = 100.0, 0.0, 0.0
        for name in inks:
            lightness, a, b = lightness * colours[name][0] / 100, a * 0.5 + colours[name][1], b * 0.5 + colours[name][2]
        table += bytes([round(lightness * 2.55), max(0, min(255, round(a) + 128)), max(0, min(255, round(b) + 128))])
    straight = bytes(range(256))
    unit = b"".join(struct.pack(">i", 65536 * (i % 4 == 0)) for i in range(9))
    return b"mft1" + bytes([0, 0, 0, 0, 4, 3, 2, 0]) + unit + straight * 4 + table + straight * 3


def _text(text: str) -> bytes:
    return b"text\0\0\0\0" + text.encode() + b"\0"


def _xyz(*values: float) -> bytes:
    return b"XYZ \0\0\0\0" + b"".join(struct.pack(">i", round(v * 65536)) for v in values)
