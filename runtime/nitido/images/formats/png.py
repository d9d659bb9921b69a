"""Reads PNG files, including chunks that Pillow refuses, colours, keys of transparency and 16 bits."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import BinaryIO

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin

from nitido.errors import SourceUnavailable
from nitido.images.colour import CHUNKS, Colour
from nitido.images.formats import signatures
from nitido.images.formats.decoder import PillowDecoder, deep_picture
from nitido.images.metadata import Metadata, orientation
from nitido.images.picture import Picture
from nitido.wording import count

_EXPANSION = 1032  # largest compression factor of deflate: chunks below the limit by this factor are not checked
_LINES = 3  # notes about things that are left out of one file
_NAMES = {b"iCCP": "colour profile", b"iTXt": "text", b"zTXt": "text", b"tEXt": "text"}


@dataclass
class _Contents:
    """The contents of a PNG besides its pixels.

    depth: in bits. kind: colour type. colour: chunks of its colours. key: of transparency. chunks: name, start and end
    of each. refused: chunks for which Pillow would refuse the file: reasons by position. texts: bytes of the texts that
    stay.
    """

    depth: int = 8
    kind: int = 0
    colour: dict[bytes, bytes] = field(default_factory=dict)
    key: bytes = b""
    chunks: list[tuple[bytes, int, int]] = field(default_factory=list)
    refused: dict[int, str] = field(default_factory=dict)
    texts: int = 0


class PngDecoder(PillowDecoder):
    def __init__(self, stream: BinaryIO, name: str) -> None:
        self._stream = stream
        self._contents = contents = _contents_of(stream)
        opened = stream
        if contents.refused:
            opened = io.BytesIO(_joined(stream, contents, lambda _, start: start not in contents.refused))
        super().__init__(PngImagePlugin.PngImageFile(opened, name), name)
        self.notes += _grouped(list(contents.refused.values()))
        self.deep = contents.depth == 16
        self._single = self.image.mode.startswith("I")
        _set_key(self.image, contents)

    def decode(self) -> Picture:
        if not self.deep or self._single:
            return super().decode()
        image = self.image
        image.load()  # Pillow keeps only 8 bits of colours, but OpenCV does not report truncated files
        metadata = self.metadata()
        deep, alpha = self._colours()
        picture = deep_picture(deep, alpha, orientation(image), metadata)
        image.close()
        return replace(picture, notes=tuple(self.notes))

    def metadata(self) -> Metadata:
        colour = self._contents.colour
        return replace(super().metadata(), colour=Colour(colour) if colour else None)

    def _colours(self) -> tuple[NDArray[np.uint16], NDArray[np.uint16] | None]:
        """Values and alpha of a 16-bit colour file, uint16 as stored."""
        contents = self._contents
        data = _joined(self._stream, contents, lambda name, _: name in (b"IHDR", b"IDAT", b"IEND"))
        values = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
        if values is None or values.dtype != np.uint16 or values.ndim != 3:
            raise SourceUnavailable(f"{self.name}: OpenCV cannot decode this 16-bit PNG; convert it")
        alpha = np.ascontiguousarray(values[:, :, 3], np.uint16) if values.shape[2] == 4 else None
        colours = np.ascontiguousarray(values[:, :, 0] if contents.kind == 4 else values[:, :, :3], np.uint16)
        if contents.kind == 2 and len(contents.key) >= 6:
            key = struct.unpack(">3H", contents.key[:6])[::-1]
            alpha = np.where((colours == key).all(axis=2), 0, 65535).astype(np.uint16)
        return colours, alpha


def _grouped(lines: list[str]) -> list[str]:
    """A few lines unchanged; if there are many, the first ones and the number of the others."""
    if len(lines) <= _LINES:
        return lines
    return [*lines[: _LINES - 1], f"{count(len(lines) - _LINES + 1, 'more text')} left out"]


def _set_key(image: Image.Image, contents: _Contents) -> None:
    """The key of transparency in the values that Pillow unpacks. Pillow returns a key of 2 or 4 bits as stored, and for
    colours all 16 bits, of which 8 count."""
    key = image.info.get("transparency")
    if contents.kind == 0 and contents.depth < 8 and isinstance(key, int):
        stored, largest = struct.unpack(">H", contents.key[:2])[0], (1 << contents.depth) - 1
        image.info["transparency"] = (stored & largest) * 255 // largest
    elif contents.kind == 0 and contents.depth == 8 and isinstance(key, int):
        image.info["transparency"] = key & 255
    elif contents.kind == 2 and contents.depth == 8 and isinstance(key, tuple):
        image.info["transparency"] = tuple(v & 255 for v in key)


def _contents_of(stream: BinaryIO) -> _Contents:
    contents = _Contents()
    for name, start, length in _walk(stream):
        contents.chunks.append((name, start, start + 12 + length))
        if name == b"IHDR" and length >= 13:
            contents.depth, contents.kind = _body(stream, start, 13)[8:10]
        elif CHUNKS.get(name) == length:
            contents.colour[name] = _body(stream, start, length)
        elif name == b"tRNS":
            contents.key = _body(stream, start, min(length, 6))
        elif name in _NAMES and (reason := _refusal(contents, name, stream, start, length)):
            more = "; colours may look different" if name == b"iCCP" else ""
            contents.refused[start] = f"the {_words(name, stream, start)} {reason}; left out{more}"
    stream.seek(0)
    return contents


def _refusal(contents: _Contents, name: bytes, stream: BinaryIO, start: int, length: int) -> str:
    """Why Pillow would refuse a file because of a profile or text; empty if it would not."""
    if name in (b"iCCP", b"zTXt") and _body(stream, start, 81).partition(b"\0")[2][:1] not in (b"", b"\0"):
        return "is packed in an unknown way"
    size, packed = _unpacked(name, stream, start, length)
    if packed and size > PngImagePlugin.MAX_TEXT_CHUNK:
        return f"takes more than {PngImagePlugin.MAX_TEXT_CHUNK / 1e6:.1f} MB"
    texts = contents.texts + (0 if name == b"iCCP" else size)
    if texts > PngImagePlugin.MAX_TEXT_MEMORY:
        return f"brings the texts to more than {PngImagePlugin.MAX_TEXT_MEMORY / 1e6:.0f} MB"
    contents.texts = texts
    return ""


def _walk(stream: BinaryIO) -> Iterator[tuple[bytes, int, int]]:
    """(name, start, length of the body) of every chunk up to the end of the file."""
    at = len(signatures.PNG)
    while True:
        stream.seek(at)
        head = stream.read(8)
        if len(head) < 8:
            return
        length, name = struct.unpack(">I4s", head)
        yield name, at, length
        if name == b"IEND":
            return
        at += 12 + length


def _body(stream: BinaryIO, start: int, length: int) -> bytes:
    stream.seek(start + 8)
    return stream.read(length)


def _unpacked(name: bytes, stream: BinaryIO, start: int, length: int) -> tuple[int, bool]:
    """(unpacked size of a chunk in bytes, at most one more than the limit; whether it is packed)."""
    limit = PngImagePlugin.MAX_TEXT_CHUNK
    if name == b"tEXt" or length * _EXPANSION <= limit:
        return length, False
    _, _, rest = _body(stream, start, length).partition(b"\0")
    if name == b"iTXt":
        if rest[:1] != b"\1":
            return length, False
        rest = b"\0" + rest[2:].split(b"\0", 2)[-1]
    unpacker = zlib.decompressobj()
    try:
        size = len(unpacker.decompress(rest[1:], limit))
    except zlib.error:
        return 0, True
    return size + bool(unpacker.unconsumed_tail), True


def _words(name: bytes, stream: BinaryIO, start: int) -> str:
    label = "" if name == b"iCCP" else f" '{_body(stream, start, 80).partition(bytes(1))[0].decode('latin-1')}'"
    return f"{_NAMES[name]}{label}"


def _joined(stream: BinaryIO, contents: _Contents, wanted: Callable[[bytes, int], bool]) -> bytes:
    """The file with only the wanted chunks, by name and start."""
    parts = [signatures.PNG]
    for name, start, end in contents.chunks:
        if wanted(name, start):
            stream.seek(start)
            parts.append(stream.read(end - start))
    return b"".join(parts)
