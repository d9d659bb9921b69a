"""Formats whose package may be missing: HEIC and JPEG XL, and the line that names the package."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nitido.errors import SourceUnavailable
from nitido.images import plugins
from nitido.images.colour import Colour
from nitido.images.depth import to_8_bits
from nitido.images.formats.bmff import read_facts, with_numbers
from nitido.images.io import Metadata, Picture, encode_picture, read_picture

HEIC = struct.pack(">I4s4sI4s", 20, b"ftyp", b"heic", 0, b"mif1") + bytes(40)
needs_heif = pytest.mark.skipif(not plugins.HAS_HEIF, reason="pillow-heif is not installed")
needs_jxl = pytest.mark.skipif(not plugins.HAS_JXL, reason="no plugin for JPEG XL is installed")


def ramp() -> np.ndarray:
    y, x = np.mgrid[:64, :96]
    return np.stack([x * 500, y * 600, (x + y) * 300], -1).astype(np.uint16)


@pytest.mark.parametrize(
    ("content", "found", "said"),
    [
        (HEIC, "HAS_HEIF", "a.x is a HEIC picture; to read these, run: pip install pillow-heif"),
        (b"\xff\x0a" + bytes(40), "", "a.x is a JPEG XL picture; to read these, run: pip install pillow-jxl-plugin"),
    ],
)
def test_a_missing_package_is_named(content: bytes, found: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if found:
        monkeypatch.setattr(plugins, found, False)
    monkeypatch.setattr(plugins, "find_spec", lambda _name: None)
    with pytest.raises(SourceUnavailable, match=said):
        read_picture(content, "a.x")


@needs_heif
@pytest.mark.parametrize("deep", [False, True])
@pytest.mark.parametrize("grey", [False, True])
def test_heic_keeps_depth_colours_and_metadata(deep: bool, grey: bool) -> None:
    values = ramp()[:, :, 0] if grey else ramp()
    exif = Image.Exif()
    exif[0x010F] = "a maker"
    metadata = Metadata(exif=exif.tobytes(), xmp=b"<x/>", colour=Colour.of_numbers(12, 13))
    stream = io.BytesIO()
    picture = Picture(to_8_bits(values), grey=grey, deep=values if deep else None, metadata=metadata)
    assert encode_picture(picture, "heic", stream) == ()
    facts = read_facts(stream.getvalue())
    assert (facts.depth, facts.numbers, facts.is_avif) == (10 if deep else 8, (12, 13), False)
    again = read_picture(stream.getvalue())
    assert again.grey is grey and again.notes == () and again.metadata.colour == metadata.colour
    assert again.metadata.xmp == b"<x/>" and b"a maker" in (again.metadata.exif or b"")
    assert (again.deep is not None) is deep
    assert float(np.abs(again.pixels.astype(int) - picture.pixels).mean()) < 1
    if again.deep is not None:
        assert float(np.abs(again.deep.astype(int) - values).mean()) < 100


@needs_heif
def test_what_is_stored_with_the_picture_of_a_phone_is_reported(tmp_path: Path) -> None:
    stream = io.BytesIO()
    encode_picture(Picture(to_8_bits(ramp())), "heic", stream)
    content = stream.getvalue()
    kind = b"urn:com:apple:photo:2020:aux:hdrgainmap\0"
    extra = struct.pack(">I4sI", 12 + len(kind), b"auxC", 0) + kind
    # A property that no item has is read all the same.
    grown = _grown(content, (b"meta", b"iprp", b"ipco"), extra)
    assert read_facts(grown).companions == ("gain map",)


def _grown(content: bytes, path: tuple[bytes, ...], extra: bytes) -> bytes:
    """The file with ``extra`` at the end of the box that the path leads to; what lies behind moves."""
    result, start, at = bytearray(content), 0, 0
    for name in path:
        at = result.index(name, start) - 4
        (size,) = struct.unpack_from(">I", result, at)
        struct.pack_into(">I", result, at, size + len(extra))
        start = at + 8
    end = at + struct.unpack_from(">I", result, at)[0] - len(extra)
    return bytes(result[:end] + extra + result[end:])


def test_numbers_are_changed_where_there_are_some_and_nowhere_else() -> None:
    for content in (b"", b"\0\0\0\x10ftypavif\0\0\0\0", HEIC):
        assert with_numbers(content, 12, 13) == content
        assert read_facts(content).numbers is None


@needs_jxl
@pytest.mark.parametrize("grey", [False, True])
def test_jpeg_xl_is_read_and_written(grey: bool) -> None:
    pixels = to_8_bits(np.ascontiguousarray(ramp()[:, :, 0]) if grey else ramp())
    alpha = np.full(pixels.shape[:2], 200, np.uint8)
    for lossless in (False, True):
        from nitido.images.io import Encoding

        stream = io.BytesIO()
        encode_picture(Picture(pixels, alpha, grey), "jxl", stream, Encoding(lossless=lossless))
        again = read_picture(stream.getvalue())
        assert again.alpha is not None and again.grey is grey
        assert int(np.abs(again.pixels.astype(int) - pixels).max()) <= (0 if lossless else 12)
