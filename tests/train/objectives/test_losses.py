"""Losses whose weighting of frames and colours decides what a network gets good at."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from nitido_train.evaluation.metrics import luma
from nitido_train.objectives.losses import LOSSES
from nitido_train.objectives.options import RunOptions
from nitido_train.recipe.tables import recipe_from_dict
from nitido_train.training.loop import train
from support.tiny_models import tiny_recipe

LEVEL = 1 / 255


def test_rmse_is_the_mean_of_each_frames_own_error() -> None:
    target = torch.zeros(2, 3, 8, 8)
    output = torch.stack([torch.full((3, 8, 8), 0.3), torch.full((3, 8, 8), 0.1)])
    assert float(LOSSES["rmse"](output, target)) == pytest.approx(0.2, abs=1e-4)  # a mean squared error says √0.05


def test_rmse_luma_weighs_colours_as_luma_does() -> None:
    target = torch.zeros(1, 3, 8, 8)
    for channel in range(3):
        output = target.clone()
        output[:, channel] = 0.4
        levels = (output[0] * 255).round().byte().permute(1, 2, 0).numpy()  # 8 8 3
        # BT.601's luma of 8-bit studio range spans 219 levels; the loss takes the whole range.
        share = float(luma(levels).mean() - luma(levels * 0).mean()) / 219
        expected = (share**2 + 0.1 * 0.4**2 / 3 + LEVEL**2) ** 0.5
        assert float(LOSSES["rmse-luma"](output, target)) == pytest.approx(expected, rel=1e-2)


@pytest.mark.parametrize("name", ["rmse", "rmse-luma"])
def test_a_perfect_frame_has_a_finite_gradient_of_zero(name: str) -> None:
    output = torch.rand(2, 3, 8, 8).requires_grad_(True)
    LOSSES[name](output, output.detach().clone()).backward()
    assert output.grad is not None and float(output.grad.abs().max()) == 0


def options_for(out: Path, data: Path) -> RunOptions:
    return RunOptions(out=out, data=(data,), workers=0, accelerator="cpu", progress=False)


def test_the_loss_with_ssim_compares_light_with_black_as_zero() -> None:
    a, b = (torch.full((1, 3, 16, 16), level - 128 / 255) for level in (0.2, 0.6))
    c1 = 0.01**2
    ssim = (2 * 0.2 * 0.6 + c1) / (0.2**2 + 0.6**2 + c1)  # of even pictures: only their light differs
    assert float(LOSSES["l1+ssim"](a, b)) == pytest.approx(0.84 * (1 - ssim) + 0.16 * 0.4, rel=1e-3)
    picture = torch.rand(2, 3, 24, 24) - 0.5
    assert float(LOSSES["l1+ssim"](picture, picture)) == pytest.approx(0, abs=1e-5)
    noisy = (picture + 0.1 * torch.randn_like(picture)).requires_grad_(True)
    LOSSES["l1+ssim"](noisy, picture).backward()
    assert noisy.grad is not None and noisy.grad.isfinite().all() and noisy.grad.abs().max() > 0


@pytest.mark.slow
def test_a_training_may_minimise_ssim(photos: Path, tmp_path: Path) -> None:
    recipe = recipe_from_dict(tiny_recipe(loss="l1+ssim", steps=3))
    history = train(recipe, options_for(tmp_path / "run", photos)).history
    assert 0 < history[0]["loss"] < 1
