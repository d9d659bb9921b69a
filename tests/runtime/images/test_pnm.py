"""Netpbm's pictures, binary and as text."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from nitido.errors import SinkUnavailable, SourceUnavailable
from nitido.images.depth import to_8_bits
from nitido.images.io import Picture, encode_picture, read_picture

RANDOM = np.random.default_rng(10)
BYTES = RANDOM.integers(0, 256, (7, 11, 3)).astype(np.uint8)
WORDS = RANDOM.integers(0, 65536, (7, 11, 3)).astype(">u2")


def text(values: np.ndarray) -> bytes:
    return b"\n".join(b" ".join(b"%d" % v for v in row.reshape(-1)) for row in values)


FILES = {
    "P1": b"P1\n# a comment\n11 7\n" + text(BYTES[:, :, 0] > 128),
    "P1, dense": b"P1 11 7\n" + text(BYTES[:, :, 0] > 128).replace(b" ", b""),
    "P2": b"P2\n11 7\n200\n# a comment 99\n" + text(BYTES[:, :, 0] % 201),
    "P3": b"P3 11 7 255\n" + text(BYTES),
    "P4": b"P4 11 7\n" + np.packbits(BYTES[:, :, 0] > 128, axis=1).tobytes(),
    "P5": b"P5 11 7 255\n" + BYTES[:, :, 0].tobytes(),
    "P5, 16 bits": b"P5 11 7 65535\n" + WORDS[:, :, 0].tobytes(),
    "P5, 10 bits": b"P5 11 7 1023\n" + (WORDS[:, :, 0] % 1024).astype(">u2").tobytes(),
    "P6": b"P6\n# one\n# two\n11 7\n255\n" + BYTES.tobytes(),
}


@pytest.mark.parametrize("name", list(FILES))
def test_every_kind_is_read_as_pillow_reads_it(name: str) -> None:
    picture = read_picture(FILES[name])
    with Image.open(io.BytesIO(FILES[name])) as image:
        expected = np.asarray(image.convert("L") if image.mode == "1" else image)
    found = picture.pixels if picture.deep is None else picture.deep
    if picture.grey and found.ndim == 3:
        found = found[:, :, 0]
    assert picture.grey is (expected.ndim == 2)
    assert np.array_equal(found if found.ndim == 2 else found[:, :, ::-1], expected)


def test_colours_of_16_bits_keep_them() -> None:
    picture = read_picture(b"P6 11 7 65535\n" + WORDS.tobytes())
    assert picture.deep is not None and np.array_equal(picture.deep[:, :, ::-1], WORDS)


@pytest.mark.parametrize("deep", [False, True])
@pytest.mark.parametrize(("kind", "grey"), [("ppm", False), ("pgm", True), ("pnm", False), ("pnm", True)])
def test_what_is_written_is_read_back(kind: str, grey: bool, deep: bool) -> None:
    words = WORDS[:, :, 0].astype(np.uint16) if grey else WORDS.astype(np.uint16)
    pixels = to_8_bits(words)
    stream = io.BytesIO()
    assert encode_picture(Picture(pixels, grey=grey, deep=words if deep else None), kind, stream) == ()
    assert stream.getvalue()[:2] == (b"P5" if grey else b"P6")
    again = read_picture(stream.getvalue())
    assert np.array_equal(again.pixels, pixels) and again.grey is grey
    assert (again.deep is None) if not deep else np.array_equal(again.deep, words)


def test_a_pgm_takes_no_colours() -> None:
    with pytest.raises(SinkUnavailable, match="a pgm holds greys only, the picture has colours; use ppm"):
        encode_picture(Picture(BYTES), "pgm", io.BytesIO())


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"P6 11 7 255\nabc", "truncated"),
        (b"P2 11 7 255\n1 2 3", "truncated"),
        (b"P2 2 1 9\n1 10", "values beyond 9"),
        (b"P6 11", "no size in its header"),
        (b"P6 0 7 255\n", "0×7 pixels"),
        (b"P5 11 7 70000\n" + bytes(154), "values up to 70000, expected 1 to 65535"),
        (b"P7\nWIDTH 1\n", "not a picture"),
    ],
)
def test_what_is_broken_is_said(content: bytes, said: str) -> None:
    with pytest.raises(SourceUnavailable, match=said):
        read_picture(content)


@pytest.mark.parametrize("between", [b"", b"\n"])
def test_further_pictures_in_the_file_are_named(between: bytes) -> None:
    one = b"P6\n3 2\n255\n" + bytes(18)
    assert read_picture(one + between).notes == ()
    assert read_picture(one + between + one).notes == ("more pictures in the file left out, the first one is used",)
