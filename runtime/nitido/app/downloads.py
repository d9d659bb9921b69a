"""Prepares downloads: pictures that a browser can show, and results in one archive."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

import cv2

from nitido.app.shelf import Item
from nitido.errors import SourceUnavailable
from nitido.images.io import on_white, read_picture

_MOST_PIXELS = 40e6  # pixels of a preview; larger pictures are reduced
_PART = 1 << 20  # bytes read at a time


def preview(path: Path) -> bytes:
    """A picture file as JPEG of quality 95: upright, 8 bits, on white, at its own size up to 40 megapixels. Raises
    ``SourceUnavailable``."""
    pixels = on_white(read_picture(path))
    height, width = pixels.shape[:2]
    factor = (_MOST_PIXELS / (height * width)) ** 0.5
    if factor < 1:
        size = (max(1, int(width * factor)), max(1, int(height * factor)))
        pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    ok, data = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 95])
    if not ok:
        raise SourceUnavailable("no preview of this picture can be made; its download is complete")
    return data.tobytes()


def archive(items: Iterable[Item]) -> Iterator[bytes]:
    """A zip file of the results, sent while it is written. Names that occur twice get a number. Items that are removed
    meanwhile are left out."""
    pipe, taken = _Pipe(), set[str]()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_STORED) as packed:
        for item in items:
            if item.result is None or not item.result.is_file():
                continue
            name = _free(item.result_name, taken)
            with item.result.open("rb") as source, packed.open(zipfile.ZipInfo(name), "w", force_zip64=True) as file:
                while part := source.read(_PART):
                    file.write(part)
                    yield pipe.take()
    yield pipe.take()


def _free(name: str, taken: set[str]) -> str:
    path, number, found = PurePosixPath(name), 1, name
    while found.lower() in taken:
        number += 1
        found = str(path.with_stem(f"{path.stem} ({number})"))
    taken.add(found.lower())
    return found


class _Pipe(io.RawIOBase):
    """Keeps written bytes until they are fetched. It is not seekable, so that the archive is written front to back."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: bytes | bytearray | memoryview, /) -> int:  # pyright: ignore[reportIncompatibleMethodOverride]
        self._parts.append(bytes(data))
        return len(data)

    def take(self) -> bytes:
        parts, self._parts = self._parts, []
        return b"".join(parts)
