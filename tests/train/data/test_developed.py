"""Noise as it leaves a camera."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from nitido_train.data import degrade
from nitido_train.data.developed import (
    DEVELOPED,
    DevelopedNoise,
    add_developed_noise,
    developed_noise_at,
    soften_colour,
)

GREY = np.full((256, 256, 3), 128, np.uint8)
UNCOMPRESSED = DevelopedNoise(level=6.0, qualities=())


def planes(frame: np.ndarray) -> list[np.ndarray]:
    """Luma, Cr, Cb as floats."""
    return [plane.astype(float) for plane in cv2.split(cv2.cvtColor(frame, cv2.COLOR_BGR2YCrCb))]


def alike(plane: np.ndarray) -> float:
    """Correlation of neighbours."""
    return float(np.corrcoef(plane[:, 1:].ravel(), plane[:, :-1].ravel())[0, 1])


def test_luma_and_colour_have_the_levels_they_say() -> None:
    noisy = add_developed_noise(GREY, replace(UNCOMPRESSED, colour=(1.0, 0.5)), np.random.default_rng(0))
    luma, red, blue = (plane.std() for plane in planes(noisy))
    assert luma == pytest.approx(6.0, rel=0.08)
    # OpenCV halves the colour differences' range less than JPEG does: by 0.713 and 0.564.
    assert blue == pytest.approx(6.0, rel=0.12) and red == pytest.approx(3.0, rel=0.12)


def test_blurred_noise_keeps_its_level_and_gets_coarser() -> None:
    fine, coarse = (
        add_developed_noise(
            GREY, replace(UNCOMPRESSED, grain=grain, colour_grain=(grain, grain)), np.random.default_rng(0)
        )
        for grain in (0.3, 1.2)
    )
    for one, other in zip(planes(fine), planes(coarse), strict=True):
        assert other.std() == pytest.approx(one.std(), rel=0.1)
        assert alike(other) > alike(one) + 0.4


def test_brightness_changes_the_level() -> None:
    noise = replace(UNCOMPRESSED, slope=0.4, shoulder=0.6)
    dark, middle, bright = (
        planes(add_developed_noise(np.full_like(GREY, v), noise, np.random.default_rng(0)))[0].std()
        for v in (30, 128, 225)
    )
    assert dark < middle > bright
    assert middle == pytest.approx(6.0, rel=0.08)


def test_jpeg_is_on_a_grid_that_begins_anywhere() -> None:
    edges = []
    for seed in range(6):
        ramp = cv2.resize(np.random.default_rng(0).integers(0, 255, (20, 20, 3), np.uint8), (160, 160))
        changed = degrade.compress_anywhere(ramp, 20, np.random.default_rng(seed)).astype(int) - ramp
        steps = np.abs(np.diff(changed, axis=1)).sum((0, 2))
        edges.append(int(np.argmax([steps[start::8].mean() for start in range(8)])))
    assert len(set(edges)) > 2


def test_every_camera_is_another_one_and_all_are_seeded(photos) -> None:
    drawn = [DevelopedNoise.draw(np.random.default_rng(seed), 0.5, (70, 90)) for seed in range(40)]
    assert 0 < sum(not noise.qualities for noise in drawn) < 40
    assert all(70 <= noise.qualities[-1] <= 90 for noise in drawn if noise.qualities)
    assert any(len(noise.qualities) == 2 for noise in drawn)
    picture = cv2.imread(str(next(photos.iterdir())))
    one, again, other = (developed_noise_at(picture, position, "medium") for position in (0, 0, 1))
    assert np.array_equal(one, again) and not np.array_equal(one, other)
    spread = [planes(developed_noise_at(GREY, 3, name))[0].std() for name in DEVELOPED]
    assert spread == sorted(spread)


def test_soft_colour_leaves_brightness(photos) -> None:
    picture = cv2.imread(str(next(photos.iterdir())))
    before, after = planes(picture), planes(soften_colour(picture, 2.0))
    assert np.abs(before[0] - after[0]).mean() < 1.0
    for one, other in zip(before[1:], after[1:], strict=True):
        assert np.abs(np.diff(other, axis=1)).mean() < 0.7 * np.abs(np.diff(one, axis=1)).mean()
