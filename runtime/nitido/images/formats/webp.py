"""Reads WebP files."""

from __future__ import annotations

import struct
from dataclasses import replace
from typing import BinaryIO

from PIL import WebPImagePlugin

from nitido.images.formats.decoder import PillowDecoder
from nitido.images.picture import Picture


class WebpDecoder(PillowDecoder):
    def __init__(self, stream: BinaryIO, name: str) -> None:
        self._lossless = _is_lossless(stream)
        super().__init__(WebPImagePlugin.WebPImageFile(stream, name), name)

    def decode(self) -> Picture:
        return replace(super().decode(), lossless=self._lossless)


def _is_lossless(stream: BinaryIO) -> bool:
    """Whether the picture is stored without loss: its chunk is ``VP8L``, not ``VP8 ``."""
    at, found = 12, b""
    while not found.startswith(b"VP8") or found == b"VP8X":
        stream.seek(at)
        head = stream.read(8)
        if len(head) < 8:
            break
        found, length = struct.unpack("<4sI", head)
        at += 8 + length + (length & 1)
    stream.seek(0)
    return found == b"VP8L"
