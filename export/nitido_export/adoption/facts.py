"""Size and amount of computation of a foreign network."""

from __future__ import annotations

import math

import numpy as np
import onnx

from nitido_export.adoption.conventions import Conventions, level_values
from nitido_export.adoption.foreign import Foreign, float_values
from nitido_export.adoption.shapes import BASE
from nitido_export.session import quiet_session


def parameters_of(foreign: Foreign) -> int:
    """Number of values in float constants of more than one value."""
    return sum(values.size for values in float_values(foreign.model))


def macs_per_pixel(foreign: Foreign, how: Conventions) -> float:
    """Multiply-accumulates of convolutions and matrix products per pixel of the frame, counted during a run."""
    model = onnx.ModelProto()
    model.CopyFrom(foreign.model if how.size else foreign.free)
    constants = {tensor.name: tuple(tensor.dims) for tensor in model.graph.initializer}
    constants |= {n.output[0]: tuple(n.attribute[0].t.dims) for n in model.graph.node if n.op_type == "Constant"}
    counted = [node for node in model.graph.node if node.op_type in ("Conv", "ConvTranspose", "MatMul", "Gemm")]
    watched = {
        name for node in counted for name in (node.output[0], *node.input[:2]) if name and name not in constants
    } - {value.name for value in (*model.graph.input, *model.graph.output)}
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in watched)
    size = how.size or BASE
    shape = (1, *size, how.channels + (how.level is not None and how.level.kind == "channel"))
    dtype = np.float16 if foreign.image.half else np.float32
    image = np.zeros(shape, dtype).transpose(*((0, 3, 1, 2) if how.layout == "nchw" else (0, 1, 2, 3)))
    feeds = {foreign.image.name: np.ascontiguousarray(image)}
    if foreign.level is not None:
        feeds[foreign.level.name] = np.asarray(level_values(how, shape, 5.0)).astype(dtype)
    session = quiet_session(model.SerializeToString(), optimised=False)
    names = [output.name for output in session.get_outputs()]
    shapes = constants | {
        name: np.shape(np.asarray(v)) for name, v in zip(names, session.run(names, feeds), strict=True)
    }
    shapes[foreign.image.name] = image.shape
    return sum(_macs(node, shapes) for node in counted) / math.prod(size)


def _macs(node: onnx.NodeProto, shapes: dict[str, tuple[int, ...]]) -> float:
    first, second, result = shapes[node.input[0]], shapes[node.input[1]], shapes[node.output[0]]
    if node.op_type == "Conv":
        return math.prod(second[1:]) * math.prod(result)
    if node.op_type == "ConvTranspose":
        return math.prod(second[1:]) * math.prod(first)
    return first[-1] * math.prod(result)
