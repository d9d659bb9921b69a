"""Grain tells noise from texture."""

from __future__ import annotations

import numpy as np
import pytest

from nitido.frames import Frame
from nitido.images.grain import grain_of

SIDE = 240


def ramp() -> Frame:
    values = np.linspace(40, 200, SIDE)
    return np.repeat(np.broadcast_to(values, (SIDE, SIDE))[..., None], 3, axis=2).astype(np.uint8)


def with_noise(frame: Frame, level: float) -> Frame:
    noise = np.random.default_rng(1).normal(0, level, (*frame.shape[:2], 1))
    return np.clip(frame + noise, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("level", [3.0, 6.0, 12.0])
def test_noise_shows_about_as_strong_as_it_is(level: float) -> None:
    assert 0.6 * level < grain_of(with_noise(ramp(), level)) < 1.1 * level


def test_smooth_pictures_have_none() -> None:
    assert grain_of(ramp()) < 0.6


def test_texture_next_to_smooth_parts_does_not_count_as_grain() -> None:
    frame = ramp()
    frame[:, : SIDE * 3 // 4] = with_noise(frame[:, : SIDE * 3 // 4], 20.0)
    assert grain_of(frame) < 1.0


def test_pictures_of_texture_that_varies_are_not_judged() -> None:
    strength = np.linspace(1, 40, SIDE)[:, None, None]
    frame = ramp() + strength * np.random.default_rng(2).normal(0, 1, (SIDE, SIDE, 1))
    assert grain_of(np.clip(frame, 0, 255).astype(np.uint8)) == 0.0


@pytest.mark.parametrize("frame", [np.zeros((8, 8, 3), np.uint8), np.full((SIDE, SIDE, 3), 255, np.uint8)])
def test_too_little_to_judge(frame: Frame) -> None:
    assert grain_of(frame) == 0.0
