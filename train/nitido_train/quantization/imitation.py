"""Imitates 8-bit arithmetic in torch, with the same rounding at the same places as in the exported graph.

A plain (collapsed) body is traced. Each of its activations gets a quantizer, and its convolutions get quantized
weights. The result can be measured (post-training quantization), trained further (quantization-aware training with
straight-through gradients: Jacob et al., CVPR 2018) and exported. It is the same graph in all three cases.
"""

from __future__ import annotations

import copy
from typing import cast

import torch
from torch import fx, nn

from nitido.errors import CheckpointError
from nitido_train.nets.frame import FrameNet
from nitido_train.nets.live import LiveFrameNet
from nitido_train.nets.live_planes import PlaneLiveNet
from nitido_train.nets.planes import in_planes
from nitido_train.quantization.layers import ActivationQuantizer, QuantizedConv2d
from nitido_train.quantization.parts import part_of, parts_of, prefix_of
from nitido_train.quantization.ranges import Quantization
from nitido_train.quantization.tracing import is_integer_layer, is_quantized, plainly_traced
from nitido_train.tensors import ZERO_POINT


def quantize_body(body: nn.Module, quantization: Quantization) -> fx.GraphModule:
    """A copy of a plain body with quantizers.

    An activation is quantized if an integer layer is its source or takes it; with a ReLU, only after the ReLU. The
    input cells are bytes already, so quantizing them changes nothing. Raises ``CheckpointError`` when the ranges belong
    to another body.
    """
    traced = plainly_traced(body)
    modules = dict(traced.named_modules())
    floats = set(quantization.float_layers)
    quantizers: dict[fx.Node, ActivationQuantizer] = {}
    # A concatenation does not rescale its parts, so they must have its scale.
    joined = {part: node for node in traced.graph.nodes if node.target is torch.cat for part in node.all_input_nodes}
    for node in list(traced.graph.nodes):
        if not is_quantized(node, modules, floats):
            continue
        if node.op == "placeholder":
            low, high = -ZERO_POINT / 255, (255 - ZERO_POINT) / 255
        elif (name := joined.get(node, node).name) in quantization.ranges:
            low, high = quantization.ranges[name]
        else:
            raise CheckpointError(f"no range is known for '{node.name}': these ranges are of another network")
        quantizers[node] = ActivationQuantizer(low, high)
    for node in list(traced.graph.nodes):
        if is_integer_layer(node, modules, floats) and type(modules.get(str(node.target))) is nn.Conv2d:
            source = node.all_input_nodes[0]
            conv = cast(nn.Conv2d, modules[str(node.target)])
            quantized = QuantizedConv2d(conv, float(quantizers[source].scale))
            parent, _, name = str(node.target).rpartition(".")
            setattr(traced.get_submodule(parent), name, quantized)
    for node, quantizer in quantizers.items():
        name = f"{node.name}_q"
        traced.add_submodule(name, quantizer)
        with traced.graph.inserting_after(node):
            rounded = traced.graph.call_module(name, (node,))
        rounded.name = name
        node.replace_all_uses_with(rounded, delete_user_cb=lambda user, new=rounded: user is not new)
    traced.recompile()
    return traced


def quantize_net(net: FrameNet, quantization: Quantization) -> FrameNet:
    """A copy of a frame network with a quantized body."""
    plain = as_quantized(net)
    for part, body in parts_of(plain).items():
        setattr(plain, part, quantize_body(body, part_of(quantization, prefix_of(plain, part))))
    return plain


def as_quantized(net: FrameNet) -> FrameNet:
    """The network in the form for quantization: collapsed, with noise levels among its channels."""
    return PlaneLiveNet(net) if isinstance(net, LiveFrameNet) else in_planes(net)


def unquantized(net: FrameNet) -> FrameNet:
    """A copy of a quantized network without quantizers, with the trained float weights."""
    plain = copy.deepcopy(net).eval().requires_grad_(False)
    for body in parts_of(plain).values():
        _remove_quantizers(cast(fx.GraphModule, body))
    return plain


def _remove_quantizers(body: fx.GraphModule) -> None:
    for node in list(body.graph.nodes):
        if node.op == "call_module" and isinstance(body.get_submodule(str(node.target)), ActivationQuantizer):
            node.replace_all_uses_with(node.all_input_nodes[0])
            body.graph.erase_node(node)
    for name, module in list(body.named_modules()):
        if isinstance(module, QuantizedConv2d):
            parent, _, own = name.rpartition(".")
            setattr(body.get_submodule(parent), own, module.conv)
    body.delete_all_unused_submodules()
    body.recompile()
