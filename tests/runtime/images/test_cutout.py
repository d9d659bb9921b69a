"""Colours under full transparency: whatever they are, what is seen comes out the same."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from nitido.images import cutout
from nitido.images.cutout import fill_hidden
from nitido.images.depth import to_8_bits
from nitido.images.io import Picture
from nitido.images.restore import restore_picture
from nitido.inference.model import load

RANDOM = np.random.default_rng(11)


def disc(side: int = 64) -> np.ndarray:
    """uint8 alpha of a disc with a soft edge."""
    alpha = np.zeros((side, side), np.uint8)
    return np.asarray(cv2.circle(alpha, (side // 2, side // 2), side // 3, 255, -1, cv2.LINE_AA), np.uint8)


def pictures(alpha: np.ndarray, deep: bool) -> list[Picture]:
    """The same picture over three grounds that nobody sees."""
    seen = RANDOM.integers(0, 65536, (*alpha.shape, 3)).astype(np.uint16)
    result = []
    for ground in (0, 65535, RANDOM.integers(0, 65536, seen.shape)):
        values = np.where((alpha > 0)[:, :, None], seen, ground).astype(np.uint16)
        scaled = alpha.astype(np.uint16) * 257 if deep else alpha
        result.append(Picture(to_8_bits(values), scaled, deep=values if deep else None))
    return result


@pytest.mark.parametrize("deep", [False, True])
@pytest.mark.parametrize("task", ["denoise", "upscale"])
def test_hidden_colours_do_not_matter(tiny_models: dict[str, Path], task: str, deep: bool) -> None:
    model = load(tiny_models[task], "cpu")
    results = [restore_picture(model, picture) for picture in pictures(disc(), deep)]
    for result in results[1:]:
        assert result.alpha is not None and results[0].alpha is not None
        assert np.array_equal(result.alpha, results[0].alpha)
        shown = result.alpha > 0
        assert np.array_equal(result.pixels[shown], results[0].pixels[shown])
        if deep:
            assert result.deep is not None and results[0].deep is not None
            assert np.array_equal(result.deep[shown], results[0].deep[shown])


@pytest.mark.parametrize("name", ["upscale", "denoise"])
def test_a_white_cut_out_over_black_has_no_dark_fringe(name: str) -> None:
    alpha = disc()
    pixels = np.where(alpha[:, :, None] > 0, 255, 0).astype(np.uint8).repeat(3, axis=2)
    result = restore_picture(load(name, "cpu"), Picture(pixels, alpha))
    assert result.alpha is not None
    share = result.alpha[:, :, None] / 255
    on_white = result.pixels * share + 255 * (1 - share)
    assert int((on_white.min(axis=2) < 240).sum()) == 0


def test_where_nothing_is_enlarged_hidden_colours_stay_as_they_were(tiny_models: dict[str, Path]) -> None:
    alpha = disc()
    picture = pictures(alpha, False)[2]
    result = restore_picture(load(tiny_models["denoise"], "cpu"), picture)
    assert np.array_equal(result.pixels[alpha == 0], picture.pixels[alpha == 0])
    assert not np.array_equal(result.pixels[alpha > 0], picture.pixels[alpha > 0])


def test_the_nearest_visible_colour_fills_in() -> None:
    values = np.zeros((5, 9), np.uint8)
    values[:, 3], values[:, 8] = 100, 200
    alpha = np.where(values > 0, 255, 0).astype(np.uint8)
    assert fill_hidden(values, alpha, 9)[2].tolist() == [100, 100, 100, 100, 100, 100, 200, 200, 200]


def test_all_or_nothing_hidden_is_left_alone() -> None:
    values = RANDOM.integers(0, 256, (8, 8, 3)).astype(np.uint8)
    for alpha in (np.zeros((8, 8), np.uint8), np.full((8, 8), 255, np.uint8)):
        assert fill_hidden(values, alpha, 4) is values


def test_strips_fill_in_what_lies_within_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    values = RANDOM.integers(1, 256, (200, 16, 3)).astype(np.uint8)
    alpha = RANDOM.integers(0, 2, (200, 16)).astype(np.uint8) * 255
    alpha[60:140] = 0
    whole = fill_hidden(values, alpha, 200)
    monkeypatch.setattr(cutout, "_STRIP", 16 * 20)
    parts = fill_hidden(values, alpha, 12)
    near = cv2.dilate(alpha, np.ones((13, 13), np.uint8)) > 0  # within six pixels of something visible
    assert np.array_equal(whole[near], parts[near])
