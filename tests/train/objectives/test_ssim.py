"""Structural similarity as a loss and as a score."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torchmetrics.functional.image import structural_similarity_index_measure

from nitido_train.data.pictures import find_pictures
from nitido_train.evaluation.validation import ValidationSet
from nitido_train.objectives.losses import LOSSES
from nitido_train.objectives.options import RunOptions
from nitido_train.recipe.tables import recipe_from_dict
from nitido_train.training.loop import train
from support.tiny_models import tiny_recipe


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


def test_validation_crops_fit_a_scale_that_does_not_divide_them(photos: Path) -> None:
    recipe = tiny_recipe("upscale")
    recipe["net"] = {"kind": "superres", "options": {"scale": 3, "channels": 8, "layers": 3, "grid": 1}}
    found = ValidationSet(find_pictures([photos]), recipe_from_dict(recipe), side=64).score(nn.Upsample(scale_factor=3))
    assert 10 < found["psnr_y"] < 60


@pytest.mark.parametrize("task", ["denoise", "upscale"])
def test_validation_measures_ssim_of_what_psnr_is_measured_on(photos: Path, task: str) -> None:
    recipe = recipe_from_dict(tiny_recipe(task))
    scale = recipe.scale
    net = nn.Upsample(scale_factor=scale) if scale > 1 else nn.Identity()
    found = ValidationSet(find_pictures([photos]), recipe, side=64).score(net)
    assert 0.3 < found["ssim"] < 1
    if task == "denoise":
        validation = ValidationSet(find_pictures([photos]), recipe, side=64)
        each = []
        for given in validation._given.values():
            a, b = (torch.from_numpy(np.stack(p)).permute(0, 3, 1, 2).float() for p in (given, validation._clean))
            each.append(float(structural_similarity_index_measure(a, b, data_range=255.0)))  # pyright: ignore
        assert found["ssim"] == pytest.approx(float(np.mean(each)), abs=1e-5)
