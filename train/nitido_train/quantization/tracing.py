"""A body as a graph of its layers, and which of its activations are quantized."""

from __future__ import annotations

import operator
from collections.abc import Collection, Mapping

import torch
from torch import fx, nn

from nitido_train.nets.blocks import DepthToSpace, LevelConv2d, SpaceToDepth, collapse
from nitido_train.quantization.concatenation import concatenate_instead_of_add
from nitido_train.quantization.layers import ActivationQuantizer, QuantizedConv2d


class _Tracer(fx.Tracer):
    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        own = (SpaceToDepth, DepthToSpace, LevelConv2d, ActivationQuantizer, QuantizedConv2d)
        return isinstance(m, own) or super().is_leaf_module(m, module_qualified_name)


def trace(net: nn.Module) -> fx.GraphModule:
    """The network as a graph of its layers. The names of its nodes are the keys of ``Quantization.ranges``."""
    return fx.GraphModule(net, _Tracer().trace(net))


def plainly_traced(body: nn.Module) -> fx.GraphModule:
    """The graph of a collapsed copy of ``body``, ready for quantizers."""
    return concatenate_instead_of_add(trace(collapse(body)))


def layer_names(body: nn.Module) -> list[str]:
    """The convolutions of a body by their names in the traced graph, in order of execution."""
    traced = plainly_traced(body)
    modules = dict(traced.named_modules())
    return [n.name for n in traced.graph.nodes if n.op == "call_module" and type(modules[str(n.target)]) is nn.Conv2d]


def _is_structural(node: fx.Node, modules: Mapping[str, nn.Module]) -> bool:
    if node.op == "call_function":
        return node.target in (operator.add, operator.mul, torch.cat)
    return node.op == "call_module" and isinstance(modules[str(node.target)], (SpaceToDepth, DepthToSpace))


def is_integer_layer(node: fx.Node, modules: Mapping[str, nn.Module], floats: Collection[str]) -> bool:
    if node.op == "call_module" and isinstance(modules[str(node.target)], nn.Conv2d):
        return node.name not in floats
    return _is_structural(node, modules)


def _is_relu(node: fx.Node, modules: Mapping[str, nn.Module]) -> bool:
    if node.op == "call_function":
        return node.target is torch.relu
    return node.op == "call_module" and isinstance(modules[str(node.target)], nn.ReLU)


def is_quantized(node: fx.Node, modules: Mapping[str, nn.Module], floats: Collection[str]) -> bool:
    """Whether a quantizer follows the activation of ``node``."""
    if node.op in ("output", "get_attr"):
        return False
    if any(is_integer_layer(user, modules, floats) for user in node.users):
        return True
    if any(_is_relu(user, modules) for user in node.users):
        return False  # the quantizer follows the ReLU
    maker = node.all_input_nodes[0] if _is_relu(node, modules) else node
    return maker.op != "placeholder" and is_integer_layer(maker, modules, floats)
