"""TIFF files of every depth and layout, written byte by byte."""

from __future__ import annotations

import io
import itertools
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nitido.errors import SourceUnavailable
from nitido.images.io import read_picture
from support.picture_files import cmyk_profile, tiff

RANDOM = np.random.default_rng(8)
GREY, RGB, CMYK = 1, 2, 5


def full_range(values: np.ndarray, bits: int) -> np.ndarray:
    full, largest = (255 if bits <= 8 else 65535), (1 << bits) - 1
    return (values.astype(np.int64) * full + largest // 2) // largest


def colours_of(content: bytes) -> np.ndarray:
    """H×W×1 or H×W×3 in the order of the file, of the depth that was read."""
    picture = read_picture(content)
    values = picture.pixels if picture.deep is None else picture.deep
    if picture.grey:
        return values[:, :, :1] if values.ndim == 3 else values[:, :, None]
    return values[:, :, ::-1]


@pytest.mark.parametrize("bits", [1, 2, 4, 6, 8, 10, 12, 14, 16])
@pytest.mark.parametrize(("planar", "tile"), list(itertools.product([False, True], [0, 16])))
def test_every_depth_by_pixels_and_by_planes_in_strips_and_tiles(bits: int, planar: bool, tile: int) -> None:
    for samples, order, deflate in itertools.product((1, 3), "<>", (False, True)):
        values = RANDOM.integers(0, 1 << bits, (21, 37, samples)).astype(np.uint16)
        content = tiff(
            values, bits, GREY if samples == 1 else RGB, planar=planar, order=order, deflate=deflate, tile=tile
        )
        assert np.array_equal(colours_of(content), full_range(values, bits)), (samples, order, deflate)


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("planar", [False, True])
def test_horizontal_differences_go_by_sample(bits: int, planar: bool) -> None:
    values = RANDOM.integers(0, 1 << bits, (9, 20, 3)).astype(np.int64)
    for order in "<>":
        content = tiff(values, bits, RGB, planar=planar, order=order, deflate=True, predictor=True)
        assert np.array_equal(colours_of(content), values)


@pytest.mark.parametrize("bits", [8, 12, 16])
@pytest.mark.parametrize("planar", [False, True])
def test_alpha_is_found_and_further_channels_are_said(bits: int, planar: bool) -> None:
    values = RANDOM.integers(0, 1 << bits, (9, 20, 5)).astype(np.uint16)
    picture = read_picture(tiff(values, bits, RGB, planar=planar, extra=(2, 0)))
    expected = full_range(values, bits)
    assert picture.alpha is not None and np.array_equal(picture.alpha, expected[:, :, 3])
    if bits != 8 or planar:  # else it is Pillow that leaves it out
        assert picture.notes == ("1 channel beyond colours and alpha left out",)


@pytest.mark.parametrize("bits", [8, 16])
def test_colours_that_alpha_was_multiplied_into_come_back(bits: int) -> None:
    full = (1 << bits) - 1
    colours = RANDOM.integers(0, full + 1, (9, 20, 3))
    alpha = np.full((9, 20, 1), full // 2)
    values = np.concatenate([colours * alpha // full, alpha], axis=2)
    content = tiff(values, bits, RGB, planar=True, extra=(1,))
    assert int(np.abs(colours_of(content).astype(int) - colours).max()) <= 2


def test_white_may_be_zero_at_any_depth() -> None:
    for bits in (4, 12, 16):
        values = RANDOM.integers(0, 1 << bits, (9, 20, 1)).astype(np.uint16)
        full = 255 if bits == 4 else 65535
        assert np.array_equal(colours_of(tiff(values, bits, 0)), full - full_range(values, bits))


def test_other_packings_of_bytes_are_left_to_pillow(tmp_path: Path) -> None:
    deep = RANDOM.integers(0, 65536, (40, 50), dtype=np.uint16)
    for compression in ("tiff_lzw", "packbits", "zstd", "lzma"):
        stream = io.BytesIO()
        try:
            Image.fromarray(deep).save(stream, "TIFF", compression=compression)
        except OSError:
            continue  # this Pillow cannot
        assert np.array_equal(colours_of(stream.getvalue())[:, :, 0], deep), compression


@pytest.mark.parametrize(
    ("bits", "sample_format", "said"),
    [(16, 3, "floating-point values"), (16, 2, "signed values"), (8, 3, "floating-point values")],
)
def test_what_is_not_read_is_said_in_a_line(bits: int, sample_format: int, said: str) -> None:
    values = np.zeros((4, 4, 3), np.uint16)
    with pytest.raises(SourceUnavailable, match=f"a.tif has {said}, expected 8 or 16 bits"):
        read_picture(tiff(values, bits, RGB, sample_format=sample_format), "a.tif")


def test_a_file_that_is_cut_short_is_an_error() -> None:
    content = tiff(RANDOM.integers(0, 65536, (60, 60, 3)), 16, RGB, planar=True, deflate=True)
    directory = content.index(b"\0\1\4\0")  # moved to the front, where a cut leaves it
    assert directory > 5000
    broken = bytearray(content)
    broken[3000:5000] = bytes(2000)
    with pytest.raises(SourceUnavailable, match="is the file complete"):
        read_picture(bytes(broken))


def test_16_bit_inks_are_read_with_8_bits_and_their_profile(tmp_path: Path) -> None:
    values = RANDOM.integers(0, 65536, (9, 20, 4)).astype(np.uint16)
    profile = [(34675, 7, cmyk_profile())]
    deep = read_picture(tiff(values, 16, CMYK, planar=True, more=profile))
    shallow = read_picture(tiff((values.astype(int) * 255 + 32767) // 65535, 8, CMYK, more=profile))
    assert deep.notes == ("CMYK of 16 bits is read with 8",) and shallow.notes == ()
    assert np.array_equal(deep.pixels, shallow.pixels)


@pytest.mark.parametrize("turn", range(1, 9))
def test_orientation_of_planes_is_that_of_pixels(turn: int) -> None:
    values = RANDOM.integers(0, 256, (5, 9, 3)).astype(np.uint8)
    more = [(274, 3, bytes([turn, 0]))]
    planes, pixels = (read_picture(tiff(values, 8, RGB, planar=planar, more=more)).pixels for planar in (True, False))
    assert np.array_equal(planes, pixels)


@pytest.mark.parametrize("bits", [4, 8, 16])
def test_signed_values_are_not_taken_for_unsigned_ones(bits: int) -> None:
    content = tiff(np.zeros((9, 16, 1), np.uint16), bits, GREY, sample_format=2)
    with pytest.raises(SourceUnavailable, match="signed values"):
        read_picture(content)


@pytest.mark.parametrize("content", [b"II*\0\0\0\0\0", b"MM\0*\0\0\0\x08\0\0", b"II*\0\xff\0\0\0"])
def test_a_tiff_whose_directory_was_not_written_yet_is_said(content: bytes) -> None:
    with pytest.raises(SourceUnavailable, match="is the file complete"):
        read_picture(content)
