"""Reads facts about the picture from the boxes of an AVIF or HEIF file, because Pillow and its plugins do not return
all of them."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

_FULL = 4  # bytes of version and flags before the body of some boxes
_GAIN_MAP = "gain map"
_AUXILIARIES = {"hdrgainmap": _GAIN_MAP, "depth": "depth map", "auxid:2": "depth map", "matte": "matte"}


@dataclass(frozen=True)
class HeifFacts:
    """brands: of the file, four bytes each. numbers: primaries and transfer of the picture by ITU-T H.273; ``None``
    where it has none. numbers_at: their position in the file. depth: bits per channel. companions: names of things that
    are stored with the picture."""

    brands: frozenset[bytes] = frozenset()
    numbers: tuple[int, int] | None = None
    numbers_at: int = 0
    depth: int = 8
    companions: tuple[str, ...] = ()

    @property
    def is_avif(self) -> bool:
        return bool(self.brands & {b"avif", b"avis"})


def read_facts(data: bytes) -> HeifFacts:
    """Facts from the whole file or its beginning; unreadable boxes are ignored."""
    brands: frozenset[bytes] = frozenset()
    try:
        for name, start, end in _boxes(data, 0, len(data)):
            if name == b"ftyp":
                brands = frozenset(data[at : at + 4] for at in (start, *range(start + 8, end - 3, 4)))
            elif name == b"meta":
                return _read_meta(data, start + _FULL, end, brands)
    except (struct.error, IndexError, UnicodeDecodeError):
        pass
    return HeifFacts(brands)


def with_numbers(data: bytes, primaries: int, transfer: int) -> bytes:
    """The file with other numbers for its colours, if it has some; the pixels do not change."""
    facts = read_facts(data)
    if facts.numbers is None:
        return data
    at = facts.numbers_at
    return data[:at] + struct.pack(">HH", primaries, transfer) + data[at + 4 :]


def _boxes(data: bytes, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """(name, start and end of the body) of the boxes in a part of the file."""
    while start + 8 <= end:
        size, name = struct.unpack_from(">I4s", data, start)
        head = 8
        if size == 1:
            (size,), head = struct.unpack_from(">Q", data, start + 8), 16
        stop = end if size == 0 else start + size
        if stop < start + head:
            return
        yield name, start + head, min(stop, end)
        start = stop


def _read_meta(data: bytes, start: int, end: int, brands: frozenset[bytes]) -> HeifFacts:
    places = {name: (at, stop) for name, at, stop in _boxes(data, start, end)}
    primary = _primary(data, *places[b"pitm"]) if b"pitm" in places else 0
    items = list(_item_kinds(data, *places[b"iinf"])) if b"iinf" in places else []
    properties: list[tuple[bytes, int, int]] = []
    mine: list[int] = []
    for name, at, stop in _boxes(data, *places.get(b"iprp", (0, 0))):
        if name == b"ipco":
            properties = list(_boxes(data, at, stop))
        elif name == b"ipma":
            mine = _associated(data, at, stop, primary)
    numbers, numbers_at = None, 0
    depth = 0
    for index in mine:
        name, at, stop = properties[index - 1] if 0 < index <= len(properties) else (b"", 0, 0)
        if name == b"colr" and data[at : at + 4] == b"nclx":
            numbers, numbers_at = struct.unpack_from(">HH", data, at + 4), at + 4
        depth = max(depth, _depth(data, name, at, stop))
    words = {_GAIN_MAP} if b"tmap" in items else set[str]()
    for name, at, stop in properties:
        if name == b"auxC":
            kind = data[at + _FULL : stop].split(b"\0")[0].decode("ascii", "replace").lower()
            words |= {word for mark, word in _AUXILIARIES.items() if mark in kind}
    depth = depth or max((_depth(data, *found) for found in properties), default=0) or 8
    return HeifFacts(brands, numbers, numbers_at, depth, tuple(sorted(words)))


def _primary(data: bytes, at: int, _stop: int) -> int:
    return struct.unpack_from(">I" if data[at] else ">H", data, at + _FULL)[0]


def _item_kinds(data: bytes, at: int, stop: int) -> Iterator[bytes]:
    at += _FULL + (4 if data[at] else 2)
    for name, start, _ in _boxes(data, at, stop):
        if name == b"infe" and data[start] >= 2:
            start += _FULL + (2 if data[start] == 2 else 4) + 2
            yield data[start : start + 4]


def _associated(data: bytes, at: int, stop: int, item: int) -> list[int]:
    """The numbers of an item's properties, from 1."""
    version, wide = data[at], data[at + 3] & 1
    (count,) = struct.unpack_from(">I", data, at + _FULL)
    at += _FULL + 4
    found: list[int] = []
    for _ in range(count):
        (this,) = struct.unpack_from(">I" if version else ">H", data, at)
        at += 4 if version else 2
        number = data[at]
        at += 1
        for _ in range(number):
            index = struct.unpack_from(">H", data, at)[0] & 0x7FFF if wide else data[at] & 0x7F
            at += 2 if wide else 1
            found += [index] if this == item else []
        if at >= stop:
            break
    return found


def _depth(data: bytes, name: bytes, at: int, stop: int) -> int:
    """The bits per channel in a property; 0 for another kind of property."""
    if name == b"pixi":
        return max(data[at + _FULL + 1 : stop], default=0)
    if name == b"av1C":
        return 12 if data[at + 2] & 0x20 else 10 if data[at + 2] & 0x40 else 8
    return (data[at + 17] & 7) + 8 if name == b"hvcC" else 0
