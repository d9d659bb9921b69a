"""Reads TIFF files: with Pillow if it decodes all bits, else sample by sample."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, BinaryIO

import numpy as np
from PIL import Image, TiffImagePlugin

from nitido.errors import SourceUnavailable
from nitido.images.depth import to_8_bit_channels
from nitido.images.formats.decoder import PillowDecoder, deep_picture, turned, unmultiplied
from nitido.images.formats.tiff_layout import CMYK, Layout, PillowTiff
from nitido.images.formats.tiff_samples import read_samples
from nitido.images.metadata import ORIENTATION, Metadata, read_tiff_metadata
from nitido.images.picture import Picture

_SUBFILE, _OLD_SUBFILE = 254, 255
_PREMULTIPLIED = 1
_FLOAT, _SIGNED = 3, 2


class _Converted(PillowDecoder):
    """An image of Pillow with known metadata."""

    def __init__(self, image: Image.Image, name: str, metadata: Metadata) -> None:
        super().__init__(image, name)
        self._metadata = metadata

    def metadata(self) -> Metadata:
        return self._metadata


class TiffDecoder:
    """The only picture of a TIFF file; smaller versions of it are ignored."""

    def __init__(self, stream: BinaryIO, name: str) -> None:
        self.name, self._stream = name, stream
        self._directories = list(_directories(stream))
        if not self._directories or not len(self._directories[0]):
            raise ValueError("no picture in it")
        self._tags = tags = self._directories[0]
        self._layout = layout = Layout.of(tags)
        self.width, self.height = layout.width, layout.height
        self._image: PillowTiff | None = None
        if not layout.needs_samples:
            stream.seek(0)
            try:
                self._image = PillowTiff(stream, name)
            except (SyntaxError, KeyError):
                self._image = None  # a mode that it does not know
        self.deep = layout.bits > 8 and layout.photometric != CMYK and self._image is None
        self.notes: list[str] = []

    def close(self) -> None:
        if self._image is not None:
            self._image.close()

    def check(self) -> None:
        layout, found = self._layout, ""
        if layout.sample_format == _FLOAT:
            found = "floating-point values"
        elif layout.bits > 16:
            found = f"{layout.bits} bits per channel"
        elif layout.sample_format == _SIGNED:
            found = "signed values"
        elif not layout.bits:
            found = "channels of different depths"
        if found:
            raise SourceUnavailable(f"{self.name} has {found}, expected 8 or 16 bits per channel; convert it first")
        if self._image is None and not layout.can_be_sampled:
            raise SourceUnavailable(
                f"{self.name} is {layout.words}, which is not read; convert it to 8 or 16 bits first"
            )
        pages = sum(not _is_smaller_version(tags) for tags in self._directories)
        if pages > 1:
            raise SourceUnavailable(
                f"{self.name} holds {pages} pictures, expected one; animations and multi-page files must be split first"
            )

    def decode(self) -> Picture:
        metadata = self._metadata()
        if self._image is not None:
            picture = _Converted(self._image, self.name, metadata).decode()
        else:
            picture = self._from_samples(metadata)
        return replace(picture, notes=(*self.notes, *picture.notes))

    def _metadata(self) -> Metadata:
        exif = Image.Exif()
        header = _header(self._stream)
        exif.bigtiff, exif.endian = len(header) > 8, "<" if header.startswith(b"II") else ">"
        exif.load_from_fp(self._stream, TiffImagePlugin.ImageFileDirectory_v2(header).next)
        return read_tiff_metadata(self._tags, exif, self.notes)

    def _from_samples(self, metadata: Metadata) -> Picture:
        layout = self._layout
        if layout.ignored:
            self.notes.append(f"{layout.ignored} channel{'s' * (layout.ignored > 1)} beyond colours and alpha left out")
        samples = read_samples(self._stream, layout)
        turn = self._tags.get(ORIENTATION, 1)
        turn = turn if isinstance(turn, int) and 1 <= turn <= 8 else 1
        if layout.photometric == CMYK:
            if layout.bits > 8:
                self.notes.append(f"CMYK of {layout.bits} bits is read with 8")
            inks = turned(to_8_bit_channels(samples.colours), turn)
            return _Converted(Image.fromarray(inks, "CMYK"), self.name, metadata).decode()
        colours, alpha = samples.colours, samples.alpha
        if alpha is not None and layout.alpha_kind == _PREMULTIPLIED:
            colours = unmultiplied(colours, alpha)
        if self.deep:
            return deep_picture(colours, alpha, turn, metadata)
        grey = colours.ndim == 2
        pixels = np.repeat(colours[:, :, None], 3, axis=2) if grey else colours
        return Picture(
            turned(pixels, turn), None if alpha is None else turned(alpha, turn), grey=grey, metadata=metadata
        )


def _header(stream: BinaryIO) -> bytes:
    stream.seek(0)
    head = stream.read(8)
    return head + stream.read(8) if 43 in head[2:4] else head


def _directories(stream: BinaryIO) -> Iterator[Mapping[int, Any]]:
    """The tags of each picture in the file."""
    header, seen = _header(stream), set[int]()
    offset = TiffImagePlugin.ImageFileDirectory_v2(header).next
    while offset and offset not in seen:
        seen.add(offset)
        directory = TiffImagePlugin.ImageFileDirectory_v2(header)
        stream.seek(offset)
        directory.load(stream)
        yield directory
        offset = directory.next


def _is_smaller_version(tags: Mapping[int, Any]) -> bool:
    return bool(int(tags.get(_SUBFILE, 0)) & 1) or tags.get(_OLD_SUBFILE) == 2
