"""Larger networks that begin where smaller ones ended."""

from __future__ import annotations

import pytest
import torch

from nitido.errors import CheckpointError
from nitido_train.nets.frame import FrameNet
from nitido_train.nets.grow import is_larger
from nitido_train.nets.registry import build
from nitido_train.objectives.warm_start import warm_started
from nitido_train.recipe.tables import recipe_from_dict
from support.tiny_models import random_checkpoint, tiny_recipe

WIDER_AND_DEEPER = {"channels": 12, "layers": 5, "grid": 2}


@pytest.mark.parametrize("expansion", [0, 2])
@pytest.mark.parametrize("task", ["denoise", "upscale"])
def test_a_grown_network_returns_what_the_smaller_one_does(task: str, expansion: int) -> None:
    start = random_checkpoint(task)
    small, options = start.averaged_net(), start.recipe.net.options
    net = build(start.recipe.net.kind, {**options, **WIDER_AND_DEEPER, "expansion": expansion})
    frames = torch.rand(2, 3, 24, 16) - 0.5
    with torch.no_grad():
        wanted = small(frames)
        assert (net(frames) - wanted).abs().max() > 0.01
        assert (warm_started(net, start.recipe, start)(frames) - wanted).abs().max() < 1e-5


def test_what_was_added_learns() -> None:
    start = random_checkpoint("denoise")
    net = warm_started(build("denoiser", WIDER_AND_DEEPER), start.recipe, start)
    frames = torch.rand(2, 3, 24, 16) - 0.5
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    for _ in range(2):
        optimizer.zero_grad()
        net(frames).square().mean().backward()
        optimizer.step()
    assert isinstance(net, FrameNet)
    last = net.body.convs[-1].kernel()  # pyright: ignore[reportAttributeAccessIssue, reportIndexIssue, reportCallIssue]
    assert (last[:, 8:].abs().amax(dim=(0, 2, 3)) > 0).all()  # the output listens to all new channels
    own = net.body.convs[1].plain.grad  # pyright: ignore[reportAttributeAccessIssue, reportIndexIssue, reportCallIssue]
    assert (own[8:].abs().amax(dim=(1, 2, 3)) > 0).any()


def test_an_upscaler_of_another_factor_keeps_its_own_last_layer() -> None:
    start = random_checkpoint("upscale")
    options = {**start.recipe.net.options, **WIDER_AND_DEEPER, "scale": 3}
    net = build("superres", options)
    drawn = net.body.convs[-1].kernel().clone()
    warm_started(net, start.recipe, start)
    assert torch.equal(net.body.convs[-1].kernel(), drawn)
    assert torch.allclose(net.body.convs[1].kernel()[:8, :8], start.frame_net().body.convs[1].kernel(), atol=1e-6)


def test_only_what_is_larger_in_no_way_smaller_is_grown() -> None:
    small = build("denoiser", {"channels": 8, "layers": 4, "grid": 2})
    assert is_larger(build("denoiser", {"channels": 8, "layers": 5, "grid": 2}), small)
    assert not is_larger(build("denoiser", {"channels": 8, "layers": 4, "grid": 2}), small)
    assert not is_larger(build("denoiser", {"channels": 16, "layers": 3, "grid": 2}), small)
    assert not is_larger(build("denoiser", {"channels": 16, "layers": 5, "grid": 4}), small)
    narrower = recipe_from_dict(tiny_recipe())
    start = random_checkpoint("denoise")
    with pytest.raises(CheckpointError, match="the recipe asks for denoiser"):
        warm_started(build("denoiser", {"channels": 4, "layers": 3, "grid": 2}), narrower, start)
