"""Noise that is drawn onto pictures."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from nitido_train.data import degrade
from nitido_train.evaluation.metrics import psnr


def test_noise_has_the_strength_it_says() -> None:
    grey = np.full((256, 256, 3), 128, np.uint8)
    noise = degrade.add_gaussian(grey, 25, np.random.default_rng(0)).astype(float) - 128
    assert noise.std() == pytest.approx(25, rel=0.02)  # clipping at 128/25 = 5 sigma changes nothing
    camera = degrade.CameraNoise(shot=0.005, read=1e-5, smear=0.0)
    dark, bright = (
        degrade.add_camera_noise(np.full_like(grey, v), camera, np.random.default_rng(0)) for v in (60, 180)
    )
    assert psnr(dark, np.full_like(grey, 60)) < 40 > psnr(bright, np.full_like(grey, 180))
    kept = degrade.add_camera_noise(np.full_like(grey, 60), replace(camera, grain=0.8), np.random.default_rng(0))
    assert kept.std() == pytest.approx(dark.std(), rel=0.05)
    assert np.corrcoef(kept[:, 1:, 1].ravel(), kept[:, :-1, 1].ravel())[0, 1] > 0.6
    dull = degrade.add_camera_noise(np.full_like(grey, 60), replace(camera, colour=2.0), np.random.default_rng(0))
    luma = [p @ np.array([0.114, 0.587, 0.299]) for p in (dark, dull)]
    assert luma[1].std() == pytest.approx(luma[0].std(), rel=0.1)
    assert (dull[..., 0] - luma[1]).std() < 0.3 * (dark[..., 0] - luma[0]).std()
    silent = degrade.CameraNoise(shot=0.0, read=0.0)
    ramp = np.arange(256, dtype=np.uint8).repeat(3).reshape(16, 16, 3)
    assert np.abs(degrade.add_camera_noise(ramp, silent, np.random.default_rng(0)).astype(int) - ramp).max() <= 1
