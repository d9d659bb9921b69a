"""The parts of a network that are quantized: its body, or the two stacks of a recurrent denoiser.

A :class:`Quantization` contains all of them. If there are several parts, its names begin with the name of the part.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from torch import nn

from nitido_train.nets.frame import FrameNet
from nitido_train.quantization.ranges import Quantization
from nitido_train.quantization.tracing import layer_names


def parts_of(net: FrameNet) -> dict[str, nn.Module]:
    """The parts by name."""
    return {name: net.get_submodule(name) for name in net.quantized_parts}


def prefix_of(net: FrameNet, part: str) -> str:
    """The prefix of the names of a part's layers."""
    return f"{part}." if len(net.quantized_parts) > 1 else ""


def part_of(quantization: Quantization, prefix: str) -> Quantization:
    """The entries of one part, with the names of the layers in that part."""
    ranges = {n.removeprefix(prefix): r for n, r in quantization.ranges.items() if n.startswith(prefix)}
    floats = tuple(n.removeprefix(prefix) for n in quantization.float_layers if n.startswith(prefix))
    return replace(quantization, ranges=ranges, float_layers=floats)


def together(parts: Mapping[str, Quantization]) -> Quantization:
    """The quantization of all parts, by prefix, which share a method."""
    ranges = {prefix + name: r for prefix, part in parts.items() for name, r in part.ranges.items()}
    floats = tuple(prefix + name for prefix, part in parts.items() for name in part.float_layers)
    return Quantization(ranges, floats, next(iter(parts.values())).method)


def all_layer_names(net: FrameNet) -> list[str]:
    """The convolutions of all parts, in order of execution."""
    return [prefix_of(net, part) + name for part, body in parts_of(net).items() for name in layer_names(body)]
