"""A training that was cut off and one that was not, to be compared."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from nitido_train.checkpoint import Checkpoint
    from nitido_train.recipe.schema import Recipe
    from nitido_train.training.setup import RunOptions


def assert_resumes_bit_for_bit(recipe: Recipe, options: RunOptions, cut_at: int, patch: pytest.MonkeyPatch) -> None:
    """Trains ``recipe`` in one go, and again from the checkpoint after ``cut_at`` steps: weights, averaged weights and
    the history, whose loss covers steps on both sides of the cut, must be the same."""
    import torch

    from nitido_train.checkpoint import load_checkpoint, save_checkpoint
    from nitido_train.training import loop
    from nitido_train.training.loop import train

    options = replace(options, checkpoint_minutes=0)
    cut = replace(options, out=options.out.with_name("cut"), resume=True)
    cut.out.mkdir()

    def save_and_keep_one(state: Checkpoint, path: Path) -> None:
        save_checkpoint(state, path)
        if state.step == cut_at and path.name == "last.pt":
            shutil.copy(path, cut.out / "last.pt")

    patch.setattr(loop, "save_checkpoint", save_and_keep_one)
    whole = train(recipe, options)
    assert load_checkpoint(cut.out).step == cut_at < recipe.schedule.steps
    resumed = train(recipe, cut)
    assert (whole.step, resumed.step) == (recipe.schedule.steps,) * 2
    for kept, again in ((whole.net, resumed.net), (whole.ema, resumed.ema)):
        assert all(torch.equal(kept[key], again[key]) for key in kept)
    assert whole.history == resumed.history
