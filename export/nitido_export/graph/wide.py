"""Widens the first and the last 8-bit layer of a body to numbers of channels for which kernels are fast.

ONNX Runtime's integer convolutions need a third of the time for 16 output channels that they need for 12, and half of
the time for four input channels that they need for three. The added channels have zero weights, and those of the result
are cut off again, so the result is the same to the byte.
"""

from __future__ import annotations

import copy
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn

from nitido_train.quantization.layers import QuantizedConv2d

FAST_INPUTS = 4
FAST_OUTPUTS = 16  # or a multiple


def widened_first(body: nn.Module) -> tuple[nn.Module, int]:
    """(the body with a first layer of four input channels, 4) if it is an integer layer with three, else (the body,
    0)."""
    name = _first_convolution(body) if isinstance(body, fx.GraphModule) else ""
    if not name or cast(QuantizedConv2d, body.get_submodule(name)).conv.in_channels >= FAST_INPUTS:
        return body, 0
    wide = copy.deepcopy(body)
    layer = cast(QuantizedConv2d, wide.get_submodule(name))
    integers, scale = layer.integer_weight()
    missing = FAST_INPUTS - layer.conv.in_channels
    layer.conv.in_channels = FAST_INPUTS
    layer.conv.weight = nn.Parameter(F.pad(layer.conv.weight, (0, 0, 0, 0, 0, missing)), False)
    layer.settle(F.pad(integers, (0, 0, 0, 0, 0, missing)), scale)
    return wide, FAST_INPUTS


def widened(body: nn.Module, depth: int) -> tuple[nn.Module, int]:
    """(the body with a last layer of a multiple of 16 channels, that multiple), or (the body, ``depth``) where the last
    layer is not an integer one or is wide enough.

    depth: channels that the body returns.
    """
    missing = -depth % FAST_OUTPUTS
    name = _last_convolution(body) if missing and isinstance(body, fx.GraphModule) else ""
    if not name:
        return body, depth
    wide = copy.deepcopy(body)
    _add_zeros(cast(QuantizedConv2d, wide.get_submodule(name)), missing)
    return wide, depth + missing


def _first_convolution(body: fx.GraphModule) -> str:
    """Name of the integer convolution that alone takes the body's quantized input, or an empty text."""
    node = next(node for node in body.graph.nodes if node.op == "placeholder")
    for _ in range(2):
        if len(node.users) != 1:
            return ""
        (node,) = node.users
    is_integer = node.op == "call_module" and isinstance(body.get_submodule(str(node.target)), QuantizedConv2d)
    return str(node.target) if is_integer else ""


def _last_convolution(body: fx.GraphModule) -> str:
    """Name of the integer convolution whose quantized result the body returns, or an empty text."""
    (returned,) = next(node for node in body.graph.nodes if node.op == "output").all_input_nodes
    if returned.op != "call_module" or not returned.all_input_nodes:
        return ""
    source = returned.all_input_nodes[0]
    if source.op != "call_module" or not isinstance(body.get_submodule(str(source.target)), QuantizedConv2d):
        return ""
    return str(source.target)


@torch.no_grad()
def _add_zeros(layer: QuantizedConv2d, missing: int) -> None:
    """Gives the layer ``missing`` more output channels of zeros."""
    integers, scale = layer.integer_weight()
    conv, bias = layer.conv, cast(Tensor, layer.conv.bias)
    conv.out_channels += missing
    conv.weight = nn.Parameter(F.pad(conv.weight, (0, 0, 0, 0, 0, 0, 0, missing)), False)
    conv.bias = nn.Parameter(F.pad(bias, (0, missing)), False)
    # Any scale is right for zeros.
    layer.settle(F.pad(integers, (0, 0, 0, 0, 0, 0, 0, missing)), torch.cat([scale, scale[:1].expand(missing)]))
