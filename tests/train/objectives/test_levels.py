"""Trainings of denoisers that are given the noise level or estimate it."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest
import torch

from nitido.errors import RecipeError
from nitido_train.nets.frame import LevelFrameNet
from nitido_train.objectives.levels import LevelObjective, told_levels, true_level
from nitido_train.objectives.objective import open_objective
from nitido_train.objectives.options import RunOptions
from nitido_train.recipe.schema import NoiseRecipe
from nitido_train.recipe.tables import recipe_from_dict
from nitido_train.training.loop import train
from support.tiny_models import random_level_checkpoint, tiny_recipe


def test_the_true_level_is_the_deviation_of_luma_noise() -> None:
    clean = torch.zeros(2, 3, 64, 64)
    noise = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    levels = true_level(clean + noise * torch.tensor([5.0, 20.0])[:, None, None, None] / 255, clean)
    assert levels.tolist() == pytest.approx([3.34, 13.36], rel=0.05)
    assert true_level(clean + 0.1, clean).tolist() == pytest.approx([0, 0], abs=1e-4)  # a shift is no noise


def test_levels_are_given_estimated_and_given_with_an_error() -> None:
    level = torch.full((4000,), 8.0)
    told = told_levels(level, NoiseRecipe(told=0.6, told_error=0.15), torch.Generator().manual_seed(0))
    estimated, right = (told == -1), (told == 8.0)
    assert float(estimated.float().mean()) == pytest.approx(0.4, abs=0.03)
    assert float(right.float().mean()) == pytest.approx(0.3, abs=0.03)
    wrong = told[~estimated & ~right]
    assert float(wrong.mean()) == pytest.approx(8.0, abs=0.2) and float(wrong.std()) == pytest.approx(1.2, abs=0.15)


def test_a_training_teaches_the_estimator_and_can_be_resumed(photos: Path, tmp_path: Path) -> None:
    recipe = random_level_checkpoint().recipe
    options = RunOptions(out=tmp_path / "run", data=(photos,), workers=0, progress=False)
    assert isinstance(open_objective(recipe, options), LevelObjective)
    done = train(recipe, options)
    assert done.step == 6 and {"psnr_low", "psnr_soft", "psnr_strong"} <= set(done.history[-1])
    fresh = cast(LevelFrameNet, done.fresh_net()).estimator.state_dict()
    assert done.net["estimator.level.weight"].shape == fresh["level.weight"].shape
    step = {name for name, value in done.optimizer["state"].items() if value}
    assert len(step) == len(list(done.fresh_net().parameters()))  # every parameter has been trained


def test_shares_of_noise_add_up() -> None:
    with pytest.raises(RecipeError, match="add up to at most 1"):
        recipe_from_dict({**tiny_recipe(), "noise": {"camera": 0.6, "developed": 0.5}})
    with pytest.raises(RecipeError, match="soft_colour"):
        recipe_from_dict({**tiny_recipe(), "data": {"soft_colour": 1.5}})
    assert recipe_from_dict({**tiny_recipe(), "noise": {"camera": 0.2, "developed": 0.5}}).for_cameras
