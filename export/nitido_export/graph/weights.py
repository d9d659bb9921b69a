"""Weights stored as int8 with one scale for each output channel, in a graph that computes in float32.

The graph multiplies the two before each layer. ONNX Runtime does that once, when it loads the file, so a run takes as
long as with float weights. It would compute a DequantizeLinear in the same place in every run, because it keeps that
operator for its integer kernels.
"""

from __future__ import annotations

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

INT8_WEIGHTS = "fp32, int8 weights"  # such a file's ``precision``
LEAST = 1024  # values: smaller tensors would save too little to round them
LIMIT = 127
# The axis of the output channels in a layer's weights; a Gemm is written with transB = 1.
CHANNELS = {"Conv": 0, "Gemm": 0, "ConvTranspose": 1}


def to_int8(weights: NDArray[np.float32], axis: int) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """(int8 values, float32 scales) whose product is closest to ``weights``. The scales have one entry for each index
    of ``axis`` and size 1 along the other axes."""
    others = tuple(n for n in range(weights.ndim) if n != axis)
    largest = np.abs(weights).max(others, keepdims=True)
    scales = np.where(largest > 0, largest / LIMIT, 1).astype(np.float32)
    return np.rint(weights / scales).astype(np.int8), scales


def with_int8_weights(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy of a float graph that stores layer weights of ``LEAST`` values or more in int8.

    Biases stay as they are. The copy computes the same as the float graph with weights that were rounded by
    :func:`to_int8`.
    """
    stored = onnx.ModelProto()
    stored.CopyFrom(model)
    graph = stored.graph
    floats = {tensor.name: tensor for tensor in graph.initializer}
    nodes: list[onnx.NodeProto] = []
    for node in model.graph.node:
        # Layers may share weights, which are then converted once.
        tensor = floats.pop(node.input[1], None) if node.op_type in CHANNELS else None
        if tensor is not None and np.prod(tensor.dims) >= LEAST:
            nodes += _store(graph, tensor, CHANNELS[node.op_type])
        nodes.append(node)
    del graph.node[:]
    graph.node.extend(nodes)
    onnx.checker.check_model(stored, full_check=True)
    return stored


def _store(graph: onnx.GraphProto, tensor: onnx.TensorProto, axis: int) -> list[onnx.NodeProto]:
    """Replaces an initializer; returns the nodes that compute it, under its name."""
    name = tensor.name
    values, scales = to_int8(numpy_helper.to_array(tensor), axis)
    graph.initializer.remove(tensor)
    graph.initializer.append(numpy_helper.from_array(values, f"{name}_i8"))
    graph.initializer.append(numpy_helper.from_array(scales, f"{name}_scale"))
    wide = f"{name}_wide"
    return [
        helper.make_node("Cast", [f"{name}_i8"], [wide], name=wide, to=TensorProto.FLOAT),
        helper.make_node("Mul", [wide, f"{name}_scale"], [name], name=name),
    ]
