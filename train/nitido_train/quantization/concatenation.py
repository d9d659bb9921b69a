"""Replaces sums, which 8-bit arithmetic would have to round, by concatenations.

A sum of two 8-bit activations must be rounded to 8 bits before a convolution can take it. If the kernel is repeated,
``conv(a + b)`` equals ``conv(cat(a, b))``, and nothing is rounded. The two halves of the kernel can then be quantized
separately.
"""

from __future__ import annotations

import operator
from typing import cast

import torch
from torch import fx, nn

NARROW = 0.5  # outputs per input: for a wider convolution, the second kernel costs more than the sum


@torch.no_grad()
def concatenate_instead_of_add(traced: fx.GraphModule) -> fx.GraphModule:
    """Replaces, in place, every sum that is only the input of one narrow convolution. Returns the network."""
    modules = dict(traced.named_modules())
    for node in list(traced.graph.nodes):
        if node.op != "call_function" or node.target is not operator.add or len(node.all_input_nodes) != 2:
            continue
        (user, *others) = node.users
        conv = modules.get(str(user.target)) if user.op == "call_module" else None
        if others or type(conv) is not nn.Conv2d or conv.groups != 1:
            continue
        if conv.out_channels > NARROW * conv.in_channels:
            continue
        parent, _, name = str(user.target).rpartition(".")
        setattr(traced.get_submodule(parent), name, _doubled(conv))
        with traced.graph.inserting_before(user):
            joined = traced.graph.call_function(torch.cat, (node.all_input_nodes, 1))
        node.replace_all_uses_with(joined)
        traced.graph.erase_node(node)
    traced.recompile()
    return traced


def _doubled(conv: nn.Conv2d) -> nn.Conv2d:
    size, padding = cast(tuple[int, int], conv.kernel_size), cast(tuple[int, int], conv.padding)
    twice = nn.Conv2d(2 * conv.in_channels, conv.out_channels, size, cast(tuple[int, int], conv.stride), padding)
    twice.weight.copy_(torch.cat([conv.weight, conv.weight], 1))
    assert conv.bias is not None and twice.bias is not None
    twice.bias.copy_(conv.bias)
    return twice.requires_grad_(conv.weight.requires_grad)
