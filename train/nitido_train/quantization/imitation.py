"""8-bit arithmetic imitated in torch: the same rounding, at the same places, as the exported graph will have.

A plain (collapsed) body is traced; its activations get a quantizer each, its convolutions quantized weights. What
comes out can be measured (post-training quantization), trained on (quantization-aware training: Jacob et al., CVPR
2018, with straight-through gradients) and exported, and is the same graph in all three.
"""

from __future__ import annotations

import copy
import operator
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn

from nitido.errors import CheckpointError
from nitido_train.nets.blocks import DepthToSpace, SpaceToDepth, collapse
from nitido_train.nets.frame import FrameNet
from nitido_train.quantization.concatenation import side_by_side
from nitido_train.tensors import ZERO_POINT

Ranges = Mapping[str, tuple[float, float]]

WEIGHT_LIMIT = 127
PAIR_LIMIT = 128  # of two neighbouring weights: 255 · 128 is the most that fits into 16 bits


@dataclass(frozen=True)
class Quantization:
    """What it takes to rebuild a quantized body. ranges: (low, high) of each activation by its name in the traced
    body. float_layers: convolutions that stay in floating point."""

    ranges: dict[str, tuple[float, float]]
    float_layers: tuple[str, ...] = ()
    method: str = field(default="percentile", compare=False)


class ActivationQuantizer(nn.Module):
    """Rounds to 256 levels between ``low`` and ``high``, widened so that 0 is one of them."""

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
    therefore chosen so that no two neighbours add up to more than 128: then every processor computes the same sums.
    That costs little, as large weights seldom stand side by side.

    Each kernel is rounded so that its sum stays right to half a step: what a layer makes of flat areas then hardly
    changes, which is where the eye, and the error of independently rounded taps, is largest.

    input_scale: of the quantizer before it, which the integer biases of the export need.
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
        """The step of each output channel for its weights O×(k·k·I) in the order of memory: ONNX Runtime computes
        integer convolutions with the channels last."""
        pairs = F.pad(rows, (0, rows.shape[1] % 2)).unflatten(1, (-1, 2)).sum(2)  # O n; opposite signs cannot overflow
        # Below the limits, as each weight of a pair may be rounded up and then moved one step more.
        largest = torch.maximum(rows.abs().amax(1) / (WEIGHT_LIMIT - 1), pairs.abs().amax(1) / (PAIR_LIMIT - 3))
        return largest.clamp_min(1e-8 / WEIGHT_LIMIT)

    def settle(self, integers: Tensor, scale: Tensor) -> None:
        """Fixes the integers O×I×k×k (int8) and scales O (float32): its weights are no longer rounded from floats."""
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
    """O×I×taps rounded to integers; the taps that are farthest from theirs go one further where that mends the sum."""
    rounded = torch.round(exact)
    missing = torch.round(exact.sum(2) - rounded.sum(2))[..., None]  # O I 1
    remainder = (exact - rounded) * missing.sign()
    rank = remainder.argsort(2, descending=True).argsort(2)
    return rounded + missing.sign() * (rank < missing.abs())


class _Tracer(fx.Tracer):
    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        own = (SpaceToDepth, DepthToSpace, ActivationQuantizer, QuantizedConv2d)
        return isinstance(m, own) or super().is_leaf_module(m, module_qualified_name)


def trace(net: nn.Module) -> fx.GraphModule:
    """The network as a graph of its layers; the names of its nodes are those of ``Quantization.ranges``."""
    return fx.GraphModule(net, _Tracer().trace(net))


def plainly_traced(body: nn.Module) -> fx.GraphModule:
    """The graph of a collapsed copy of ``body`` that quantizers are put into."""
    return side_by_side(trace(collapse(body)))


def layer_names(body: nn.Module) -> list[str]:
    """The convolutions of a body by their names in the traced graph, in order of execution."""
    traced = plainly_traced(body)
    modules = dict(traced.named_modules())
    return [n.name for n in traced.graph.nodes if n.op == "call_module" and type(modules[str(n.target)]) is nn.Conv2d]


def quantize_body(body: nn.Module, quantization: Quantization) -> fx.GraphModule:
    """A copy of a plain body with quantizers in place. An activation is quantized where an integer layer makes or
    takes it; a rectified one after its ReLU only. The cells that come in are bytes already and lose nothing.

    Raises ``CheckpointError`` when the ranges are not those of this body.
    """
    traced = plainly_traced(body)
    modules = dict(traced.named_modules())
    floats = set(quantization.float_layers)
    quantizers: dict[fx.Node, ActivationQuantizer] = {}
    # Bytes of one scale are put side by side as they are.
    joined = {part: node for node in traced.graph.nodes if node.target is torch.cat for part in node.all_input_nodes}
    for node in list(traced.graph.nodes):
        if not _is_quantized(node, modules, floats):
            continue
        if node.op == "placeholder":
            low, high = -ZERO_POINT / 255, (255 - ZERO_POINT) / 255
        elif (name := joined.get(node, node).name) in quantization.ranges:
            low, high = quantization.ranges[name]
        else:
            raise CheckpointError(f"no range is known for '{node.name}': these ranges are of another network")
        quantizers[node] = ActivationQuantizer(low, high)
    for node in list(traced.graph.nodes):
        if _is_integer_layer(node, modules, floats) and type(modules.get(str(node.target))) is nn.Conv2d:
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
    plain = cast(FrameNet, collapse(net))
    plain.body = quantize_body(plain.body, quantization)
    return plain


def unquantized(net: FrameNet) -> FrameNet:
    """A copy of a quantized network with its quantizers taken out again: the float weights it was trained with."""
    plain = copy.deepcopy(net).eval().requires_grad_(False)
    body = cast(fx.GraphModule, plain.body)
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
    return plain


@torch.no_grad()
def activations(body: nn.Module, batches: Iterable[Tensor]) -> Iterator[dict[str, Tensor]]:
    """For each batch of cells N×C×h×w: every activation that may be quantized, by name."""
    traced = plainly_traced(body)
    modules = dict(traced.named_modules())
    wanted = {n for n in traced.graph.nodes if n.op != "placeholder" and _is_quantized(n, modules, set())}

    class Recorder(fx.Interpreter):
        def __init__(self) -> None:
            super().__init__(traced)
            self.seen: dict[str, Tensor] = {}

        def run_node(self, n: fx.Node) -> Any:
            result = super().run_node(n)
            if n in wanted:
                self.seen[n.name] = result
            return result

    for batch in batches:
        recorder = Recorder()
        recorder.run(batch)
        yield recorder.seen


def percentile_ranges(body: nn.Module, batches: Iterable[Tensor], percentile: float = 99.9995) -> Quantization:
    """Ranges that leave out the same share of outliers at each end, the mean over batches; 100 is min-max."""
    tail = (100 - percentile) / 100
    ends: dict[str, list[tuple[float, float]]] = {}
    for seen in activations(body, batches):
        for name, values in seen.items():
            flat = values.flatten().float()
            if tail == 0:
                low, high = float(flat.min()), float(flat.max())
            else:
                count = max(1, round(tail * len(flat)))
                high = float(flat.topk(count).values[-1])
                low = float(flat.topk(count, largest=False).values[-1])
            ends.setdefault(name, []).append((low, high))
    if tail == 0:
        ranges = {name: (min(e[0] for e in pairs), max(e[1] for e in pairs)) for name, pairs in ends.items()}
    else:
        ranges = {n: (sum(e[0] for e in p) / len(p), sum(e[1] for e in p) / len(p)) for n, p in ends.items()}
    return Quantization(ranges, method="minmax" if tail == 0 else f"percentile {percentile:g}")


def _is_structural(node: fx.Node, modules: Mapping[str, nn.Module]) -> bool:
    if node.op == "call_function":
        return node.target in (operator.add, operator.mul, torch.cat)
    return node.op == "call_module" and isinstance(modules[str(node.target)], (SpaceToDepth, DepthToSpace))


def _is_integer_layer(node: fx.Node, modules: Mapping[str, nn.Module], floats: Collection[str]) -> bool:
    if node.op == "call_module" and isinstance(modules[str(node.target)], nn.Conv2d):
        return node.name not in floats
    return _is_structural(node, modules)


def _is_relu(node: fx.Node, modules: Mapping[str, nn.Module]) -> bool:
    if node.op == "call_function":
        return node.target is torch.relu
    return node.op == "call_module" and isinstance(modules[str(node.target)], nn.ReLU)


def _is_quantized(node: fx.Node, modules: Mapping[str, nn.Module], floats: Collection[str]) -> bool:
    """Whether the activation that ``node`` makes has a quantizer after it."""
    if node.op in ("output", "get_attr"):
        return False
    if any(_is_integer_layer(user, modules, floats) for user in node.users):
        return True
    if any(_is_relu(user, modules) for user in node.users):
        return False  # the quantizer follows the ReLU
    maker = node.all_input_nodes[0] if _is_relu(node, modules) else node
    return maker.op != "placeholder" and _is_integer_layer(maker, modules, floats)
