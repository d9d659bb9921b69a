"""Trainings of recurrent denoisers on clips."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch

from nitido.errors import CheckpointError, RecipeError
from nitido_train.checkpoint import Checkpoint
from nitido_train.evaluation.clips import ClipValidation, Playback
from nitido_train.nets.live import LiveFrameNet
from nitido_train.nets.registry import build
from nitido_train.objectives.clips import ClipObjective, unrolled_loss
from nitido_train.objectives.objective import open_objective
from nitido_train.objectives.options import RunOptions
from nitido_train.recipe.schema import ClipRecipe, Recipe
from nitido_train.recipe.tables import recipe_from_dict
from nitido_train.tensors import to_tensor
from nitido_train.training.loop import train
from support.tiny_models import random_level_checkpoint, tiny_recipe

NET = {"kind": "live-denoiser", "options": {"channels": 8, "layers": 4, "gate": 8}}


def live_recipe(**clips: Any) -> Recipe:
    return recipe_from_dict({**tiny_recipe(), "net": NET, "clips": {"length": 3, "back": 2, **clips}})


def live_net() -> LiveFrameNet:
    torch.manual_seed(1)
    return cast(LiveFrameNet, build(NET["kind"], cast(dict[str, Any], NET["options"])))


def clip(frames: int = 4, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (1, frames, 32, 48, 3), np.uint8)


def options(out: Path, *data: Path, **others: Any) -> RunOptions:
    return RunOptions(out=out, data=data, workers=0, progress=False, **others)


def test_a_training_on_pictures_can_be_resumed_and_sees_the_same(photos: Path, tmp_path: Path) -> None:
    recipe = live_recipe()
    assert isinstance(open_objective(recipe, options(tmp_path / "none", photos)), ClipObjective)
    whole = train(recipe, options(tmp_path / "whole", photos))
    assert whole.step == 6
    assert {"psnr", "first", "psnr_mid", "first_s25"} <= set(whole.history[-1])
    assert (tmp_path / "whole" / "report.html").is_file()
    batches = open_objective(recipe, options(tmp_path / "none", photos)).batches(4, 0, 1, 0)
    resumed = next(iter(batches))
    first = open_objective(recipe, options(tmp_path / "none", photos)).batches(0, 0, 1, 0)
    assert torch.equal([batch for batch, _ in zip(first, range(5), strict=False)][4][0], resumed[0])


def test_a_training_begins_with_a_denoiser_of_single_frames(photos: Path, tmp_path: Path) -> None:
    start = random_level_checkpoint()
    objective = ClipObjective(live_recipe(), options(tmp_path, photos))
    state = Checkpoint(recipe=live_recipe(), step=0, net={}, ema={})
    net = cast(LiveFrameNet, objective.first_net(state, options(tmp_path, photos, start=start)))
    single = start.frame_net()
    frames = torch.rand(1, 3, 32, 32) - 0.5
    assert torch.allclose(net(frames)[0], single(frames), atol=1e-6)
    wrong = recipe_from_dict(
        {**tiny_recipe(), "net": {**NET, "options": {"channels": 8, "layers": 3, "gate": 8}}, "clips": {}}
    )
    other = Checkpoint(recipe=wrong, step=0, net={}, ema={})
    with pytest.raises(CheckpointError, match="other layers"):
        objective.first_net(other, options(tmp_path, photos, start=start))


def test_gradients_end_where_the_recipe_says() -> None:
    net, given = live_net(), clip(4)
    truth = [to_tensor(torch.from_numpy(given[:, t])) for t in range(4)]
    told = torch.tensor([10.0])

    def gradient(back: int) -> torch.Tensor:
        net.zero_grad()
        unrolled_loss(net, given, truth, told, ClipRecipe(length=4, back=back)).backward()
        return cast(torch.Tensor, net.gate.convs[0].weight.grad).clone()

    assert not torch.allclose(gradient(1), gradient(4), rtol=1e-3)


def test_flicker_costs() -> None:
    net, given = live_net(), clip(3)
    truth = [to_tensor(torch.from_numpy(given[:, t])) for t in range(3)]
    told = torch.tensor([10.0])
    without, with_it = (
        float(unrolled_loss(net, given, truth, told, ClipRecipe(length=3, flicker=weight)).detach())
        for weight in (0.0, 1.0)
    )
    assert with_it > without


def test_levels_along_a_clip_are_averaged() -> None:
    net, given = live_net(), clip(2)
    seen: list[float] = []
    net.register_forward_pre_hook(lambda _module, args: seen.append(float(args[2])))
    play = Playback(net)
    estimates = [float(net.estimate(to_tensor(torch.from_numpy(given[:, t]))).detach()) for t in range(2)]
    for t in range(2):
        play(given[:, t])
    assert seen == pytest.approx([np.exp(estimates[0]), np.exp(np.mean(estimates))], rel=1e-5)


def test_a_validation_is_the_same_every_time() -> None:
    clips = [clip(5, seed)[0] for seed in range(2)]
    scores = [ClipValidation(clips).score(live_net().eval()) for _ in range(2)]
    assert scores[0] == scores[1]
    assert scores[0]["psnr"] != scores[0]["first"]


def test_a_live_network_needs_clips(photos: Path, tmp_path: Path) -> None:
    recipe = recipe_from_dict({**tiny_recipe(), "net": NET})
    with pytest.raises(RecipeError, match=r"\[clips\]"):
        open_objective(recipe, options(tmp_path, photos))
