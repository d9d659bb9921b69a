"""A traced torch network as ONNX nodes, one for one."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import fx, nn

from nitido.errors import ExportError
from nitido_export.graph.writer import GraphWriter
from nitido_train.nets.blocks import DepthToSpace, LevelConv2d, SpaceToDepth
from nitido_train.quantization.layers import ActivationQuantizer, QuantizedConv2d
from nitido_train.quantization.tracing import trace


def write_layers(w: GraphWriter, net: nn.Module, inputs: list[str], prefix: str = "", half: bool = False) -> list[str]:
    """Adds ``net`` applied to the tensors named ``inputs`` and returns the names of its outputs.

    net: plain (collapsed) layers, or layers quantized by ``nitido_train.quantization.imitation``, whose quantizers
    become QuantizeLinear/DequantizeLinear pairs. prefix: of every name. half: weights in float16.
    Raises ``ExportError`` for a layer that has no ONNX form here.
    """
    traced = net if isinstance(net, fx.GraphModule) else trace(net)
    names: dict[fx.Node, str] = {}
    queue = list(inputs)
    modules = dict(traced.named_modules())
    w.quantized = w.quantized or any(isinstance(m, ActivationQuantizer) for m in modules.values())
    for node in traced.graph.nodes:
        given = [names[a] for a in node.all_input_nodes]
        name = prefix + node.name
        if node.op == "placeholder":
            if queue:
                names[node] = queue.pop(0)
            elif node.users:
                raise ExportError(f"the network needs an input '{node.name}' that the graph does not have")
        elif node.op == "output":
            result = node.args[0]
            return [names[n] for n in (result if isinstance(result, (tuple, list)) else [result])]
        elif node.op == "call_module":
            module = modules[str(node.target)]
            write = _MODULES.get(type(module))
            if write is None:
                raise ExportError(f"layer '{node.target}' is a {type(module).__name__}, which has no ONNX form here")
            names[node] = write(w, module, given, name, np.dtype(np.float16 if half else np.float32))
        elif node.op == "call_function" and node.target in _FUNCTIONS:
            kind, attributes = _FUNCTIONS[node.target](node)
            if kind in ("Add", "Mul") and len(given) == 1:  # x + x
                given = given * 2
            names[node] = w.op(kind, given, name, **attributes)
        else:
            raise ExportError(f"step '{node.name}' ({node.target}) has no ONNX form here")
    raise ExportError("the network returns nothing")


def _values(tensor: torch.Tensor | None, dtype: np.dtype[Any]) -> np.ndarray:
    if tensor is None:
        raise ExportError("a layer without bias has no ONNX form here; give it one")
    return tensor.detach().cpu().numpy().astype(dtype)


def _conv(w: GraphWriter, conv: nn.Conv2d, given: list[str], name: str, dtype: np.dtype[Any]) -> str:
    weight = w.constant(f"{name}.weight", _values(conv.weight, dtype))
    bias = w.constant(f"{name}.bias", _values(conv.bias, dtype))
    if w.quantized and _is_dequantized(w, given[0]):
        # Newer ONNX Runtimes (WeightBiasQuantization) quantize the weights of every convolution between
        # DequantizeLinear and QuantizeLinear, with one scale for all channels. This no-op in between prevents that for
        # float layers.
        lowest = w.constant("lowest", np.finfo(dtype).min, dtype)
        given = [w.op("Max", [*given, lowest], f"{name}.in_float")]
    return w.op("Conv", [*given, weight, bias], name, **_conv_attributes(conv))


def _level_conv(w: GraphWriter, conv: LevelConv2d, given: list[str], name: str, dtype: np.dtype[Any]) -> str:
    """A computed bias. In float, ONNX Runtime is as fast with it as with a constant."""
    x, condition = given
    weight = w.constant(f"{name}.weight", _values(conv.weight, dtype))
    bias = w.constant(f"{name}.bias", _values(conv.bias, dtype))
    shift = w.op("MatMul", [w.constant(f"{name}.shift", _values(conv.shift, dtype)), condition], f"{name}.shifted")
    shifted = w.op("Add", [shift, bias], f"{name}.level_bias")
    return w.op("Conv", [x, weight, shifted], name, **_conv_attributes(conv))


def _is_dequantized(w: GraphWriter, tensor: str) -> bool:
    return any(node.op_type == "DequantizeLinear" and tensor in node.output for node in w.nodes)


def _conv_attributes(conv: nn.Conv2d) -> dict[str, Any]:
    if isinstance(conv.padding, str) or conv.padding_mode != "zeros" or set(conv.dilation) != {1}:
        raise ExportError(f"{conv} has no ONNX form here: expected zero padding by a number and no dilation")
    return {
        "kernel_shape": list(conv.kernel_size),
        "strides": list(conv.stride),
        "pads": [*conv.padding, *conv.padding],
        "group": conv.groups,
    }


def _quantized_conv(w: GraphWriter, conv: QuantizedConv2d, given: list[str], name: str, _dtype: np.dtype[Any]) -> str:
    """Weights as int8 with one scale per channel, and biases as int32 on the scale of the products: the form that ONNX
    Runtime's integer kernels take."""
    weight, scale = conv.integer_weight()
    bias_scale = scale * conv.input_scale
    bias = torch.round(conv.conv.bias / bias_scale)  # pyright: ignore[reportOptionalOperand]
    zeros = np.zeros(len(scale))
    w.constant(f"{name}.weight_i8", weight.numpy(), np.int8)
    w.constant(f"{name}.weight_scale", scale.numpy(), np.float32)
    w.constant(f"{name}.weight_zero", zeros, np.int8)
    w.constant(f"{name}.bias_i32", bias.numpy(), np.int32)
    w.constant(f"{name}.bias_scale", bias_scale.numpy(), np.float32)
    w.constant(f"{name}.bias_zero", zeros, np.int32)
    parts = [
        w.op(
            "DequantizeLinear",
            [f"{name}.{part}_{kind}", f"{name}.{part}_scale", f"{name}.{part}_zero"],
            f"{name}.{part}",
            axis=0,
        )
        for part, kind in (("weight", "i8"), ("bias", "i32"))
    ]
    return w.op("Conv", [*given, *parts], name, **_conv_attributes(conv.conv))


def _quantizer(w: GraphWriter, q: ActivationQuantizer, given: list[str], name: str, _dtype: np.dtype[Any]) -> str:
    scale = w.constant(f"{name}.scale", float(q.scale), np.float32)
    zero = w.constant(f"{name}.zero", int(q.zero_point), np.uint8)
    bytes_ = w.op("QuantizeLinear", [*given, scale, zero], f"{name}.bytes")
    return w.op("DequantizeLinear", [bytes_, scale, zero], name)


def _conv_transpose(w: GraphWriter, conv: nn.ConvTranspose2d, given: list[str], name: str, dtype: np.dtype[Any]) -> str:
    weight = w.constant(f"{name}.weight", _values(conv.weight, dtype))
    bias = w.constant(f"{name}.bias", _values(conv.bias, dtype))
    return w.op(
        "ConvTranspose",
        [*given, weight, bias],
        name,
        kernel_shape=list(conv.kernel_size),
        strides=list(conv.stride),
        pads=[*conv.padding, *conv.padding],  # pyright: ignore[reportGeneralTypeIssues]
        output_padding=list(conv.output_padding),
    )


def _linear(w: GraphWriter, linear: nn.Linear, given: list[str], name: str, dtype: np.dtype[Any]) -> str:
    weight = w.constant(f"{name}.weight", _values(linear.weight, dtype))
    bias = w.constant(f"{name}.bias", _values(linear.bias, dtype))
    return w.op("Gemm", [*given, weight, bias], name, transB=1)


def _unflatten(w: GraphWriter, layer: nn.Unflatten, given: list[str], name: str, _dtype: np.dtype[Any]) -> str:
    sizes = [int(size) for size in layer.unflattened_size]
    return w.op("Reshape", [*given, w.shape(f"{name}.shape", 0, *sizes)], name)


def _simple(kind: str, **attributes: Any) -> Callable[..., str]:
    def write(w: GraphWriter, _module: nn.Module, given: list[str], name: str, _dtype: np.dtype[Any]) -> str:
        return w.op(kind, given, name, **attributes)

    return write


def _space_to_depth(w: GraphWriter, layer: SpaceToDepth, given: list[str], name: str, _dtype: np.dtype[Any]) -> str:
    return w.op("SpaceToDepth", given, name, blocksize=layer.grid)


def _depth_to_space(w: GraphWriter, layer: DepthToSpace, given: list[str], name: str, _dtype: np.dtype[Any]) -> str:
    return w.op("DepthToSpace", given, name, blocksize=layer.grid, mode="DCR")


_MODULES: dict[type[nn.Module], Callable[..., str]] = {
    nn.Conv2d: _conv,
    LevelConv2d: _level_conv,
    QuantizedConv2d: _quantized_conv,
    ActivationQuantizer: _quantizer,
    nn.ConvTranspose2d: _conv_transpose,
    nn.Linear: _linear,
    nn.Flatten: _simple("Flatten", axis=1),
    nn.Unflatten: _unflatten,
    nn.ReLU: _simple("Relu"),
    nn.Sigmoid: _simple("Sigmoid"),
    nn.Tanh: _simple("Tanh"),
    SpaceToDepth: _space_to_depth,
    DepthToSpace: _depth_to_space,
}


def _concat_axis(node: fx.Node) -> int:
    return int(node.kwargs.get("dim", node.args[1] if len(node.args) > 1 else 0))  # pyright: ignore


_FUNCTIONS: dict[Any, Callable[[fx.Node], tuple[str, dict[str, Any]]]] = {
    operator.add: lambda _node: ("Add", {}),
    operator.mul: lambda _node: ("Mul", {}),
    torch.relu: lambda _node: ("Relu", {}),
    torch.sigmoid: lambda _node: ("Sigmoid", {}),
    torch.tanh: lambda _node: ("Tanh", {}),
    torch.cat: lambda node: ("Concat", {"axis": _concat_axis(node)}),
}
