"""The ways of shrinking that upscalers have not learnt."""

from __future__ import annotations

import numpy as np
import pytest
from shrinking import Shrink, mitchell, published_on_the_web, shrink_axis, twice_by_mitchell, ways

from nitido_train.data.degrade import enlarge
from nitido_train.evaluation.metrics import psnr


def gradient() -> np.ndarray:
    rows = np.linspace(30, 220, 96)
    return np.repeat(np.repeat(rows[:, None], 72, 1)[..., None], 3, 2).astype(np.uint8)


def test_the_kernel_sums_to_one_and_ends_at_two() -> None:
    places = np.arange(-3, 3) + 0.3
    assert mitchell(places).sum() == pytest.approx(1)
    assert mitchell(np.array([0.0, 1.0, 2.0])) == pytest.approx([8 / 9, 1 / 18, 0])


def test_an_offset_moves_a_ramp_by_its_length() -> None:
    ramp = np.arange(64, dtype=np.float64)
    moved = shrink_axis(ramp, 32, 0.5) - shrink_axis(ramp, 32, 0.0)
    assert moved[4:-4] == pytest.approx(0.5, abs=1e-6)


@pytest.mark.parametrize("shrink", [twice_by_mitchell, published_on_the_web])
def test_a_result_lies_over_the_picture_it_was_made_from(shrink: Shrink) -> None:
    frame = gradient()
    small = shrink(frame, 2)
    assert small.shape == (48, 36, 3)
    assert psnr(enlarge(small, 2)[8:-8, 8:-8], frame[8:-8, 8:-8]) > 45


def test_every_way_halves_the_picture() -> None:
    for name, shrink in ways().items():
        assert shrink(gradient(), 2).shape == (48, 36, 3), name
