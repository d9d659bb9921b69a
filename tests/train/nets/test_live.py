"""The recurrent denoiser: its first frame, what it makes of a past, and states that follow the motion."""

from __future__ import annotations

from typing import cast

import numpy as np
import pytest
import torch
from torch import Tensor

from nitido.inference.alignment import warp_state
from nitido_train.nets.blocks import collapse
from nitido_train.nets.frame import LevelFrameNet
from nitido_train.nets.live import MOST_PAST, LiveFrameNet, StateSpec, begin_with
from nitido_train.nets.registry import build
from nitido_train.nets.warp import align_states, warp


def random_live_net(seed: int = 5) -> LiveFrameNet:
    """An untrained network whose parts all show in its output."""
    torch.manual_seed(seed)
    net = cast(LiveFrameNet, build("live-denoiser", {"channels": 8, "layers": 3, "gate": 8}))
    with torch.no_grad():
        for conv in net.body.convs[:-1]:
            conv.shift.add_(torch.randn_like(conv.shift) * 0.05)
        net.body.convs[-1].plain.add_(torch.randn_like(net.body.convs[-1].plain) * 0.05)
    return net.eval().requires_grad_(False)


def single_net(seed: int = 6) -> LevelFrameNet:
    torch.manual_seed(seed)
    options = {"channels": 8, "layers": 3, "grid": 2, "expansion": 0}
    return cast(LevelFrameNet, build("level-denoiser", options)).requires_grad_(False)


def frames(seed: int = 0, count: int = 2) -> Tensor:
    return torch.rand(count, 3, 32, 48, generator=torch.Generator().manual_seed(seed)) - 0.5


def test_the_first_frame_is_that_of_the_network_it_begins_with() -> None:
    net, single = random_live_net(), single_net()
    begin_with(net, single)
    assert torch.allclose(net(frames())[0], single(frames()), atol=1e-6)
    level = torch.tensor([-1.0, 30.0])
    assert torch.allclose(net(frames(), None, level)[0], single(frames(), level), atol=1e-6)


def test_no_network_of_other_layers_can_be_begun_with() -> None:
    deeper = cast(LevelFrameNet, build("level-denoiser", {"channels": 8, "layers": 4, "grid": 2, "expansion": 0}))
    with pytest.raises(ValueError, match="tensors"):
        begin_with(random_live_net(), deeper)


def test_states_of_zeros_mean_no_past() -> None:
    net = random_live_net()
    restored, states = net(frames())
    again, _ = net(frames(), net.blank(frames()))
    assert torch.equal(restored, again)
    shapes = {spec.name: tuple(state.shape) for spec, state in zip(net.states, states, strict=True)}
    assert shapes == {"picture": (2, 3, 32, 48), "weight": (2, 1, 16, 24), "mean": (2, 3, 32, 48)}


def test_a_past_that_holds_is_averaged_plainly() -> None:
    net = random_live_net()
    net.gate.convs[-1].bias.fill_(50.0)
    net.gate.convs[-1].weight.zero_()
    seen = [frames(seed) for seed in range(4)]
    states = None
    for count, frame in enumerate(seen, 1):
        _, states = net(frame, states)
        assert torch.allclose(states[1], torch.tensor(count / (count + 1)), atol=1e-4)
    assert states is not None
    assert torch.allclose(states[2], torch.stack(seen).mean(0), atol=1e-5)
    for seed in range(60):
        _, states = net(frames(seed), states)
    assert float(states[1].max()) <= MOST_PAST + 1e-6


def test_a_past_that_does_not_hold_leaves_the_mean_alone() -> None:
    net = random_live_net()
    net.gate.convs[-1].bias.fill_(-50.0)
    net.gate.convs[-1].weight.zero_()
    _, states = net(frames(1))
    _, states = net(frames(2), states)
    assert torch.allclose(states[2], frames(2), atol=1e-6)
    assert torch.allclose(states[1], torch.tensor(0.5))


def test_collapsing_changes_nothing() -> None:
    net = random_live_net()
    plain = cast(LiveFrameNet, collapse(net))
    _, states = net(frames(1))
    for ours, theirs in zip(net(frames(2), states)[1], plain(frames(2), states)[1], strict=True):
        assert torch.allclose(ours, theirs, atol=1e-5)


@pytest.mark.parametrize(("grid", "how"), [(1, "linear"), (2, "linear"), (1, "nearest")])
def test_states_move_in_training_as_in_the_runtime(grid: int, how: str) -> None:
    rng = np.random.default_rng(3)
    flow = (3 * rng.standard_normal((2, 16, 24, 2))).astype(np.float32)
    state = rng.random((2, 3, 16 // grid, 24 // grid), np.float32)
    ours = warp(torch.from_numpy(state), torch.from_numpy(flow).permute(0, 3, 1, 2), grid, how)
    theirs = np.stack([warp_state(s, f, grid, how) for s, f in zip(state, flow, strict=True)])
    assert np.allclose(ours.numpy(), theirs, atol=0.08)  # OpenCV interpolates in steps of 1/32 pixel
    assert np.abs(ours.numpy() - theirs).mean() < 0.01


def test_without_motion_states_stay() -> None:
    states = (torch.rand(1, 3, 8, 8),)
    moved = align_states(states, (StateSpec("picture", 3, 1, "linear"),), torch.zeros(1, 2, 8, 8))
    assert torch.equal(moved[0], states[0])
