"""PNG files: transparency by key, palettes, chunks that are too large, chunks that say what colours mean."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest

from nitido.images.io import encode_picture, read_picture
from support.picture_files import chunk, png

RANDOM = np.random.default_rng(7)


def stored(bits: int, channels: int) -> np.ndarray:
    return RANDOM.integers(0, 1 << bits, (19, 23, channels))


def full_range(values: np.ndarray, bits: int) -> np.ndarray:
    full = 65535 if bits == 16 else 255
    return (values * full + ((1 << bits) - 1) // 2) // ((1 << bits) - 1)


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
def test_a_key_of_transparency_is_compared_in_the_file_s_own_depth(bits: int, interlaced: bool) -> None:
    for kind, channels in ((0, 1), (2, 3)):
        if kind == 2 and bits < 8:
            continue
        values = stored(bits, channels)
        key = values[3, 4]
        beyond = 256 if bits == 8 else 0  # only as many bits as the file has count
        words = b"".join(struct.pack(">H", int(v) + beyond) for v in key)
        picture = read_picture(png(values, bits, kind, chunk(b"tRNS", words), interlaced=interlaced))
        full = 65535 if bits == 16 else 255
        assert picture.alpha is not None
        assert np.array_equal(picture.alpha, np.where((values == key).all(axis=2), 0, full))
        found = picture.pixels if picture.deep is None else picture.deep
        found = found[:, :, None] if found.ndim == 2 else found[:, :, ::-1]
        assert np.array_equal(found[:, :, :channels], full_range(values, bits))


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_palettes_of_every_depth_with_alpha_for_some_of_their_entries(bits: int) -> None:
    values, count = stored(bits, 1), 1 << bits
    palette = RANDOM.integers(0, 256, (count, 3)).astype(np.uint8)
    alphas = RANDOM.integers(0, 256, max(1, count // 2)).astype(np.uint8)
    before = chunk(b"PLTE", palette.tobytes()) + chunk(b"tRNS", alphas.tobytes())
    picture = read_picture(png(values, bits, 3, before))
    every = np.concatenate([alphas, np.full(count - len(alphas), 255, np.uint8)])
    assert np.array_equal(picture.pixels[:, :, ::-1], palette[values[:, :, 0]])
    assert picture.alpha is not None and np.array_equal(picture.alpha, every[values[:, :, 0]])


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        (b"iTXt", b"workflow\0\1\0\0\0" + zlib.compress(b"node " * 300_000), "text 'workflow' takes more than"),
        (b"zTXt", b"notes\0\0" + zlib.compress(b"word " * 300_000), "text 'notes' takes more than"),
        (b"iCCP", b"p\0\0" + zlib.compress(bytes(1_500_000)), "colour profile takes more than"),
        (b"iCCP", b"p\0\1" + zlib.compress(b"profile"), "colour profile is packed in an unknown way"),
    ],
)
def test_metadata_that_is_too_large_does_not_cost_the_picture(bits: int, name: bytes, data: bytes, said: str) -> None:
    values = stored(bits, 3)
    small = chunk(b"tEXt", b"Title\0kept")
    picture = read_picture(png(values, bits, 2, chunk(name, data) + small))
    assert [said in note for note in picture.notes] == [True]
    assert dict(picture.metadata.texts) == {"Title": "kept"} and picture.metadata.icc is None
    found = picture.pixels if picture.deep is None else picture.deep
    assert np.array_equal(found[:, :, ::-1], values)


def test_a_large_text_that_is_not_packed_stays() -> None:
    text = b"Comment\0" + b"word " * 400_000
    picture = read_picture(png(stored(8, 3), 8, 2, chunk(b"tEXt", text)))
    assert picture.notes == () and len(picture.metadata.texts["Comment"]) == 2_000_000


@pytest.mark.parametrize("bits", [8, 16])
def test_chunks_that_say_what_colours_mean_are_kept_as_they_are(bits: int) -> None:
    given = {
        b"cICP": bytes([9, 16, 0, 1]),
        b"mDCV": bytes(range(24)),
        b"cLLI": bytes(range(8)),
        b"gAMA": struct.pack(">I", 45455),
        b"cHRM": struct.pack(">8I", 31270, 32900, 64000, 33000, 21000, 71000, 15000, 6000),
    }
    before = b"".join(chunk(name, data) for name, data in given.items())
    picture = read_picture(png(stored(bits, 3), bits, 2, before))
    stream = io.BytesIO()
    assert encode_picture(picture, "png", stream) == ()
    content = stream.getvalue()
    for name, data in given.items():
        assert content.count(chunk(name, data)) == 1
        assert content.index(name) < content.index(b"IDAT")
    again = read_picture(content)
    assert np.array_equal(again.pixels, picture.pixels) and again.metadata.colour == picture.metadata.colour


def test_many_texts_that_are_left_out_are_a_few_lines() -> None:
    one = zlib.compress(bytes(2_000_000))
    texts = b"".join(chunk(b"zTXt", b"text %d\0\0" % i + one) for i in range(9))
    notes = read_picture(png(stored(8, 3), 8, 2, texts)).notes
    assert len(notes) == 3 and "'text 0'" in notes[0] and notes[2] == "7 more texts left out"
