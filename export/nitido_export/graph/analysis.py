"""Derives facts from a graph: receptive field, amount of computation, and the runtime that it needs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx

from nitido.errors import ExportError
from nitido_export.graph.levels import FIXED, LEVEL, PRODUCT
from nitido_export.graph.pixels import CELLS, FINE, PIXELS

# The oldest runtime that the graphs of this package were run in, including 8-bit pyramids. Older ones were not tried.
OLDEST_TRIED = (1, 17)
# First ONNX Runtime with each opset.
FIRST_WITH_OPSET = {17: (1, 12), 18: (1, 14), 19: (1, 15), 20: (1, 17), 21: (1, 18), 22: (1, 20)}


@dataclass(frozen=True)
class GraphFacts:
    """Derived from the graph. ``halo``: input pixels of context that a tile starting on the grid needs on each side; 0
    for graphs without a ``frame`` of free size. ``macs_per_pixel``: multiply-accumulates per pixel of the frame (of the
    image, for a decoder). ``parameters``: trained values."""

    halo: int
    macs_per_pixel: float
    parameters: int


def require_finite_weights(model: onnx.ModelProto) -> None:
    """Raises ``ExportError`` for a graph with a weight that is NaN or infinite, as after a training that has diverged,
    or, in float16, too large."""
    for tensor in model.graph.initializer:
        values = onnx.numpy_helper.to_array(tensor)
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            raise ExportError(
                f"the graph's weights are not finite ('{tensor.name}', {values.dtype}): the training has diverged, or "
                "they are too large for this precision; nothing written"
            )


def read_facts(model: onnx.ModelProto, *, cell: int = 1) -> GraphFacts:
    """Receptive field, amount of computation and size, by walking the graph. cell: height and width in pixels of the
    frame per position of tensors that are rearranged as cells."""
    shapes = {i.name: tuple(i.dims) for i in model.graph.initializer}
    scales = {i.name: onnx.numpy_helper.to_array(i)[-1] for i in model.graph.initializer if i.name == FINE}
    # For every tensor: pixels of the frame per step of its grid, and how many pixels it sees beyond its own.
    pitch: dict[str, float] = {"frame": 1.0, "levels": 1.0}
    reach: dict[str, float] = {}
    area, sides = 0, {}
    for value in (*model.graph.input, *model.graph.output):
        dims = value.type.tensor_type.shape.dim
        if value.name in ("frame", "image") and len(dims) == 4 and dims[1].HasField("dim_value"):
            area = area or dims[1].dim_value * dims[2].dim_value
    if area:  # of fixed size, so that every tensor's own is known
        sides = _sides(model)
    macs, parameters = 0.0, 0
    known: set[str] = set()  # weights of the layers so far; layers may share them
    for node in model.graph.node:
        if node.op_type in ("DequantizeLinear", "Cast", "Mul") and node.input[0] in shapes:
            shapes[node.output[0]] = shapes[node.input[0]]  # an integer weight
            continue
        step = max((pitch[name] for name in node.input if name in pitch), default=1.0)
        seen = max((reach[name] for name in node.input if name in reach), default=0.0)
        kind = node.op_type
        if kind in ("Conv", "ConvTranspose"):
            weight, axis = shapes[node.input[1]], 0 if kind == "Conv" else 1
            stride = _ints(node, "strides", [1, 1])[0]
            count = int(np.prod(weight))
            if kind == "Conv":
                seen += step * (weight[2] // 2)
                step *= stride
            else:
                step /= stride
            # A transposed convolution computes once for each position of its input.
            if area:
                macs += count * sides[node.output[0] if kind == "Conv" else node.input[0]] / area
            else:
                macs += count / (step if kind == "Conv" else step * stride) ** 2
            if not node.input[1].startswith(FIXED):
                parameters += count + weight[axis]
        elif kind == "Gemm":
            count = int(np.prod(shapes[node.input[1]]))
            macs += count / max(1, area)
            if node.input[1] not in known:
                parameters += count + shapes[node.input[2]][0]
            known.add(node.input[1])
        elif kind == "SpaceToDepth":
            step *= _ints(node, "blocksize", [1])[0]
        elif kind == "DepthToSpace":
            step /= _ints(node, "blocksize", [1])[0]
        elif kind == "Resize":
            step /= scales[node.input[2]]
        elif kind == "MatMul":
            parameters += int(np.prod(shapes[node.input[0]]))
        elif kind == "Add" and node.input[1] in shapes and node.input[0].endswith(PRODUCT):
            parameters += int(np.prod(shapes[node.input[1]]))
        if node.output[0].endswith(CELLS):
            step = float(cell)  # reshaped and transposed, so the grid is not known
        elif node.output[0] == PIXELS:
            step = 1.0
        if LEVEL in node.output:
            step, seen = 1.0, 0.0  # one number for the whole frame, which tiles are given: not context
        for name in node.output:
            pitch[name], reach[name] = step, seen
    return GraphFacts(halo=int(reach.get("bytes", 0.0)) if not area else 0, macs_per_pixel=macs, parameters=parameters)


def _sides(model: onnx.ModelProto) -> dict[str, int]:
    """Height × width of every N×C×H×W tensor of a graph of fixed size."""
    inferred = onnx.shape_inference.infer_shapes(model).graph
    shapes = {v.name: v.type.tensor_type.shape.dim for v in (*inferred.value_info, *inferred.input, *inferred.output)}
    return {name: dims[2].dim_value * dims[3].dim_value for name, dims in shapes.items() if len(dims) == 4}


def oldest_runtime(model: onnx.ModelProto) -> str:
    """The lowest onnxruntime version that loads the graph, of those that were tried. Raises ``ExportError`` for an
    opset for which it is not known."""
    opset = next(entry.version for entry in model.opset_import if entry.domain == "")
    if opset > max(FIRST_WITH_OPSET):
        raise ExportError(f"opset {opset} is newer than any whose oldest runtime is known ({max(FIRST_WITH_OPSET)})")
    first = max([OLDEST_TRIED, *(v for known, v in FIRST_WITH_OPSET.items() if known <= opset)])
    return f"{first[0]}.{first[1]}"


def _ints(node: onnx.NodeProto, name: str, default: list[int]) -> list[int]:
    for attribute in node.attribute:
        if attribute.name == name:
            return list(attribute.ints) or [attribute.i]
    return default
