"""What a network is measured on while it is trained."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torchmetrics.functional.image import structural_similarity_index_measure

from nitido_train.data.pictures import find_pictures
from nitido_train.evaluation.validation import ValidationSet
from nitido_train.recipe.tables import recipe_from_dict
from support.tiny_models import tiny_recipe


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
        for condition in validation._conditions:
            sides = (condition.given, condition.clean)
            a, b = (torch.from_numpy(np.stack(side)).permute(0, 3, 1, 2).float() for side in sides)
            each.append(float(structural_similarity_index_measure(a, b, data_range=255.0)))  # pyright: ignore
        assert found["ssim"] == pytest.approx(float(np.mean(each)), abs=1e-5)
