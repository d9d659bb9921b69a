"""Runs whose states stay on the device. The CPU plays the device: it can be bound like any other."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest

from nitido.inference import binding
from nitido.inference.model import load
from support.frames import frames_of


@pytest.mark.parametrize("settings", [{}, {"noise": 12.0}, {"noise": 5.0, "strength": 0.5}])
def test_a_bound_stream_gives_the_same_frames_and_leaves_its_states_on_the_device(
    live_model: Path, monkeypatch: pytest.MonkeyPatch, settings: dict[str, float]
) -> None:
    frames = frames_of((33, 46), (33, 46), (33, 46))
    free = list(load(live_model, "cpu").stream(frames, align=False, **settings))
    monkeypatch.setitem(binding.BOUND, "cpu", "cpu")
    bound = load(live_model, "cpu")
    assert np.array_equal(list(bound.stream(frames, align=False, **settings)), free)
    step = bound.step(frames[0][None], {}, **settings)
    assert step.states and all(isinstance(state, ort.OrtValue) for state in step.states.values())
    again = bound.step(frames[1][None], step.states, **settings)
    assert again.images.shape == (1, 33, 46, 3)


def test_a_bound_model_of_single_frames_can_be_given_its_numbers(
    level_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (frame,) = frames_of((20, 31))
    free = load(level_model, "cpu")
    monkeypatch.setitem(binding.BOUND, "cpu", "cpu")
    bound = load(level_model, "cpu")
    for settings in ({}, {"noise": 9.0}, {"strength": 0.3}):
        assert np.array_equal(bound(frame, **settings), free(frame, **settings))
