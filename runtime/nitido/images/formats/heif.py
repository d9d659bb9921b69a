"""Reads AVIF and HEIF files: more than 8 bits, colours, and things that are stored with the picture."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any, BinaryIO

import cv2
import numpy as np
from numpy.typing import NDArray

from nitido.errors import SourceUnavailable
from nitido.images import plugins
from nitido.images.colour import Colour
from nitido.images.formats.bmff import HeifFacts, read_facts
from nitido.images.formats.decoder import PillowDecoder, deep_picture
from nitido.images.metadata import Metadata, orientation
from nitido.images.picture import Picture
from nitido.images.xmp import without_companions


def open_heif(stream: BinaryIO, name: str) -> HeifDecoder:
    """Both kinds, recognized by the brands in the file."""
    data = stream.read()
    facts = read_facts(data)
    return AvifDecoder(data, facts, name) if facts.is_avif else HeicDecoder(data, facts, name)


class HeifDecoder(PillowDecoder):
    """What both kinds have in common."""

    def __init__(self, image: Any, data: bytes, facts: HeifFacts, name: str) -> None:
        super().__init__(image, name)
        self._data, self._facts = data, facts
        self.deep = facts.depth > 8

    def decode(self) -> Picture:
        if not self.deep:
            return super().decode()
        values = self._deep_values()
        if values is None:
            self.deep = False
            self.notes.append(f"{self._facts.depth} bits per channel are read as 8")
            return super().decode()
        metadata, turn = self.metadata(), orientation(self.image)
        self.image.close()
        largest = (1 << self._facts.depth) - 1
        table = (np.arange(65536, dtype=np.uint32).clip(0, largest) * 65535 + largest // 2) // largest
        values = table.astype(np.uint16)[values]
        alpha = np.ascontiguousarray(values[:, :, 3]) if values.ndim == 3 and values.shape[2] == 4 else None
        colours = np.ascontiguousarray(values[:, :, :3]) if values.ndim == 3 else values
        return replace(deep_picture(colours, alpha, turn, metadata), notes=tuple(self.notes))

    def metadata(self) -> Metadata:
        metadata, numbers = super().metadata(), self._facts.numbers
        xmp, removed = without_companions(metadata.xmp)
        self.notes += [f"its {word} is left out" for word in self._facts.companions]
        self.notes += removed
        return replace(metadata, xmp=xmp, colour=Colour.of_numbers(*numbers) if numbers else None)

    def _deep_values(self) -> NDArray[np.uint16] | None:
        """uint16 H×W, H×W×3 BGR or H×W×4 as stored, in the file's own depth; ``None`` if that is not available."""
        raise NotImplementedError


class AvifDecoder(HeifDecoder):
    def __init__(self, data: bytes, facts: HeifFacts, name: str) -> None:
        if plugins.AVIF is None:
            raise SourceUnavailable(f"{name} is an AVIF picture, which this Pillow cannot read; install a newer Pillow")
        super().__init__(plugins.AVIF(io.BytesIO(data), name), data, facts, name)

    def _deep_values(self) -> NDArray[np.uint16] | None:
        values = cv2.imdecode(np.frombuffer(self._data, np.uint8), cv2.IMREAD_UNCHANGED)
        if values is None or values.dtype != np.uint16 or values.shape[:2] != (self.height, self.width):
            return None
        return np.asarray(values, np.uint16)


class HeicDecoder(HeifDecoder):
    def __init__(self, data: bytes, facts: HeifFacts, name: str) -> None:
        self._library = plugins.heif_library(name)
        super().__init__(self._library.HeifImageFile(io.BytesIO(data), name), data, facts, name)

    def _deep_values(self) -> NDArray[np.uint16] | None:
        opened = self._library.HeifFile(io.BytesIO(self._data), convert_hdr_to_8bit=False, bgr_mode=True)
        values = np.asarray(opened)
        if values.dtype != np.uint16 or values.shape[:2] != (self.height, self.width):
            return None
        return np.asarray(values >> (16 - self._facts.depth), np.uint16)
