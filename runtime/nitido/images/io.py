"""Reads and writes picture files completely or not at all, with their metadata."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np

from nitido.errors import SinkUnavailable
from nitido.frames import Frame
from nitido.images.decode import MAX_PIXELS, PictureFile
from nitido.images.encode import FORMAT_OF, READ_AS, SUFFIX_OF, Encoding, encode_picture
from nitido.images.metadata import Metadata
from nitido.images.picture import Picture
from nitido.system.files import replacing

__all__ = [
    "FORMAT_OF",
    "MAX_PIXELS",
    "READ_AS",
    "SUFFIXES",
    "SUFFIX_OF",
    "WRITTEN",
    "Encoding",
    "Metadata",
    "Picture",
    "PictureFile",
    "encode_picture",
    "format_of",
    "on_white",
    "read_opaque",
    "read_picture",
    "write_picture",
]

_log = logging.getLogger(__name__)

WRITTEN = frozenset(FORMAT_OF)
"""Suffixes of pictures that can be written."""
SUFFIXES = WRITTEN | READ_AS.keys()
"""Suffixes of pictures that can be read."""


def read_picture(source: Path | bytes, name: str | None = None, *, max_pixels: int = MAX_PIXELS) -> Picture:
    """Decodes a picture file. The picture is upright and has 8 or 16 bits per channel.

    Args:
        source: the file, or its content.
        name: name for messages when ``source`` is the content.
        max_pixels: largest number of pixels that is accepted.

    Raises:
        SourceUnavailable: a missing, truncated or foreign file, 32 bits per channel, several pictures in one file, or
            more than ``max_pixels``.
    """
    with PictureFile(source, name, max_pixels=max_pixels) as file:
        return file.decode()


def read_opaque(path: Path) -> Frame:
    """A picture file as uint8 H×W×3 BGR, upright; what is transparent shows white. Raises ``SourceUnavailable``."""
    return on_white(read_picture(path))


def on_white(picture: Picture) -> Frame:
    """The pixels of a picture on white, uint8 H×W×3 BGR; overwrites the picture's pixels."""
    if picture.alpha is None:
        return picture.pixels
    full = 255 if picture.alpha.dtype == np.uint8 else 65535
    for row, alpha in zip(picture.pixels, picture.alpha, strict=True):
        share = (alpha / np.float32(full))[:, None]
        row[:] = np.rint(row * share + 255 * (1 - share))
    return picture.pixels


def format_of(path: Path) -> str:
    """The format for a file name: ``jpeg``, ``png``, … Raises ``SinkUnavailable`` for an unknown suffix."""
    kind = FORMAT_OF.get(path.suffix.lower())
    if kind is None:
        raise SinkUnavailable(f"cannot write {path}: expected a name ending in {', '.join(sorted(WRITTEN))}")
    return kind


def write_picture(path: Path, picture: Picture, encoding: Encoding = Encoding()) -> None:  # noqa: B008
    """Encodes in the format of the path's suffix into a file next to the target, then renames it. The default quality
    of JPEG and WebP is 95.

    Raises ``SinkUnavailable`` when the suffix is unknown, the format does not support the picture, or the file cannot
    be written; no partial file remains. Losses because of the format are logged.
    """
    kind = format_of(path)
    with replacing(path) as partial, partial.open("wb") as stream:
        notes = encode_picture(picture, kind, stream, encoding)
    for note in notes:
        _log.warning("%s: %s", path, note)
