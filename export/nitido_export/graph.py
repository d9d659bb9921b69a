"""The network as an ONNX graph that takes and returns raw frames.

Written node by node instead of traced: the nets are plain convolutions, and a hand-set graph keeps the opset and IR
old enough for the runtimes found on boards, the operators the fast ones, and the names stable.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from nitido_train.data import ZERO_POINT
from nitido_train.nets import FrameNet

OPSET = 17
IR_VERSION = 8
MIN_ONNXRUNTIME = "1.17"


@dataclass(frozen=True)
class GraphFacts:
    """Derived from the graph. ``halo``: input pixels of context that a tile starting on the grid needs on each side.
    ``macs_per_pixel``: multiply-accumulates per input pixel. ``parameters``: trained values."""

    halo: int
    macs_per_pixel: float
    parameters: int


class _Writer:
    """Collects nodes and initializers; every call returns the name of its output."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []

    def constant(self, name: str, value: np.ndarray) -> str:
        self.initializers.append(numpy_helper.from_array(np.asarray(value, order="C"), name))
        return name

    def op(self, kind: str, inputs: list[str], output: str, **attributes: Any) -> str:
        self.nodes.append(helper.make_node(kind, inputs, [output], name=output, **attributes))
        return output


def build_graph(net: FrameNet) -> onnx.ModelProto:
    """The contract's graph: ``frame`` uint8 N×H×W×3 BGR → ``image`` uint8 N×(sH)×(sW)×3 BGR, any N, H, W >= 1.

    Frames are padded by their edge pixels to the net's grid and cropped again. Denoisers have an optional scalar
    input ``strength`` (float32, 0..1, default 1). Contains no metadata yet.
    """
    plain = net.collapse()
    w = _Writer()
    grid, scale = net.grid, net.scale

    w.constant("grid", np.array([grid, grid], np.int64))
    w.constant("zeros", np.zeros(5, np.int64))
    w.constant("zero", np.zeros(1, np.int64))
    w.constant("level", np.array(1 / 255, np.float32))
    w.constant("zero_point", np.array(ZERO_POINT, np.uint8))
    size = w.op("Shape", ["frame"], "size", start=1, end=3)  # H, W
    beyond = w.op("Mod", [size, "grid"], "beyond")
    missing = w.op("Mod", [w.op("Sub", ["grid", beyond], "short"), "grid"], "missing")
    pads = w.op("Concat", ["zeros", missing, "zero"], "pads", axis=0)  # begins N H W C, ends N H W C
    padded = w.op("Pad", ["frame", pads], "padded", mode="edge")
    planes = w.op("Transpose", [padded], "planes", perm=[0, 3, 1, 2])
    levels = w.op("DequantizeLinear", [planes, "level", "zero_point"], "levels")
    cells = w.op("SpaceToDepth", [levels], "cells", blocksize=grid)

    features = first = cells
    last = len(plain.body.convs) - 1
    for i, conv in enumerate(plain.body.convs):
        if i == last:
            features = w.op("Add", [features, first], "skip")
        weight = w.constant(f"conv{i}.weight", conv.weight.detach().numpy())  # pyright: ignore
        bias = w.constant(f"conv{i}.bias", conv.bias.detach().numpy())  # pyright: ignore
        features = w.op("Conv", [features, weight, bias], f"conv{i}", kernel_shape=[3, 3], pads=[1, 1, 1, 1])
        if i != last:
            features = w.op("Relu", [features], f"relu{i}")
        if i == 0:
            first = features

    inputs = [helper.make_tensor_value_info("frame", TensorProto.UINT8, ["N", "H", "W", 3])]
    if net.task == "denoise":
        # An initializer that is also an input: callers may set it, and need not.
        w.constant("strength", np.array(1.0, np.float32))
        inputs.append(helper.make_tensor_value_info("strength", TensorProto.FLOAT, []))
        features = w.op("Mul", [features, "strength"], "residual")
        anchor = cells
    else:
        w.constant("anchor_index", plain.anchor.numpy())  # pyright: ignore
        anchor = w.op("Gather", [cells, "anchor_index"], "anchor", axis=1)
    restored = w.op("Add", [anchor, features], "restored")

    # Rounding, clipping and casting in one operator, and depth-to-space on bytes instead of floats.
    bytes_ = w.op("QuantizeLinear", [restored, "level", "zero_point"], "bytes")
    fine = w.op("DepthToSpace", [bytes_], "fine", blocksize=grid * scale, mode="DCR")
    frames = w.op("Transpose", [fine], "frames", perm=[0, 2, 3, 1])
    w.constant("scale", np.array([scale, scale], np.int64))
    w.constant("start", np.zeros(2, np.int64))
    w.constant("axes", np.array([1, 2], np.int64))
    end = w.op("Mul", [size, "scale"], "end")
    w.op("Slice", [frames, "start", end, "axes"], "image")

    output = helper.make_tensor_value_info("image", TensorProto.UINT8, ["N", "sH", "sW", 3])
    graph = helper.make_graph(w.nodes, "nitido", inputs, [output], w.initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="nitido")
    model.ir_version = IR_VERSION
    onnx.checker.check_model(model, full_check=True)
    return model


def read_facts(model: onnx.ModelProto) -> GraphFacts:
    """Receptive field, work and size, by walking the graph from ``frame`` to its outputs."""
    weights = {i.name: tuple(i.dims) for i in model.graph.initializer}
    # For every tensor: pixels of the input per step of its grid, and how far it sees, in input pixels.
    pitch: dict[str, float] = {"frame": 1.0}
    reach: dict[str, float] = {"frame": 0.0}
    macs, parameters = 0.0, 0
    for node in model.graph.node:
        known = [name for name in node.input if name in pitch]
        step = max((pitch[name] for name in known), default=1.0)
        seen = max((reach[name] for name in known), default=0.0)
        if node.op_type == "Conv":
            out, inside, kh, kw = weights[node.input[1]]
            seen += step * (max(kh, kw) // 2)
            macs += out * inside * kh * kw / step**2
            parameters += out * inside * kh * kw + out
        elif node.op_type == "SpaceToDepth":
            step *= _blocksize(node)
        elif node.op_type == "DepthToSpace":
            step /= _blocksize(node)
        for name in node.output:
            pitch[name], reach[name] = step, seen
    return GraphFacts(halo=int(reach["image"]), macs_per_pixel=macs, parameters=parameters)


def _blocksize(node: onnx.NodeProto) -> int:
    return next(a.i for a in node.attribute if a.name == "blocksize")
