"""8 bits imitated in training."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from nitido_train.nets.blocks import collapse
from nitido_train.nets.registry import build
from nitido_train.quantization.equalization import equalize
from nitido_train.quantization.imitation import QuantizedConv2d, quantize_body, unquantized
from nitido_train.quantization.imitation import quantize_net as quantize
from nitido_train.quantization.ranges import Quantization, activations, percentile_ranges


def nets() -> list[nn.Module]:
    torch.manual_seed(0)
    stack = build("denoiser", {"channels": 16, "layers": 5}).body
    pyramid = build("pyramid-denoiser", {"widths": [8, 12, 16], "before": [1, 1, 1], "after": [1, 1, 0]}).body
    bodies = [collapse(stack), collapse(pyramid)]
    for body in bodies:
        for module in body.modules():
            if isinstance(module, nn.Conv2d):
                module.weight[: module.out_channels // 2].mul_(0.2)  # unlike ranges, as training makes them
    return bodies


def cells() -> list[torch.Tensor]:
    torch.manual_seed(1)
    return [torch.rand(2, 12, 32, 32) - 0.5 for _ in range(2)]


def test_equalized_channels_compute_the_same_and_have_like_ranges() -> None:
    for body in nets():
        even = equalize(body, cells())
        with torch.no_grad():
            given = cells()[0]
            assert (even(given) - collapse(body)(given)).abs().max() < 1e-5
    stack = nets()[0]
    assert _spread(equalize(stack, cells())) < 0.5 * _spread(stack)


def _spread(body: nn.Module) -> float:
    """Largest ÷ smallest channel range, dead channels aside: the mean over the activations that are not shared."""
    spreads: list[float] = []
    for name, values in next(activations(body, cells()[:1])).items():
        if name in ("relu_1", "relu_2"):
            high = values.amax(dim=(0, 2, 3))
            spreads.append(float(high.max() / high[high > 0.05 * high.max()].min()))
    return sum(spreads) / len(spreads)


@pytest.mark.slow
def test_imitated_rounding_is_close_finer_ranges_are_closer_and_it_can_be_taken_out_again() -> None:
    for body in nets():
        given = cells()[0]
        exact = collapse(body)(given)
        ranges = percentile_ranges(body, cells(), 100)
        error = (quantize_body(body, ranges)(given) - exact).abs().mean()
        assert 0 < error < 0.05 * exact.abs().mean()
        wide = Quantization({name: (8 * low, 8 * high) for name, (low, high) in ranges.ranges.items()})
        assert (quantize_body(body, wide)(given) - exact).abs().mean() > 2 * error
    net = build("denoiser", {"channels": 16, "layers": 4})
    frames = torch.rand(1, 3, 32, 32) - 0.5
    quantized = quantize(net, percentile_ranges(net.body, cells(), 100))
    assert not torch.equal(quantized(frames), collapse(net)(frames))
    assert torch.allclose(unquantized(quantized)(frames), collapse(net)(frames), atol=1e-6)


def test_gradients_go_through_the_rounding() -> None:
    net = build("denoiser", {"channels": 16, "layers": 4})
    quantized = quantize(net, percentile_ranges(net.body, cells(), 100)).requires_grad_(True)
    quantized(torch.rand(1, 3, 32, 32) - 0.5).square().mean().backward()
    gradients = [p.grad for p in quantized.parameters()]
    assert len(gradients) == 8 and all(g is not None and g.abs().max() > 0 for g in gradients)


def test_rounding_keeps_the_sum_of_every_kernel() -> None:
    torch.manual_seed(0)
    conv = QuantizedConv2d(torch.nn.Conv2d(16, 8, 3), input_scale=0.01)
    integers, scale = conv.integer_weight()
    exact = conv.conv.weight.detach().sum(dim=(2, 3)) / scale[:, None]  # O I
    assert (integers.float().sum(dim=(2, 3)) - exact).abs().max() <= 0.5 + 1e-4
    far = (integers - conv.conv.weight.detach() / scale[:, None, None, None]).abs()
    assert far.max() < 1.5 and far.mean() < 0.35
    plain = torch.round(conv.conv.weight.detach() / scale[:, None, None, None]).sum(dim=(2, 3))
    assert (plain - exact).abs().max() > 0.8  # what independent rounding does
