"""Rounds weights so that they compensate for each other's errors, and for those of earlier layers.

This works layer by layer, from the input on. Least squares finds the weights whose outputs are closest to those of the
float layer, with the inputs that the earlier 8-bit layers produce. Then the columns are rounded one after the other,
and the error of each column is spread over the columns that follow.

Source: GPTQ (Frantar, Ashkboos, Hoefler, Alistarh, "GPTQ: Accurate Post-Training Quantization for Generative
Pre-trained Transformers", ICLR 2023), after Optimal Brain Quantization (Frantar, Alistarh, NeurIPS 2022).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn

from nitido_train.nets.blocks import collapse
from nitido_train.quantization.layers import PAIR_LIMIT, WEIGHT_LIMIT, QuantizedConv2d
from nitido_train.quantization.tracing import trace

DAMPING = 1e-4  # of the mean square of an input: keeps weights near their start if the inputs do not determine them
POSITIONS = 16_384  # of all crops together that a layer is fitted on


@dataclass(frozen=True)
class Calibration:
    """Inputs of a body, and how much errors count.

    cells: N×C×h×w each.
    weights: N each, how much an error counts in each crop. As in PSNR, errors are relative to those of the float
    network.
    """

    cells: list[Tensor]
    weights: list[Tensor]


@torch.no_grad()
def compensate(quantized: nn.Module, plain: nn.Module, calibration: Calibration) -> None:
    """Determines the weights and biases of every integer layer of the body ``quantized``, in place.

    plain: the float body that it was made from.
    """
    cells, weights = torch.cat(calibration.cells), torch.cat(calibration.weights)
    wanted = _Outputs(trace(collapse(plain)))
    wanted.run(cells)
    _Rounding(cast(fx.GraphModule, quantized), wanted.found, weights).run(cells)


class _Outputs(fx.Interpreter):
    """Runs a body and keeps the output of each convolution, by the layer's name."""

    def __init__(self, body: fx.GraphModule) -> None:
        super().__init__(body)
        self.found: dict[str, Tensor] = {}

    def call_module(self, target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        result = super().call_module(target, args, kwargs)
        if isinstance(self.fetch_attr(target), nn.Conv2d):
            self.found[target] = result
        return result


class _Rounding(fx.Interpreter):
    """Runs a quantized body and determines the weights of each integer layer before it computes."""

    def __init__(self, body: fx.GraphModule, wanted: dict[str, Tensor], weights: Tensor) -> None:
        super().__init__(body)
        self.wanted, self.weights = wanted, weights

    def call_module(self, target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        layer = self.fetch_attr(target)
        if isinstance(layer, QuantizedConv2d) and layer.conv.groups == 1:
            _settle(layer, args[0], self.wanted[target], self.weights)
        return super().call_module(target, args, kwargs)


def _settle(layer: QuantizedConv2d, given: Tensor, wanted: Tensor, weights: Tensor) -> None:
    """given: inputs of the layer, N×I×h×w. wanted: N×O×h×w. weights: N, how much an error counts in each picture."""
    conv = layer.conv
    bias = cast(Tensor, conv.bias)
    x, y, counts = _samples(conv, given, wanted, weights)  # P k·k·I, P O, P
    counts = (counts / counts.sum())[:, None]
    # The means are subtracted, so the columns do not depend on the bias. The bias follows from the means at the end.
    mean_x, mean_y = (counts * x).sum(0), (counts * y).sum(0)
    x, y = x - mean_x, y - mean_y
    square = x.T @ (counts * x)  # k·k·I k·k·I
    square += DAMPING * square.diag().mean() * torch.eye(len(square), dtype=torch.float64)

    exact = conv.weight.permute(0, 2, 3, 1).flatten(1).double()  # O k·k·I, as they lie in memory
    exact = exact + torch.linalg.solve(square, x.T @ (counts * (y - x @ exact.T))).T
    scale = layer.scales(exact)
    integers = round_columns(exact, square, scale)
    kernel = conv.weight.permute(0, 2, 3, 1)
    settled = integers.view(kernel.shape).permute(0, 3, 1, 2)  # O I k k
    bias.copy_(mean_y - (integers * scale[:, None]) @ mean_x)
    layer.settle(settled.to(torch.int8), scale.float())


def _samples(conv: nn.Conv2d, given: Tensor, wanted: Tensor, weights: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """(inputs of the kernel, wanted outputs, the picture's weight) at the same positions of every picture, in double
    precision."""
    k, size = conv.kernel_size[0], wanted.shape[2] * wanted.shape[3]
    kept = torch.randperm(size, generator=torch.Generator().manual_seed(0))[: max(1, POSITIONS // len(given))]
    x = F.unfold(given, k, padding=cast(tuple[int, int], conv.padding), stride=cast(tuple[int, int], conv.stride))[
        :, :, kept
    ].unflatten(1, (given.shape[1], -1))  # N I k·k p
    y = wanted.flatten(2)[:, :, kept]  # N O p
    x = x.permute(0, 3, 2, 1).flatten(2).flatten(0, 1)  # N·p k·k·I
    return x.double(), y.permute(0, 2, 1).flatten(0, 1).double(), weights.repeat_interleave(len(kept)).double()


def round_columns(exact: Tensor, square: Tensor, scale: Tensor) -> Tensor:
    """Integers O×n for weights O×n in steps of ``scale`` (O), chosen greedily to minimize the quadratic form ``square``
    (n×n, positive definite) of their errors. No weight exceeds ``WEIGHT_LIMIT``, and no two neighbours (0 and 1, 2 and
    3, …) add up to more than ``PAIR_LIMIT``."""
    spread = torch.linalg.cholesky(torch.linalg.inv(square), upper=True)
    exact, integers = exact.clone(), torch.zeros_like(exact)
    for j in range(exact.shape[1]):
        low, high = torch.full_like(scale, -WEIGHT_LIMIT), torch.full_like(scale, WEIGHT_LIMIT)
        if j % 2:  # opposite signs cannot overflow
            low = torch.maximum(low, -PAIR_LIMIT - integers[:, j - 1].clamp_max(0))
            high = torch.minimum(high, PAIR_LIMIT - integers[:, j - 1].clamp_min(0))
        integers[:, j] = torch.round(exact[:, j] / scale).clamp(low, high)
        error = (exact[:, j] - integers[:, j] * scale) / spread[j, j]
        exact[:, j + 1 :] -= error[:, None] * spread[j, j + 1 :]
    return integers
