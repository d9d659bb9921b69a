"""Channels brought to like ranges before quantization, without changing what the network computes.

One scale serves all channels of an activation, so a channel that stays small gets few of its 256 levels. ReLU lets a
factor through: what a convolution's output channel is multiplied by, its consumers can divide by (Nagel et al.,
"Data-Free Quantization Through Weight Equalization and Bias Correction", ICCV 2019; here with measured ranges).
"""

from __future__ import annotations

import operator
from collections.abc import Iterable, Mapping
from typing import cast

import torch
from torch import Tensor, fx, nn

from nitido_train.nets.blocks import collapse
from nitido_train.quantize import activations, trace

SMALLEST = 0.05  # of the largest channel's range: what is less is as good as dead and stays as it is
PERCENTILE = 0.9999


@torch.no_grad()
def equalize(body: nn.Module, batches: Iterable[Tensor]) -> nn.Module:
    """A collapsed copy of a body whose activations have channels of like ranges on the given cells N×C×h×w.

    Channels that reach a layer other than a convolution, a ReLU or an addition (such as depth-to-space, or the output)
    are left alone.
    """
    plain = collapse(body)
    traced = trace(plain)
    modules = dict(traced.named_modules())
    group, fixed = _channel_groups(traced, modules)
    ranges: dict[str, Tensor] = {}
    for seen in activations(plain, batches):
        for name, values in seen.items():
            flat = values.transpose(0, 1).flatten(1).abs()  # C n·h·w
            high = flat.kthvalue(max(1, round(PERCENTILE * flat.shape[1])), dim=1).values
            ranges[name] = torch.maximum(ranges.get(name, high), high)
    factors: dict[int, Tensor] = {}
    for node in traced.graph.nodes:
        own = group.get(node)
        if own is None or own in fixed or node.name not in ranges:
            continue
        share = (ranges[node.name] / ranges[node.name].max()).clamp_min(SMALLEST)
        # Where several activations share their channels, the one that uses most of a channel's range decides.
        factors[own] = torch.maximum(factors.get(own, share), share)
    for node in traced.graph.nodes:
        conv = modules.get(str(node.target)) if node.op == "call_module" else None
        if not isinstance(conv, nn.Conv2d):
            continue
        if (made := factors.get(group[node])) is not None:
            conv.weight.div_(made[:, None, None, None])
            cast(Tensor, conv.bias).div_(made)
        if (taken := factors.get(group.get(node.all_input_nodes[0], -1))) is not None:
            conv.weight.mul_(taken[None, :, None, None])
    return plain


def _channel_groups(traced: fx.GraphModule, modules: Mapping[str, nn.Module]) -> tuple[dict[fx.Node, int], set[int]]:
    """(the group of each activation's channels, groups that may not be scaled). Channels of one group go through the
    same ReLUs and additions and can only be scaled together."""
    group: dict[fx.Node, int] = {}
    fixed: set[int] = set()

    def merge(into: int, other: int) -> None:
        for node, number in group.items():
            if number == other:
                group[node] = into
        if other in fixed:
            fixed.add(into)

    for number, node in enumerate(traced.graph.nodes):
        if node.op == "output":
            fixed.update(group[n] for n in node.all_input_nodes)
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
                fixed.update(group[n] for n in node.all_input_nodes)
    return group, fixed
