"""Frames restored with as much work as a rung allows."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from nitido.frames import Frame
from nitido.inference.model import load
from nitido.live.ladder import Rung, plan_rungs
from nitido.live.stage import LadderStage

CLEAN = np.full((60, 80, 3), 120, np.uint8)
CLEAN[:, 40:] = 180


def noisy_frame() -> Frame:
    rng = np.random.default_rng(1)
    return np.clip(CLEAN + rng.normal(0, 15, CLEAN.shape), 0, 255).astype(np.uint8)


def test_half_size_is_close_to_the_whole_for_the_shipped_denoiser() -> None:
    given = noisy_frame()
    restore = LadderStage([load("denoise", "cpu")]).restore
    full, half, _, through = plan_rungs(["m"])
    whole, halved = (restore(given, rung) for rung in (full, half))
    error = [float(np.abs(item.astype(float) - CLEAN).mean()) for item in (given, whole, halved)]
    assert error[1] < error[2] < 0.25 * error[0]  # measured: 11.9, 1.4, 1.8
    assert restore(given, through) is given
    assert np.array_equal(restore(given, half, 0.0), given)


def test_passthrough_of_an_upscaler_has_the_size_of_its_results(tiny_models: dict[str, Path]) -> None:
    restore = LadderStage([load(tiny_models["upscale"], "cpu")]).restore
    assert restore(noisy_frame(), Rung("through", None)).shape == restore(noisy_frame(), Rung("m", 0)).shape
