"""The contract's graph from frame to frame: raw bytes in, raw bytes out, whatever the network between them.

Written node by node instead of traced to ONNX: a hand-set graph keeps the opset and IR old enough for the runtimes
found on boards, the operators the fast ones, and the names stable.
"""

from __future__ import annotations

from typing import cast

import numpy as np
import onnx
from onnx import TensorProto
from torch import Tensor, nn

from nitido_export.graph.layers import write_layers
from nitido_export.graph.levels import ESTIMATE, write_condition, write_level, write_planes
from nitido_export.graph.writer import GraphWriter
from nitido_train.nets.blocks import collapse
from nitido_train.nets.frame import FrameNet, LevelFrameNet, RecurrentFrameNet
from nitido_train.nets.planes import PlaneFrameNet
from nitido_train.tensors import ZERO_POINT

LEVEL = 1 / 255


def frame_graph(net: FrameNet, *, half: bool = False) -> onnx.ModelProto:
    """``frame`` uint8 N×H×W×3 BGR → ``image`` uint8 N×(sH)×(sW)×3 BGR, any N, H, W >= 1.

    Frames are padded by their edge pixels to what the net needs and cropped again. With ``scale`` 1 there is an
    optional scalar input ``strength`` (float32, 0..1, default 1) that blends from the frame to the restored one. A net
    that can be given the noise level has an optional scalar input ``noise`` (float32, 8-bit levels, default -1:
    estimate it) and a scalar output ``noise_level`` (float32, the estimate). A recurrent net also takes ``state_in``
    and returns ``state_out``, float32 N×C×ceil(H/multiple)·…; zeros mean "no past".

    half: the body computes in float16. A quantized body computes in 8 bits. Contains no metadata yet.
    """
    w = GraphWriter()
    frame = w.input("frame", TensorProto.UINT8, ["N", "H", "W", 3])
    size = w.op("Shape", [frame], "size", start=1, end=3)  # H W
    cells = _cells(w, frame, size, cell=net.cell, multiple=net.multiple)
    levels = dequantize(w, cells, "levels")

    body_inputs, anchor = [levels], levels
    if isinstance(net, LevelFrameNet):
        body_inputs.append(write_condition(w, write_level(w, net.estimator, levels, net.cell)))
    elif isinstance(net, PlaneFrameNet):
        planes = write_planes(w, write_level(w, net.estimator, levels, net.cell), frame)
        anchor = dequantize(w, w.op("Concat", [cells, planes], "cells_and_planes", axis=1), "levels_and_planes")
        body_inputs = [anchor]
    if half:
        body_inputs = [_to_half(w, name, f"{name}_half") for name in body_inputs]
    if isinstance(net, RecurrentFrameNet):
        body_inputs.append(w.input("state_in", TensorProto.FLOAT, ["N", net.state_channels, "state_h", "state_w"]))
    correction, *states = write_layers(w, cast(nn.Module, collapse(net.body)), body_inputs, half=half)
    for state in states:
        w.op("Identity", [state], "state_out")
        w.output("state_out", TensorProto.FLOAT, ["N", cast(RecurrentFrameNet, net).state_channels, "sh", "sw"])
    if half:
        correction = w.op("Cast", [correction], "correction", to=TensorProto.FLOAT)

    if net.scale == 1:
        # An initializer that is also an input: callers may set it, and need not.
        w.input(w.constant("strength", 1.0, np.float32), TensorProto.FLOAT, [])
        correction = _scaled_by_strength(w, correction)
    else:
        # On bytes, a quarter of the traffic of floats.
        index = w.constant("anchor_index", cast(Tensor, net.anchor).numpy())
        anchor = dequantize(w, w.op("Gather", [cells, index], "anchor_cells", axis=1), "anchor")
    restored = w.op("Add", [anchor, correction], "restored")
    bytes_ = _quantize(w, restored, "bytes")
    if isinstance(net, PlaneFrameNet):
        kept = [w.shape("first", 0), w.shape("cell_depth", 3 * net.cell**2), w.shape("channels", 1)]
        bytes_ = w.op("Slice", [bytes_, *kept], "cell_bytes")
    frames = _pixels(w, bytes_, cell=net.cell * net.scale)
    end = w.op("Mul", [size, w.shape("scale", net.scale, net.scale)], "end")
    w.op("Slice", [frames, w.shape("start", 0, 0), end, w.shape("axes", 1, 2)], "image")
    w.output("image", TensorProto.UINT8, ["N", "sH", "sW", 3])
    if isinstance(net, (LevelFrameNet, PlaneFrameNet)):
        w.output(ESTIMATE, TensorProto.FLOAT, [])
    return w.model()


def _cells(w: GraphWriter, frame: str, size: str, *, cell: int, multiple: int) -> str:
    """Padded frames as N×(3·cell²)×h×w bytes, in the order of :func:`blocks.space_to_depth`.

    By reshaping and transposing bytes: SpaceToDepth takes only floats in older runtimes, and this is no slower.
    """
    whole = w.shape("multiple", multiple, multiple)
    beyond = w.op("Mod", [size, whole], "beyond")
    missing = w.op("Mod", [w.op("Sub", [whole, beyond], "short"), whole], "missing")
    # begins N H W C, ends N H W C
    pads = w.op("Concat", [w.shape("no_pads", 0, 0, 0, 0, 0), missing, w.shape("no_pad", 0)], "pads", axis=0)
    padded = w.op("Pad", [frame, pads], "padded", mode="edge")
    grid = w.op("Div", [w.op("Add", [size, missing], "padded_size"), w.shape("cell", cell, cell)], "grid")  # h w
    rows, columns = (w.op("Gather", [grid, w.shape(f"axis_{i}", i)], name) for i, name in enumerate(("h", "w")))
    parts = [w.shape("same", 0), rows, w.shape("cell_rows", cell), columns, w.shape("cell_row", 3 * cell)]
    split = w.op("Reshape", [padded, w.op("Concat", parts, "split_shape", axis=0)], "split")  # N h cell w cell·3
    together = w.op("Transpose", [split], "together", perm=[0, 1, 3, 2, 4])  # N h w cell cell·3
    flat = w.op("Reshape", [together, w.shape("flat_shape", 0, 0, 0, 3 * cell * cell)], "flat")  # N h w 3·cell²
    return w.op("Transpose", [flat], "cells", perm=[0, 3, 1, 2])  # N 3·cell² h w


def _pixels(w: GraphWriter, cells: str, *, cell: int) -> str:
    """Bytes N×(3·cell²)×h×w as frames N×(h·cell)×(w·cell)×3."""
    flat = w.op("Transpose", [cells], "fine_flat", perm=[0, 2, 3, 1])  # N h w 3·cell²
    together = w.op("Reshape", [flat, w.shape("fine_shape", 0, 0, 0, cell, 3 * cell)], "fine_together")
    split = w.op("Transpose", [together], "fine_split", perm=[0, 1, 3, 2, 4])  # N h cell w cell·3
    wide = w.op("Mul", ["w", w.shape("fine_cell", cell)], "fine_w")
    shape = w.op("Concat", [w.shape("same", 0), w.shape("rest", -1), wide, w.shape("three", 3)], "frame_shape", axis=0)
    return w.op("Reshape", [split, shape], "frames")  # N h·cell w·cell 3


def _level(w: GraphWriter) -> list[str]:
    return [w.constant("level", LEVEL, np.float32), w.constant("zero_point", ZERO_POINT, np.uint8)]


def dequantize(w: GraphWriter, bytes_: str, name: str) -> str:
    """The bytes of a frame as what networks see: float32, ``(byte - 128) / 255``."""
    return w.op("DequantizeLinear", [bytes_, *_level(w)], name)


def _quantize(w: GraphWriter, levels: str, name: str) -> str:
    """Rounding, clipping and casting in one operator."""
    return w.op("QuantizeLinear", [levels, *_level(w)], name)


def _scaled_by_strength(w: GraphWriter, correction: str) -> str:
    """The correction times ``strength``. Of an 8-bit correction the scale is multiplied, which takes no pass."""
    last = w.nodes[-1]
    if last.op_type == "DequantizeLinear" and last.output[0] == correction:
        bytes_, scale, zero = last.input
        w.nodes.pop()
        scaled = w.op("Mul", [scale, "strength"], "correction_scale")
        return w.op("DequantizeLinear", [bytes_, scaled, zero], correction)
    return w.op("Mul", [correction, "strength"], "correction_scaled")


def _to_half(w: GraphWriter, levels: str, name: str) -> str:
    return w.op("Cast", [levels], name, to=TensorProto.FLOAT16)
