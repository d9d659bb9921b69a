"""Sums that become concatenations before quantization: which do, and that nothing else changes."""

from __future__ import annotations

from typing import cast

import pytest
import torch
from torch import Tensor, nn

from nitido_train.nets.blocks import collapse
from nitido_train.nets.frame import FrameNet
from nitido_train.nets.registry import build
from nitido_train.quantization.concatenation import concatenate_instead_of_add
from nitido_train.quantization.equalization import equalize
from nitido_train.quantization.imitation import quantize_body
from nitido_train.quantization.layers import ActivationQuantizer
from nitido_train.quantization.ranges import activations, percentile_ranges
from nitido_train.quantization.tracing import trace


class Skip(nn.Module):
    """Two convolutions and a third of their sum; ``kept``: the sum is also returned."""

    def __init__(self, outputs: int, *, kept: bool = False) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.a, self.b = nn.Conv2d(12, 24, 3, padding=1), nn.Conv2d(24, 24, 3, padding=1)
        self.last, self.kept = nn.Conv2d(24, outputs, 3, padding=1), kept

    def forward(self, x: Tensor) -> Tensor:
        first = torch.relu(self.a(x))
        total = torch.relu(self.b(first)) + first
        return self.last(total) + total if self.kept else self.last(total)


def stack() -> nn.Module:
    return collapse(cast(FrameNet, build("denoiser", {"channels": 24, "layers": 5})).body)


def given() -> Tensor:
    return torch.rand(2, 12, 16, 20, generator=torch.Generator().manual_seed(1)) - 0.5


def kinds(net: nn.Module) -> list[object]:
    return [node.target for node in trace(net).graph.nodes if node.op == "call_function"]


def test_a_sum_that_a_narrow_convolution_takes_is_put_side_by_side_and_computes_the_same() -> None:
    net = Skip(12).eval().requires_grad_(False)
    exact = net(given())
    apart = concatenate_instead_of_add(trace(net))
    assert torch.cat in kinds(apart)
    assert apart.get_submodule("last").weight.shape == (12, 48, 3, 3)  # pyright: ignore
    assert (apart(given()) - exact).abs().max() < 1e-6
    assert kinds(concatenate_instead_of_add(apart)) == kinds(apart)


@pytest.mark.parametrize("net", [Skip(13), Skip(24, kept=True)], ids=["wide convolution", "the sum is used twice"])
def test_other_sums_stay_sums(net: Skip) -> None:
    assert torch.cat not in kinds(concatenate_instead_of_add(trace(net)))


def test_what_lies_side_by_side_has_one_scale_and_is_not_rounded_again() -> None:
    body = equalize(stack(), [given()])
    seen = next(activations(body, [given()]))
    assert seen["relu"].max() == pytest.approx(float(seen["relu_3"].max()), rel=0.05)
    quantized = quantize_body(body, percentile_ranges(body, [given()], 100))
    scales = {n: float(m.scale) for n, m in quantized.named_modules() if isinstance(m, ActivationQuantizer)}
    assert scales["relu_q"] == scales["relu_3_q"] == scales["cat_q"]
    assert scales["relu_1_q"] != scales["cat_q"]


def test_equalizing_what_lies_side_by_side_changes_nothing() -> None:
    body = stack()
    with torch.no_grad():
        for module in body.modules():
            if isinstance(module, nn.Conv2d):
                module.weight[: module.out_channels // 2].mul_(0.2)
        assert (equalize(body, [given()])(given()) - body(given())).abs().max() < 1e-5
