"""Fitting a noise estimator to what the denoiser makes of its estimates."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest
import torch

from nitido.errors import CheckpointError
from nitido_train.data.pictures import PictureStore, find_pictures
from nitido_train.nets.estimator import NoiseEstimator
from nitido_train.nets.frame import LevelFrameNet
from nitido_train.training import estimator as fitting
from nitido_train.training.estimator import Trials, fit_estimator, fitted
from support.tiny_models import random_checkpoint, random_level_checkpoint


def pretended_trials(count: int = 600) -> Trials:
    """Frames whose best level is 0.8 of the true one, which the statistics show with some error."""
    rng = torch.Generator().manual_seed(0)
    true = torch.exp(torch.rand(count, generator=rng) * 2.5)
    statistics = true.log()[:, None] + 0.1 * torch.randn(count, 28, generator=rng)
    levels = torch.exp(torch.linspace(-0.5, 3.0, 9))
    away = levels.log()[None] - (0.8 * true).log()[:, None]
    return Trials(levels, statistics, torch.exp(0.8 * away.square() + 1), true)


def test_errors_between_tried_levels_are_interpolated() -> None:
    trials = Trials(
        torch.tensor([1.0, 2.0, 4.0]),
        torch.zeros(2, 28),
        torch.tensor([[4.0, 2.0, 4.0], [1.0, 2.0, 4.0]]),
        torch.ones(2),
    )
    evened = torch.tensor([2.0**2 + fitting.EVEN, 1.0 + fitting.EVEN]).sqrt()
    assert torch.allclose(trials.log_errors(torch.tensor([2.0, 1.0]).log()).exp(), evened, rtol=1e-3)
    # The first loses 10·log10(16.25 / 4.25) dB, the second nothing.
    assert trials.lost(torch.tensor([4.0, 1.0]).log()) == pytest.approx(2.91, abs=0.05)


def test_frames_restored_without_an_error_are_no_reason_for_nan() -> None:
    trials = Trials(torch.tensor([1.0, 2.0]), torch.zeros(1, 28), torch.tensor([[0.0, 0.0]]), torch.ones(1))
    assert trials.lost(torch.tensor([1.5]).log()) == pytest.approx(0.0, abs=1e-6)


def test_the_estimator_learns_which_level_is_best(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fitting, "FIRST_STEPS", 300)
    monkeypatch.setattr(fitting, "STEPS", 400)
    trials = pretended_trials()
    estimator = fitted(NoiseEstimator(2), trials, (trials.statistics, trials.true))
    with torch.no_grad():
        found = estimator.level(torch.relu(estimator.hidden(trials.statistics)))[:, 0]
    assert trials.lost(found) < 0.3 * trials.lost(trials.true.log())
    assert float((found - (0.8 * trials.true).log()).mean().abs()) < 0.1


def test_only_the_estimator_changes(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fitting, "FIRST_STEPS", 5)
    monkeypatch.setattr(fitting, "STEPS", 5)
    monkeypatch.setattr(fitting, "SIDES", (64, 96))
    before = random_level_checkpoint()
    after = fit_estimator(before, PictureStore(find_pictures([photos]), smallest=100), 12, 20)
    changed = {name for name, value in after.ema.items() if not torch.equal(value, before.ema[name])}
    assert changed == {f"estimator.{part}" for part in ("hidden.weight", "hidden.bias", "level.weight", "level.bias")}
    net = cast(LevelFrameNet, after.averaged_net())
    assert bool(torch.isfinite(net(torch.rand(1, 3, 32, 32) - 0.5)).all())
    assert after.provenance["estimator"] == {"frames": 12, "known": 20}


def test_a_network_without_estimator_is_refused(photos: Path) -> None:
    with pytest.raises(CheckpointError, match="without a noise estimator"):
        fit_estimator(random_checkpoint("denoise"), PictureStore(find_pictures([photos]), smallest=100), 1)
