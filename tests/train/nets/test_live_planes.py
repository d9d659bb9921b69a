"""The form in which a recurrent denoiser is exported."""

from __future__ import annotations

import copy
from typing import cast

import pytest
import torch

from nitido_train.nets.live import LiveFrameNet
from nitido_train.nets.live_planes import PlaneLiveNet
from nitido_train.quantization.imitation import as_quantized, quantize_net, unquantized
from nitido_train.quantization.parts import all_layer_names, part_of, parts_of, prefix_of, together
from nitido_train.quantization.ranges import percentile_ranges
from support.tiny_models import random_live_checkpoint


@pytest.fixture
def net() -> LiveFrameNet:
    return cast(LiveFrameNet, random_live_checkpoint().frame_net().requires_grad_(False))


@pytest.fixture
def clip() -> list[torch.Tensor]:
    torch.manual_seed(1)
    still = torch.rand(2, 3, 24, 32) - 0.5
    return [still + 0.03 * torch.randn_like(still) for _ in range(4)]


@pytest.mark.parametrize("level", [None, [7.0, -1.0]])
def test_it_computes_what_the_network_computes(
    net: LiveFrameNet, clip: list[torch.Tensor], level: list[float] | None
) -> None:
    plane = PlaneLiveNet(net)
    told = None if level is None else torch.tensor(level)
    states = others = None
    for frames in clip:
        expected, states = net(frames, states, told)
        found, others = plane(frames, others, told)
        for one, other in zip((expected, *states), (found, *others), strict=True):
            assert torch.allclose(one, other, atol=1e-5)
    assert not torch.allclose(expected, net(clip[-1], None, told)[0], atol=1e-2)  # the past shows


def test_the_scale_of_the_logits_changes_nothing(net: LiveFrameNet, clip: list[torch.Tensor]) -> None:
    one, other = PlaneLiveNet(net), PlaneLiveNet(net)
    other.scale_logits(5.0)
    first, second = one(clip[1], one(clip[0])[1]), other(clip[1], other(clip[0])[1])
    assert torch.allclose(first[0], second[0], atol=1e-5)
    assert not torch.equal(one.body.convs[-1].weight, other.body.convs[-1].weight)  # pyright: ignore


def test_both_stacks_are_quantized_and_named_apart(net: LiveFrameNet, clip: list[torch.Tensor]) -> None:
    plain = as_quantized(net)
    seen: dict[str, list[torch.Tensor]] = {part: [] for part in parts_of(plain)}
    for part, stack in parts_of(plain).items():
        stack.register_forward_pre_hook(lambda _stack, given, part=part: seen[part].append(given[0]))
    states = None
    for frames in clip:
        expected, states = plain(frames, states)
    ranges = together({prefix_of(plain, p): percentile_ranges(b, seen[p], 100) for p, b in parts_of(plain).items()})
    names = all_layer_names(plain)
    assert {name.split(".")[0] for name in names} == {"gate", "body"}
    assert set(part_of(ranges, "gate.").ranges) | set(part_of(ranges, "body.").ranges) == {
        name.split(".", 1)[1] for name in ranges.ranges
    }
    quantized = quantize_net(net, ranges)
    others = None
    for frames in clip:
        found, others = quantized(frames, others)
    gap = (found - expected).abs().mean()
    assert 0 < gap < 0.02
    states = None
    back = unquantized(copy.deepcopy(quantized))
    for frames in clip:
        again, states = back(frames, states)
    assert torch.allclose(again, expected, atol=1e-5)
