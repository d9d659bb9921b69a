"""JPEG files: the first picture, notes about further ones, and metadata that fits into segments."""

from __future__ import annotations

import io
import struct
from dataclasses import replace

from PIL import Image, TiffImagePlugin

from nitido.images.compression import level_of_table
from nitido.images.formats.decoder import PillowDecoder
from nitido.images.metadata import Metadata, cut_exif
from nitido.images.picture import Picture
from nitido.images.xmp import without_companions

SEGMENT = 65533  # bytes that fit into one segment
_EXIF = 65533
_XMP_HEADER, _ICC_SEGMENTS = 29, 255
_MORE_XMP = b"http://ns.adobe.com/xmp/extension/\0"
_ENTRIES, _PREVIEWS = 0xB002, (0x010001, 0x010002)
_GAIN_MAP = b"urn:iso:std:iso:ts:21496:-1\0"


class JpegDecoder(PillowDecoder):
    """The first picture of a file, even if it contains several (MPO)."""

    def pages(self) -> int:
        return 1

    def decode(self) -> Picture:
        table = getattr(self.image, "quantization", {}).get(0)
        return replace(super().decode(), compression=level_of_table(table) if table else None)

    def metadata(self) -> Metadata:
        metadata = super().metadata()
        xmp, removed = without_companions(metadata.xmp)
        segments = [data for name, data in getattr(self.image, "applist", ()) if name in ("APP1", "APP2")]
        others = _other_pictures(self.image)
        if b"hdrgm" in (metadata.xmp or b"") or any(data.startswith(_GAIN_MAP) for data in segments):
            self.notes.append("its gain map is left out: the result is the picture for standard displays, without HDR")
        elif others:
            self.notes.append(f"{others} more picture{'s' * (others > 1)} in the file left out, the first one is used")
        self.notes += removed
        if any(data.startswith(_MORE_XMP) for data in segments):
            self.notes.append("the second part of its XMP is left out")
        return replace(metadata, xmp=xmp)


def _other_pictures(image: Image.Image) -> int:
    """The number of pictures in an index (MPF), without the first one and smaller versions of it."""
    index = image.info.get("mp")
    if not isinstance(index, bytes):
        return 0
    try:
        directory = TiffImagePlugin.ImageFileDirectory_v2(index[:8])
        stream = io.BytesIO(index)
        stream.seek(directory.next)
        directory.load(stream)
        entries = directory[_ENTRIES]
        order = "<I" if index.startswith(b"II") else ">I"
        kinds = [struct.unpack_from(order, entries, at)[0] & 0xFFFFFF for at in range(0, len(entries) - 15, 16)]
    except Exception:  # a damaged index may raise any exception
        return 1
    return sum(kind not in _PREVIEWS for kind in kinds[1:])


def fitting(metadata: Metadata, exif: bytes | None, notes: list[str]) -> tuple[Metadata, bytes | None]:
    """The parts of metadata and an EXIF block that fit into the segments of a JPEG; ``notes`` get a line for the
    others."""
    if exif and len(exif) > _EXIF:
        size = len(exif)
        exif, left = cut_exif(exif, _EXIF)
        notes.append(f"EXIF of {size / 1000:.0f} kB, a JPEG holds 65; left out: {', '.join(left)}")
    if metadata.xmp and len(metadata.xmp) > SEGMENT - _XMP_HEADER:
        notes.append(f"XMP of {len(metadata.xmp) / 1000:.0f} kB, a JPEG holds 65; left out")
        metadata = replace(metadata, xmp=None)
    if metadata.comment and len(metadata.comment) > SEGMENT:
        notes.append(f"comment of {len(metadata.comment) / 1000:.0f} kB, a JPEG holds 65; left out")
        metadata = replace(metadata, comment=None)
    if metadata.icc and len(metadata.icc) > _ICC_SEGMENTS * (SEGMENT - 14):
        notes.append(
            f"colour profile of {len(metadata.icc) / 1e6:.0f} MB, a JPEG holds 16; left out; colours may change"
        )
        metadata = replace(metadata, icc=None)
    return metadata, exif


def photoshop_segments(resources: bytes) -> bytes:
    """Image resources as segments of a JPEG."""
    header = b"Photoshop 3.0\0"
    step = SEGMENT - len(header)
    parts = [header + resources[at : at + step] for at in range(0, len(resources), step)]
    return b"".join(b"\xff\xed" + struct.pack(">H", len(part) + 2) + part for part in parts)
