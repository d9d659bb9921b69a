"""Denoisers that are given the noise level: their biases, their estimate, their form for 8 bits."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest
import torch

from nitido.errors import RecipeError
from nitido_train.nets.blocks import collapse, space_to_depth
from nitido_train.nets.estimator import HIGHEST, LOWEST, NoiseEstimator
from nitido_train.nets.frame import FrameNet, LevelFrameNet
from nitido_train.nets.planes import PLANES, PlaneFrameNet, in_planes, planes_of
from nitido_train.nets.registry import build
from nitido_train.objectives.objective import open_objective
from nitido_train.objectives.options import RunOptions
from nitido_train.objectives.warm_start import warm_started
from nitido_train.recipe.tables import recipe_from_dict
from support.tiny_models import random_checkpoint, random_level_checkpoint, tiny_recipe


@pytest.fixture
def net() -> LevelFrameNet:
    return cast(LevelFrameNet, random_level_checkpoint().frame_net().requires_grad_(False))


def frames(seed: int = 0) -> torch.Tensor:
    return torch.rand(2, 3, 32, 48, generator=torch.Generator().manual_seed(seed)) - 0.5


def test_a_level_changes_the_result_and_a_negative_one_is_estimated(net: LevelFrameNet) -> None:
    given = frames()
    automatic = net(given)
    assert torch.equal(net(given, torch.tensor([-1.0, -1.0])), automatic)
    mixed = net(given, torch.tensor([-1.0, 40.0]))
    assert torch.equal(mixed[0], automatic[0])
    assert float((mixed[1] - automatic[1]).abs().max()) > 0.01
    below, lowest = (net(given, torch.full((2,), level)) for level in (0.0, LOWEST))
    assert torch.equal(below, lowest)


def test_the_gradient_of_the_picture_does_not_reach_the_estimator(net: LevelFrameNet) -> None:
    restored, found = cast(tuple[torch.Tensor, torch.Tensor], net.requires_grad_(True)(frames(), estimates=True))
    restored.square().mean().backward()
    assert net.estimator.level.weight.grad is None
    found.sum().backward()
    assert net.estimator.level.weight.grad is not None


def test_it_begins_as_the_denoiser_it_is_made_from() -> None:
    start = random_checkpoint("denoise")
    options = start.recipe.net.options
    net = warm_started(build("level-denoiser", options), start.recipe, start)
    assert torch.equal(net(frames()), start.averaged_net()(frames()))


def test_a_collapsed_one_computes_the_same(net: LevelFrameNet) -> None:
    plain = cast(FrameNet, collapse(net))
    assert float((plain(frames()) - net(frames())).abs().max()) < 1e-5


@pytest.mark.parametrize("level", [None, 0.5, 3.0, 60.0])
def test_planes_take_the_place_of_biases(net: LevelFrameNet, level: float | None) -> None:
    other = in_planes(net)
    assert isinstance(other, PlaneFrameNet)
    given = () if level is None else (torch.full((2,), level),)
    difference = (other(frames(), *given) - net(frames(), *given)).abs().max()
    assert float(difference) < 2 / 255  # a plane has 256 steps
    cells = other.body_input(frames())
    assert float(other.body(cells)[:, -PLANES:].abs().max()) == 0


def test_planes_are_bytes() -> None:
    planes = planes_of(torch.tensor([LOWEST, 5.0, HIGHEST]).log())
    bytes_ = planes * 255 + 128
    assert float((bytes_ - bytes_.round()).abs().max()) < 1e-4
    assert bytes_.round().min() >= 0 and bytes_.round().max() <= 255
    assert in_planes(cast(FrameNet, build("denoiser", {}))).__class__ is FrameNet


@pytest.mark.parametrize("cell", [1, 2, 4])
def test_statistics_follow_the_noise_and_hardly_a_texture_in_one_place(cell: int) -> None:
    estimator, noise = NoiseEstimator(cell), torch.Generator().manual_seed(1)
    flat = torch.zeros(1, 3, 160, 160)

    def statistics(picture: torch.Tensor) -> torch.Tensor:
        return estimator.statistics(space_to_depth(picture, cell))[0].view(4, -1).exp()

    def noisy(picture: torch.Tensor, sigma: float) -> torch.Tensor:
        return picture + torch.randn(picture.shape, generator=noise) * sigma / 255

    quiet, loud = statistics(noisy(flat, 5)), statistics(noisy(flat, 10))
    # White noise of 10 in all channels has 6.7 in luma, the same in every band; averages of a few patches lie below.
    assert loud[0, :4].tolist() == pytest.approx([6.68] * 4, rel=0.1)
    assert (loud / quiet).flatten().tolist() == pytest.approx([2.0] * 28, rel=0.25)
    textured = flat.clone()
    textured[..., 80:, :] = 0.3 * torch.sin(torch.arange(160.0) * 2.2)
    changed = statistics(noisy(textured, 5)) / quiet
    assert float(changed[0].max()) > 2 and float(changed[2:].max()) < 1.6


def test_estimators_work_on_the_smallest_frames(net: LevelFrameNet) -> None:
    found = net.estimator(space_to_depth(torch.zeros(1, 3, 2, 2), 2))
    assert found.shape == (1,) and bool(torch.isfinite(found).all())


def test_levels_are_for_denoisers(photos: Path, tmp_path: Path) -> None:
    recipe = recipe_from_dict(
        {**tiny_recipe(), "task": "reconstruct", "noise": None, "blots": {}, "net": {"kind": "level-denoiser"}}
    )
    with pytest.raises(RecipeError, match="estimates noise"):
        open_objective(recipe, RunOptions(out=tmp_path, data=(photos,)))
