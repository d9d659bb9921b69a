"""Equalizes the ranges of channels before quantization, without changing what the network computes.

All channels of an activation share one scale, so a channel with small values gets few of the 256 levels. A factor
passes through ReLU: if a convolution's output channel is multiplied by it, the next layers can divide by it (Nagel et
al., "Data-Free Quantization Through Weight Equalization and Bias Correction", ICCV 2019; here with measured ranges).
"""

from __future__ import annotations

import operator
from collections.abc import Iterable, Mapping
from typing import cast

import torch
from torch import Tensor, fx, nn

from nitido_train.quantization.ranges import activations
from nitido_train.quantization.tracing import plainly_traced

SMALLEST = 0.05  # of the largest channel's range; channels below this share are scaled as if they had it
PERCENTILE = 0.9999


@torch.no_grad()
def equalize(body: nn.Module, batches: Iterable[Tensor]) -> nn.Module:
    """A collapsed copy of a body, ready for quantization, whose channels have similar ranges on the given cells
    N×C×h×w.

    Channels are only scaled if they reach nothing but convolutions, ReLUs, additions and concatenations before
    convolutions. Depth-to-space and the output, for example, prevent it.
    """
    traced = plainly_traced(body)
    modules = dict(traced.named_modules())
    group, fixed = _channel_groups(traced, modules)
    ranges: dict[str, Tensor] = {}
    for seen in activations(traced, batches):
        for name, values in seen.items():
            flat = values.transpose(0, 1).flatten(1).abs()  # C n·h·w
            high = flat.kthvalue(max(1, round(PERCENTILE * flat.shape[1])), dim=1).values
            ranges[name] = torch.maximum(ranges.get(name, high), high)
    joined = {part: node for node in traced.graph.nodes for part in _parts(node) if part is not node}
    fixed.update(group[part] for part, node in joined.items() if any(p.name not in ranges for p in _parts(node)))
    factors: dict[int, Tensor] = {}
    for node in traced.graph.nodes:
        own = group.get(node)
        if own is None or own in fixed or node.name not in ranges:
            continue
        # Activations that are concatenated later share one scale.
        share = (ranges[node.name] / ranges[joined.get(node, node).name].max()).clamp_min(SMALLEST)
        # If several activations share channels, the one that uses most of a channel's range decides.
        factors[own] = torch.maximum(factors.get(own, share), share)
    for node in traced.graph.nodes:
        conv = modules.get(str(node.target)) if node.op == "call_module" else None
        if not isinstance(conv, nn.Conv2d):
            continue
        if (made := factors.get(group[node])) is not None:
            conv.weight.div_(made[:, None, None, None])
            cast(Tensor, conv.bias).div_(made)
        begin = 0
        for part in _parts(node.all_input_nodes[0]):
            if (taken := factors.get(group[part])) is not None:
                conv.weight[:, begin : begin + len(taken)].mul_(taken[None, :, None, None])
            begin += len(ranges.get(part.name, ()))  # 0: the only part, and not measured
    return traced


def _parts(node: fx.Node) -> list[fx.Node]:
    """The activations whose channels ``node`` consists of."""
    return node.all_input_nodes if node.target is torch.cat else [node]


def _channel_groups(traced: fx.GraphModule, modules: Mapping[str, nn.Module]) -> tuple[dict[fx.Node, int], set[int]]:
    """(the group of each activation's channels, groups that must not be scaled).

    Channels of one group pass the same ReLUs and additions and can only be scaled together.
    """
    group: dict[fx.Node, int] = {}
    fixed: set[int] = set()

    def merge(into: int, other: int) -> None:
        for node, number in group.items():
            if number == other:
                group[node] = into
        if other in fixed:
            fixed.add(into)

    def fix(nodes: Iterable[fx.Node]) -> None:
        fixed.update(group[part] for node in nodes for part in _parts(node))

    for number, node in enumerate(traced.graph.nodes):
        if node.op == "output":
            fix(node.all_input_nodes)
            continue
        module = modules.get(str(node.target)) if node.op == "call_module" else None
        scales = node.target is torch.relu or isinstance(module, nn.ReLU)
        if scales or node.target is operator.add:
            group[node] = group[node.all_input_nodes[0]]
            for other in node.all_input_nodes[1:]:
                merge(group[node], group[other])
        else:
            group[node] = number
            if not (isinstance(module, nn.Conv2d) and module.groups == 1):
                fixed.add(number)
                if node.target is not torch.cat:
                    fix(node.all_input_nodes)
    return group, fixed
