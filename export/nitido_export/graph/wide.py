"""Widening the last 8-bit layer of a body to a number of channels that kernels are fast with.

ONNX Runtime's integer convolutions compute 16 output channels in a third of the time that they take for 12. The
channels added are zero and are cut off again where the result is bytes, so the picture is the same to the byte.
"""

from __future__ import annotations

import copy
from typing import cast

import torch
from torch import Tensor, fx, nn

from nitido_train.quantization.layers import QuantizedConv2d

FAST = 16  # output channels, or a multiple


def widened(body: nn.Module, depth: int) -> tuple[nn.Module, int]:
    """(the body with a last layer of a multiple of 16 channels, that multiple), or (the body, ``depth``) where the last
    layer is not an integer one or is wide enough.

    depth: channels that the body returns.
    """
    missing = -depth % FAST
    name = _last_convolution(body) if missing and isinstance(body, fx.GraphModule) else ""
    if not name:
        return body, depth
    wide = copy.deepcopy(body)
    parent, _, own = name.rpartition(".")
    layer = cast(QuantizedConv2d, wide.get_submodule(name))
    setattr(wide.get_submodule(parent), own, _with_zeros(layer, missing))
    return wide, depth + missing


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
def _with_zeros(layer: QuantizedConv2d, missing: int) -> QuantizedConv2d:
    """The layer with ``missing`` more output channels of zeros."""
    integers, scale = layer.integer_weight()
    conv = copy.deepcopy(layer.conv)
    conv.out_channels += missing
    conv.weight = nn.Parameter(torch.cat([conv.weight, conv.weight.new_zeros(missing, *conv.weight.shape[1:])]), False)
    bias = cast(Tensor, conv.bias)
    conv.bias = nn.Parameter(torch.cat([bias, bias.new_zeros(missing)]), False)
    wide = QuantizedConv2d(conv, layer.input_scale)
    more = integers.new_zeros(missing, *integers.shape[1:])
    # Any scale is right for zeros.
    wide.settle(torch.cat([integers, more]), torch.cat([scale, scale[:1].expand(missing)]))
    return wide
