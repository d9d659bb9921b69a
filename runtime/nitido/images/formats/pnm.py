"""Netpbm's formats (PBM, PGM, PPM): binary and text, up to 16 bits. Pillow reads 16-bit colours as 8."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from nitido.errors import SinkUnavailable, SourceUnavailable
from nitido.images.depth import grey_of
from nitido.images.formats import signatures
from nitido.images.formats.decoder import deep_picture
from nitido.images.metadata import Metadata
from nitido.images.picture import Picture

_TOKEN = re.compile(rb"(?:\s|#[^\r\n]*[\r\n])*([0-9]+)")
_COMMENT = re.compile(rb"#[^\r\n]*")
_HEADER = 1 << 16  # largest size of the header in bytes, including comments
_STRIP = 1 << 20


class PnmDecoder:
    def __init__(self, stream: BinaryIO, name: str) -> None:
        self.name, self._stream = name, stream
        head = stream.read(_HEADER)
        self._kind = head[1:2]
        numbers: list[int] = []
        at = 2
        while len(numbers) < (2 if self._bits_only else 3):
            found = _TOKEN.match(head, at)
            if not found:
                raise ValueError("no size in its header")
            numbers.append(int(found[1][:10]))
            at = found.end()
        self.width, self.height = numbers[:2]
        self._largest = 1 if self._bits_only else numbers[2]
        self._start = at + 1  # one white space ends the header
        if not self.width or not self.height:
            raise ValueError(f"{self.width}×{self.height} pixels")
        self.deep = self._largest > 255

    @property
    def _bits_only(self) -> bool:
        return self._kind in b"14"

    def close(self) -> None:
        """Does nothing, because the stream belongs to the caller."""

    def check(self) -> None:
        if not 0 < self._largest < 65536:
            raise SourceUnavailable(
                f"{self.name} has values up to {self._largest}, expected 1 to 65535; convert it first"
            )

    def decode(self) -> Picture:
        channels = 3 if self._kind in b"36" else 1
        values = self._values(self.width * self.height * channels)
        values = self._scaled(values).reshape(self.height, self.width, channels)
        values = values[:, :, 0] if channels == 1 else np.ascontiguousarray(values[:, :, ::-1])
        notes = ("more pictures in the file left out, the first one is used",) if self._goes_on() else ()
        if self.deep:
            return replace(deep_picture(values, None, 1, Metadata()), notes=notes)
        if channels == 3:
            return Picture(values, notes=notes)
        return Picture(np.repeat(values[:, :, None], 3, axis=2), grey=True, notes=notes)

    def _goes_on(self) -> bool:
        """Whether another picture follows, as the binary kinds allow."""
        return self._kind in b"456" and signatures.PNM.match(self._stream.read(16).lstrip()) is not None

    def _values(self, count: int) -> NDArray[Any]:
        self._stream.seek(self._start)
        if self._kind == b"4":
            row = (self.width + 7) // 8
            data = self._read(row * self.height)
            bits = np.unpackbits(np.frombuffer(data, np.uint8).reshape(self.height, row), axis=1, count=self.width)
            return 1 - bits.reshape(-1)  # 1 is black
        if self._kind in b"56":
            kind = np.dtype(">u2" if self.deep else "u1")
            return np.frombuffer(self._read(count * kind.itemsize), kind)
        text = _COMMENT.sub(b"", self._stream.read())
        if self._kind == b"1":
            digits = np.frombuffer(text, np.uint8)
            values = 1 - (digits[(digits == 48) | (digits == 49)] - 48)
        else:
            values = np.array(text.split(maxsplit=count)[:count], dtype=np.int64)
        if len(values) < count:
            raise ValueError("the file is truncated")
        return values[:count]

    def _read(self, size: int) -> bytes:
        data = self._stream.read(size)
        if len(data) < size:
            raise ValueError("the file is truncated")
        return data

    def _scaled(self, values: NDArray[Any]) -> NDArray[Any]:
        """Values in the full range of 8 or 16 bits."""
        full, largest = (65535 if self.deep else 255), self._largest
        if values.size and int(values.max()) > largest:
            if self._kind in b"23":
                raise ValueError(f"values beyond {largest}")
            values = np.minimum(values, largest)
        if largest == full:
            return values.astype(np.uint16 if self.deep else np.uint8)
        table = (np.arange(largest + 1, dtype=np.uint32) * full + largest // 2) // largest
        return table.astype(np.uint16 if self.deep else np.uint8)[values]


def write_pnm(stream: BinaryIO, picture: Picture, kind: str) -> None:
    """Writes binary PGM (``pgm``), PPM (``ppm``) or the one that fits (``pnm``), with 16 bits for deep pictures. Raises
    ``SinkUnavailable`` for colours as PGM."""
    height, width = picture.pixels.shape[:2]
    if kind == "pnm":
        kind = "pgm" if picture.grey else "ppm"
    if kind == "pgm" and not picture.grey:
        raise SinkUnavailable("a pgm holds greys only, the picture has colours; use ppm")
    deep = picture.deep is not None
    stream.write(f"{'P5' if kind == 'pgm' else 'P6'}\n{width} {height}\n{65535 if deep else 255}\n".encode())
    rows = max(1, _STRIP // (width * 3))
    for top in range(0, height, rows):
        part: Any = (picture.pixels if picture.deep is None else picture.deep)[top : top + rows]
        if kind == "pgm":
            part = grey_of(part) if part.ndim == 3 else part
        else:
            part = part[:, :, ::-1] if part.ndim == 3 else np.repeat(part[:, :, None], 3, axis=2)
        stream.write(np.ascontiguousarray(part).astype(">u2" if deep else "u1", copy=False).tobytes())
