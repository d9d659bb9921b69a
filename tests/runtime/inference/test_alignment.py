"""Motion between frames, and states that follow it."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from nitido.frames import Frame
from nitido.inference.alignment import flow_between, warp_state


def scene(height: int = 96, width: int = 128, seed: int = 3) -> Frame:
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (height // 8, width // 8, 3), np.uint8)
    return np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


def test_flow_points_to_where_things_were() -> None:
    wide = scene(96, 160)
    last, frame = wide[:, 10:138], wide[:, 13:141]  # everything moves 3 pixels to the left
    flow = flow_between(np.ascontiguousarray(last), np.ascontiguousarray(frame))
    assert flow.shape == (96, 128, 2)
    assert flow.dtype == np.float32
    middle = flow[16:-16, 16:-16]
    assert np.median(middle[..., 0]) == pytest.approx(3, abs=0.3)
    assert np.median(middle[..., 1]) == pytest.approx(0, abs=0.3)


def test_noise_alone_moves_hardly_anything() -> None:
    clean = scene(192, 256)
    noisy = np.clip(clean + np.random.default_rng(1).normal(0, 25, clean.shape), 0, 255).astype(np.uint8)
    assert (flow_between(clean, noisy) != 0).mean() < 0.05


def test_a_small_frame_leaves_the_flow_of_larger_ones_as_it_is() -> None:
    last, frame = scene(192, 256), np.roll(scene(192, 256), 2, 1)
    before = flow_between(last, frame)
    flow_between(scene(40, 48), scene(40, 48, seed=4))
    assert np.array_equal(flow_between(last, frame), before)


def test_noise_does_not_hide_motion() -> None:
    wide = scene(96, 160)
    moved = wide[:, 13:141]
    noisy = np.clip(moved + np.random.default_rng(1).normal(0, 25, moved.shape), 0, 255).astype(np.uint8)
    flow = flow_between(np.ascontiguousarray(wide[:, 10:138]), noisy)
    assert np.median(flow[16:-16, 16:-16, 0]) == pytest.approx(3, abs=0.4)


def test_tiny_frames_have_no_flow() -> None:
    assert not flow_between(scene(8, 16), scene(8, 16, seed=4)).any()


def test_a_state_follows_the_flow_on_its_grid() -> None:
    state = np.random.default_rng(2).random((2, 8, 10), np.float32)
    flow = np.zeros((16, 20, 2), np.float32)
    flow[..., 0], flow[..., 1] = 4, -2  # two positions, and one, on a grid of 2
    moved = warp_state(state, flow, 2, "linear")
    assert np.allclose(moved[:, 1:, :-2], state[:, :-1, 2:], atol=1e-6)
    assert not moved[:, 0].any()
    assert not moved[:, :, -2:].any()


def test_nearest_moves_by_whole_positions() -> None:
    state = np.random.default_rng(2).random((1, 6, 6), np.float32)
    flow = np.full((6, 6, 2), 0.6, np.float32)
    moved = warp_state(state, flow, 1, "nearest")
    assert np.array_equal(moved[:, :-1, :-1], state[:, 1:, 1:])


def test_a_padded_state_takes_the_flow_of_its_frame() -> None:
    state = np.random.default_rng(2).random((3, 8, 8), np.float32)
    flow = np.zeros((7, 5, 2), np.float32)
    flow[..., 0] = 1
    moved = warp_state(state, flow, 1, "linear")
    assert np.allclose(moved[:, :, :-1], state[:, :, 1:], atol=1e-6)


def test_no_flow_leaves_the_state_as_it_is() -> None:
    state = np.random.default_rng(2).random((3, 8, 8), np.float32)
    assert np.array_equal(warp_state(state, np.zeros((8, 8, 2), np.float32), 1, "linear"), state)
