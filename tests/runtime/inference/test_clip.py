"""Clips whose frames are restored with those before and after."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from nitido.errors import FrameMismatch
from nitido.frames import Frame
from nitido.inference.clip import REACH, restore_clip
from nitido.inference.model import load
from support.clips import psnr
from support.frames import frames_of

SIGMA = 12.0


class Blur:
    """A denoiser that any test can see through. levels: what it was told, call by call."""

    def __init__(self, *, has_noise: bool = False, scale: int = 1) -> None:
        self.has_noise, self.levels = has_noise, list[Any]()
        self.card: Any = SimpleNamespace(scale=scale, name="blur")

    def __call__(self, frame: NDArray[np.uint8], *, noise: Any = None) -> NDArray[np.uint8]:
        self.levels.append(noise)
        return np.asarray(cv2.GaussianBlur(frame, (0, 0), 0.8), np.uint8)

    def noise_level(self, frame: NDArray[np.uint8]) -> float:
        return SIGMA

    def stream(self, frames: Iterable[NDArray[np.uint8]], *, noise: Any = None, average: Any = None) -> Iterator[Any]:
        for frame in frames:
            yield np.asarray(cv2.GaussianBlur(frame, (0, 0), 0.8), np.uint8)


def scene(height: int = 96, width: int = 128, seed: int = 3) -> Frame:
    """A smooth picture with structure everywhere."""
    coarse = np.random.default_rng(seed).integers(60, 200, (height // 8, width // 8, 3), np.uint8)
    return np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


def noisy(frames: list[Frame], seed: int = 0) -> list[Frame]:
    rng = np.random.default_rng(seed)
    return [np.clip(f + rng.normal(0, SIGMA, f.shape), 0, 255).astype(np.uint8) for f in frames]


def both(clean: list[Frame]) -> tuple[list[Frame], list[Frame]]:
    """(each frame alone, the clip) restored from noise."""
    given, model = noisy(clean), Blur()
    return list(model.stream(given)), list(restore_clip(model, given))


def test_what_stands_still_loses_far_more_noise() -> None:
    clean = [scene()] * 16
    alone, together = both(clean)
    gains = [psnr(c, b) - psnr(c, a) for a, b, c in zip(alone, together, clean, strict=True)]
    assert min(gains[3:-3]) > 3
    assert min(gains) > 1.5  # the first and the last frame have neighbours at one side only


def test_what_moves_smoothly_gains_too() -> None:
    wide = scene(96, 192)
    clean = [np.ascontiguousarray(wide[:, 2 * i : 2 * i + 128]) for i in range(16)]
    alone, together = both(clean)
    assert psnr(clean[8], together[8]) > psnr(clean[8], alone[8]) + 1.5


def test_a_moving_square_leaves_no_trail() -> None:
    clean = [scene() for _ in range(16)]
    for i, frame in enumerate(clean):
        frame[30:50, 6 * i : 6 * i + 20] = (20, 230, 240)
    alone, together = both(clean)
    for i in (6, 8, 10):
        around = slice(24, 56), slice(max(0, 6 * i - 40), 6 * i + 60)
        was, now = (psnr(clean[i][around], frames[i][around]) for frames in (alone, together))
        assert now > was - 0.3
        away = slice(30, 50), slice(6 * (i - 3), 6 * (i - 3) + 14)  # where it was, and is no longer
        assert psnr(clean[i][away], together[i][away]) > psnr(clean[i][away], alone[i][away]) - 0.3


def test_nothing_of_a_scene_is_seen_after_a_cut() -> None:
    clean = [scene(seed=3)] * 8 + [scene(seed=4)] * 8
    alone, together = both(clean)
    for i in (7, 8):
        assert psnr(clean[i], together[i]) > psnr(clean[i], alone[i]) + 1


def test_a_light_that_is_switched_on_is_on_at_once() -> None:
    dark = (scene() * 0.5).astype(np.uint8)
    clean = [dark] * 8 + [scene()] * 8
    alone, together = both(clean)
    for i in (7, 8):
        assert abs(float(together[i].mean()) - float(clean[i].mean())) < 1
        assert psnr(clean[i], together[i]) > psnr(clean[i], alone[i]) + 1


@pytest.mark.parametrize("count", [1, 2, 5, REACH, REACH + 1, 2 * REACH + 1])
def test_short_clips_come_out_whole(count: int) -> None:
    clean = [scene()] * count
    together = both(clean)[1]
    assert len(together) == count
    assert all(frame.shape == clean[0].shape and frame.dtype == np.uint8 for frame in together)


def test_a_single_frame_is_as_good_as_alone() -> None:
    alone, together = both([scene()])
    assert np.array_equal(alone[0], together[0])
    assert list(restore_clip(Blur(), [])) == []


def test_frames_are_drawn_as_they_are_needed() -> None:
    taken: list[int] = []

    def frames() -> Iterator[Frame]:
        for i in range(40):
            taken.append(i)
            yield scene(32, 48)

    results = restore_clip(Blur(), frames())
    next(results)
    assert len(taken) == REACH + 1
    next(results)
    assert len(taken) == REACH + 2


def test_tiny_frames_are_fused_without_motion() -> None:
    clean = [scene(16, 16)] * 9
    alone, together = both(clean)
    assert psnr(clean[4], together[4]) > psnr(clean[4], alone[4])


def test_a_strength_of_zero_changes_nothing() -> None:
    given = noisy([scene()] * 4)
    assert all(np.array_equal(a, b) for a, b in zip(given, restore_clip(Blur(), given, strength=0), strict=True))


def test_the_second_restoration_is_given_the_remaining_noise_level() -> None:
    model = Blur(has_noise=True)
    list(restore_clip(model, noisy([scene()] * 13)))
    assert len(model.levels) == 13
    assert model.levels[6] < SIGMA / 2.5


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(FrameMismatch, match="one size"):
        list(restore_clip(Blur(), frames_of((40, 48), (40, 50))))
    with pytest.raises(FrameMismatch, match="enlarges"):
        next(restore_clip(Blur(scale=2), [scene()]))
    with pytest.raises(FrameMismatch, match="uint8 H×W×3"):
        list(restore_clip(Blur(), [np.zeros((8, 8), np.uint8)]))


def test_a_model_file_restores_a_clip(level_model: Path) -> None:
    with load(level_model, "cpu") as model:
        given = noisy([scene(40, 48)] * 4)
        results = list(restore_clip(model, given))
        assert len(results) == 4
        told = list(restore_clip(model, given, noise=60))
        assert not np.array_equal(told[1], results[1])
