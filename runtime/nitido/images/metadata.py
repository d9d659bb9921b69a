"""Metadata of a picture file: EXIF, colour profile, XMP, resolution, texts."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from PIL import ExifTags, Image

from nitido.images.colour import Colour

_log = logging.getLogger(__name__)

ORIENTATION = 0x0112
SOFTWARE = 0x0131
EXIF_IFD, GPS_IFD = 0x8769, 0x8825
_PIXELS_ACROSS, _PIXELS_DOWN = 0xA002, 0xA003
_XMP, _PHOTOSHOP, _ICC = 700, 34377, 34675
_RESOLUTION_ACROSS, _RESOLUTION_DOWN, _RESOLUTION_UNIT = 282, 283, 296
_INCHES_PER_UNIT = {2: 1.0, 3: 2.54}
# These tags of a TIFF are copied: names, texts, dates, rating. The tags of its pixel layout must not be copied.
DESCRIPTIVE = frozenset(
    {269, 270, 271, 272, 285, SOFTWARE, 306, 315, 316, 18246, 18249, 33432, *range(40091, 40096), EXIF_IFD, GPS_IFD}
)
_TURNED = re.compile(rb"""(tiff:Orientation(?:=["']|>))[0-9]""")
_HEADER = b"Exif\x00\x00"


@dataclass(frozen=True)
class Metadata:
    """Metadata that is written with the pixels; a field is ``None`` or empty if the file does not have it.

    exif: a TIFF block after ``Exif\\0\\0``, without orientation and thumbnail.
    icc: colour profile.
    xmp: the packet.
    dpi: horizontal and vertical.
    texts: of a PNG.
    comment: of a JPEG.
    photoshop: image resources, where captions (IPTC) are.
    colour: the description of colours in a PNG, AVIF or HEIF, in addition to a profile or without one.
    """

    exif: bytes | None = None
    icc: bytes | None = None
    xmp: bytes | None = None
    dpi: tuple[float, float] | None = None
    texts: Mapping[str, str] = field(default_factory=dict)
    comment: bytes | None = None
    photoshop: bytes | None = None
    colour: Colour | None = None

    def exif_for(self, width: int, height: int, software: str | None) -> bytes | None:
        """The EXIF block for a result of that size in pixels, with ``software`` added to the names of the programs that
        wrote the picture; ``None`` if it would be empty."""
        exif = _parsed(self.exif)
        if software:
            exif[SOFTWARE] = append_software(exif.get(SOFTWARE), software)
        if not len(exif):
            return None
        try:
            inner = exif.get_ifd(EXIF_IFD)
            if _PIXELS_ACROSS in inner:
                inner[_PIXELS_ACROSS], inner[_PIXELS_DOWN] = width, height
            return _block(exif)
        except Exception as error:  # a damaged tag may raise any exception
            _log.warning("EXIF data cannot be written back (%s); left out", error)
            return Metadata().exif_for(width, height, software)


def cut_exif(block: bytes, limit: int) -> tuple[bytes | None, list[str]]:
    """An EXIF block of at most ``limit`` bytes, and the names of what was left out for it, the largest first."""
    exif, left = _parsed(block), []
    while len(block) > limit:
        inner = {tag: exif.get_ifd(tag) for tag in (EXIF_IFD, GPS_IFD) if tag in exif}
        values = [(_size(v), tag, exif) for tag, v in exif.items() if tag not in inner]
        values += [(_size(v), tag, part) for part in inner.values() for tag, v in part.items()]
        if not values:
            return None, [*left, "the rest"]
        _, tag, part = max(values, key=lambda value: value[0])
        del part[tag]
        left.append(ExifTags.TAGS.get(tag, f"tag {tag}"))
        block = _block(exif)
    return block, left


def append_software(earlier: object, software: str) -> str:
    """Appends the program's name, so that the names of earlier programs are kept."""
    known = str(earlier).strip("\0 ") if isinstance(earlier, str) else ""
    return f"{known}; {software}" if known and not known.endswith(software) else known or software


def read_metadata(image: Image.Image, notes: list[str]) -> Metadata:
    """The metadata of an opened and decoded Pillow image. Damaged parts are left out, and ``notes`` get a line."""
    info: Mapping[Any, Any] = image.info
    icc = info.get("icc_profile") or info.get("icc")
    xmp = info.get("xmp") or info.get("XML:com.adobe.xmp")
    texts = getattr(image, "text", None) if image.format == "PNG" else None
    return Metadata(
        exif=_read_exif(image, notes),
        icc=icc if isinstance(icc, bytes) and icc else None,
        xmp=_upright(xmp.encode() if isinstance(xmp, str) else xmp) if xmp else None,
        dpi=_dpi(info.get("dpi")),
        texts={
            key: str(value)
            for key, value in (texts if isinstance(texts, dict) else {}).items()
            if not key.startswith(("Raw profile type", "XML:com.adobe.xmp"))
        },
        comment=info.get("comment") if isinstance(info.get("comment"), bytes) else None,
        photoshop=_photoshop(image),
    )


def read_tiff_metadata(tags: Mapping[int, Any], exif: Image.Exif, notes: list[str]) -> Metadata:
    """The metadata from the tags of a TIFF. exif: of its first directory."""
    try:
        kept = Image.Exif()
        for tag in DESCRIPTIVE & set(exif):
            kept[tag] = exif.get_ifd(tag) if tag in (EXIF_IFD, GPS_IFD) else exif[tag]
        block = _block(kept) if len(kept) else None
    except Exception as error:  # a damaged directory may raise any exception
        notes.append(f"EXIF data cannot be read ({error}); left out")
        block = None
    unit = _INCHES_PER_UNIT.get(tags.get(_RESOLUTION_UNIT, 2))
    across, down = tags.get(_RESOLUTION_ACROSS), tags.get(_RESOLUTION_DOWN)
    icc, xmp = _bytes_of(tags.get(_ICC)), _bytes_of(tags.get(_XMP))
    return Metadata(
        exif=block,
        icc=icc or None,
        xmp=_upright(xmp) if xmp else None,
        dpi=_dpi((across, down), unit) if unit and across and down else None,
        photoshop=_bytes_of(tags.get(_PHOTOSHOP)),
    )


def orientation(image: Image.Image) -> int:
    """The EXIF orientation 1..8 of an image; 1 if it is missing or damaged."""
    try:
        value = image.getexif().get(ORIENTATION, 1)
    except Exception as error:  # a damaged block shows as whatever exception
        _log.debug("no orientation: %s", error)
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _read_exif(image: Image.Image, notes: list[str]) -> bytes | None:
    try:
        exif = image.getexif()
        if ORIENTATION in exif:
            kept = _parsed(_block(exif))
            del kept[ORIENTATION]
            exif = kept
        return _block(exif) if len(exif) else None
    except Exception as error:  # a damaged block shows as whatever exception
        notes.append(f"EXIF data cannot be read ({error}); left out")
        return None


def _block(exif: Image.Exif) -> bytes:
    data = exif.tobytes()
    return data if data.startswith(_HEADER) else _HEADER + data


def _parsed(block: bytes | None) -> Image.Exif:
    exif = Image.Exif()
    if block:
        try:
            exif.load(block)
        except Exception as error:  # as above
            _log.warning("EXIF data cannot be read (%s); left out", error)
            return Image.Exif()
    return exif


def _size(value: object) -> int:
    if isinstance(value, (bytes, str)):
        return len(value)
    return 8 * len(value) if isinstance(value, (tuple, list, dict)) else 8


def _upright(xmp: object) -> bytes | None:
    """The packet without its orientation, which could contradict the upright picture."""
    return _TURNED.sub(rb"\g<1>1", xmp) if isinstance(xmp, bytes) else None


def _dpi(value: object, factor: float = 1.0) -> tuple[float, float] | None:
    try:
        across, down = (float(v) * factor for v in value)  # pyright: ignore[reportGeneralTypeIssues]
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    return (across, down) if 0 < across < 1e6 and 0 < down < 1e6 else None


def _bytes_of(value: object) -> bytes | None:
    if isinstance(value, tuple) and len(value) == 1 and isinstance(value[0], bytes):
        return value[0]
    if isinstance(value, tuple) and all(isinstance(v, int) for v in value):
        return bytes(v & 255 for v in value)
    return value if isinstance(value, bytes) else None


def _photoshop(image: Image.Image) -> bytes | None:
    segments = getattr(image, "applist", ())
    header = b"Photoshop 3.0\x00"
    parts = [data[len(header) :] for name, data in segments if name == "APP13" and data.startswith(header)]
    return b"".join(parts) or None
