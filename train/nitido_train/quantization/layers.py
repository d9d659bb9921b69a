"""The layers that imitate 8-bit arithmetic in torch: they round activations and weights as integer kernels do."""

from __future__ import annotations

from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

WEIGHT_LIMIT = 127
BIAS_LIMIT = 2.0**30
PAIR_LIMIT = 128  # for the sum of two neighbouring weights: 255 · 128 is the largest product that fits into 16 bits


class ActivationQuantizer(nn.Module):
    """Rounds to 256 levels between ``low`` and ``high``. The range is widened so that 0 is one of the levels."""

    scale: Tensor
    zero_point: Tensor

    def __init__(self, low: float, high: float) -> None:
        super().__init__()
        low, high = min(low, 0.0), max(high, low + 1e-6, 1e-6)
        scale = (high - low) / 255
        self.register_buffer("scale", torch.tensor(scale), persistent=False)
        self.register_buffer("zero_point", torch.tensor(round(-low / scale), dtype=torch.int32), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return torch.fake_quantize_per_tensor_affine(x, self.scale, self.zero_point, 0, 255)


class QuantizedConv2d(nn.Module):
    """A convolution whose weights are rounded to integers of -127..127 with one scale per output channel.

    AVX2 without VNNI adds the products of two neighbouring weights in 16 bits, where 2·255·127 overflows. The scale is
    therefore chosen so that no two neighbours add up to more than 128. Then every processor computes the same sums.
    This costs little, because large weights are seldom neighbours.

    Each kernel is rounded so that its sum stays correct to half a step. Then the layer's result hardly changes in flat
    areas, where independent rounding would be most visible.

    input_scale: scale of the quantizer before the convolution; needed for the exported integer biases.
    """

    def __init__(self, conv: nn.Conv2d, input_scale: float) -> None:
        super().__init__()
        self.conv, self.input_scale = conv, input_scale
        self._settled: tuple[Tensor, Tensor] | None = None

    @torch.no_grad()
    def integer_weight(self) -> tuple[Tensor, Tensor]:
        """(integers O×I×k×k as int8, scales O as float32)."""
        if self._settled is not None:
            return self._settled
        weight = self.conv.weight
        scale = self.scales(weight.permute(0, 2, 3, 1).flatten(1))
        exact = weight / scale[:, None, None, None]
        return _round_keeping_sums(exact.flatten(2)).view_as(weight).to(torch.int8), scale

    def scales(self, rows: Tensor) -> Tensor:
        """The step of each output channel for its weights O×(k·k·I), in memory order, because ONNX Runtime computes
        integer convolutions with channels last."""
        pairs = F.pad(rows, (0, rows.shape[1] % 2)).unflatten(1, (-1, 2)).sum(2)  # O n; opposite signs cannot overflow
        # Below the limits, because each weight of a pair may be rounded up and then moved by one more step.
        largest = torch.maximum(rows.abs().amax(1) / (WEIGHT_LIMIT - 1), pairs.abs().amax(1) / (PAIR_LIMIT - 3))
        # The bias has to fit into 32 bits, in steps of this scale times the input's scale.
        bias = cast(Tensor, self.conv.bias).detach().to(rows.dtype)
        smallest = bias.abs() / (self.input_scale * BIAS_LIMIT)
        return torch.maximum(largest, smallest).clamp_min(1e-8 / WEIGHT_LIMIT)

    def settle(self, integers: Tensor, scale: Tensor) -> None:
        """Fixes the integers O×I×k×k (int8) and scales O (float32), instead of rounding them from the float weights."""
        self._settled = (integers, scale)

    def forward(self, x: Tensor) -> Tensor:
        integers, scale = self.integer_weight()
        rounded = integers * scale[:, None, None, None]
        weight = self.conv.weight + (rounded - self.conv.weight).detach()  # the gradient goes straight
        return self.conv._conv_forward(x, weight, self._rounded_bias(scale))

    def _rounded_bias(self, weight_scale: Tensor) -> Tensor:
        """The bias in steps of input scale × weight scale, as an integer kernel adds it."""
        step = weight_scale * self.input_scale
        bias = cast(Tensor, self.conv.bias)
        return bias + (torch.round(bias / step) * step - bias).detach()


def _round_keeping_sums(exact: Tensor) -> Tensor:
    """O×I×taps rounded to integers. If the sum is off, the values that were rounded farthest move by one more step."""
    rounded = torch.round(exact)
    missing = torch.round(exact.sum(2) - rounded.sum(2))[..., None]  # O I 1
    remainder = (exact - rounded) * missing.sign()
    rank = remainder.argsort(2, descending=True).argsort(2)
    return rounded + missing.sign() * (rank < missing.abs())
