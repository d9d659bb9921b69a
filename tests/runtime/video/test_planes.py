"""Colours of planes and back, compared with what FFmpeg's own conversion makes of them."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest

from nitido.video.colour import BT470BG, BT709, BT2020, FULL, LIMITED
from nitido.video.planes import FORMATS, WEIGHTS, colours_of, halved_planes
from support.paths import SAMPLES

av = pytest.importorskip("av")

# swscale: bicubic, with colour at full width and exact rounding, both ways; its numbers of the matrices.
_CAREFUL = 0x4 | 0x2000 | 0x4000 | 0x40000
_TABLE = {BT709: 1, BT470BG: 5, BT2020: 9}


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    return cv2.imread(str(SAMPLES / "coffee.webp"))[:240, :320]


def by_ffmpeg(photo: np.ndarray, format_: str, matrix: int, range_: int) -> Any:
    given = av.VideoFrame.from_ndarray(np.ascontiguousarray(photo), format="bgr24")
    return av.video.reformatter.VideoReformatter().reformat(
        given, format=format_, interpolation=_CAREFUL, dst_colorspace=_TABLE[matrix], dst_color_range=range_
    )


def psnr(one: np.ndarray, other: np.ndarray) -> float:
    return float(cv2.PSNR(np.ascontiguousarray(one), np.ascontiguousarray(other)))


@pytest.mark.parametrize("matrix", sorted(_TABLE))
@pytest.mark.parametrize("format_", ["yuv420p", "yuvj420p", "yuv422p", "yuv444p"])
def test_planes_of_ffmpeg_have_its_colours(photo: np.ndarray, format_: str, matrix: int) -> None:
    range_ = FULL if "j" in format_ else LIMITED
    frame = by_ffmpeg(photo, format_, matrix, range_)
    back = av.video.reformatter.VideoReformatter().reformat(
        frame, format="bgr24", interpolation=_CAREFUL, src_colorspace=_TABLE[matrix], src_color_range=range_
    )
    best = psnr(photo, back.to_ndarray())
    assert psnr(photo, colours_of(frame, matrix, full=range_ == FULL)) > best - 1
    wrong = BT709 if matrix != BT709 else BT470BG
    assert psnr(photo, colours_of(frame, wrong, full=range_ == FULL)) < best - 4


@pytest.mark.parametrize("matrix", sorted(_TABLE))
@pytest.mark.parametrize("full", [False, True])
def test_planes_are_those_that_ffmpeg_makes(photo: np.ndarray, matrix: int, full: bool) -> None:
    format_ = "yuvj420p" if full else "yuv420p"
    expected = by_ffmpeg(photo, format_, matrix, FULL if full else LIMITED).to_ndarray()
    assert psnr(expected, halved_planes(photo, matrix, full=full)) > 45


@pytest.mark.parametrize("size", [(1, 1), (1, 5), (7, 2), (239, 317)])
@pytest.mark.parametrize("format_", sorted(FORMATS))
def test_odd_sides_keep_size_and_grey(size: tuple[int, int], format_: str) -> None:
    height, width = size
    frame = av.VideoFrame(width, height, format_)
    for plane, value in zip(frame.planes, (126, 128, 128), strict=True):
        plane.update(np.full(plane.buffer_size, value, np.uint8).tobytes())
    found = colours_of(frame, BT709, full=False)
    assert found.shape == (height, width, 3)
    assert (found == 128).all()


@pytest.mark.parametrize("matrix", sorted(WEIGHTS))
@pytest.mark.parametrize("full", [False, True])
def test_black_and_white_are_the_ends_of_the_range(matrix: int, full: bool) -> None:
    picture = np.zeros((4, 8, 3), np.uint8)
    picture[:, 4:] = 255
    planes = halved_planes(picture, matrix, full=full)
    assert (planes[:4].min(), planes[:4].max()) == ((0, 255) if full else (16, 235))
    assert (planes[4:] == 128).all()
