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
from nitido_export.graph.live import live_graph
from nitido_export.graph.pixels import as_pixels, dequantize, quantize, write_cells
from nitido_export.graph.writer import GraphWriter
from nitido_train.nets.blocks import collapse
from nitido_train.nets.frame import FrameNet, LevelFrameNet
from nitido_train.nets.live import LiveFrameNet
from nitido_train.nets.live_planes import PlaneLiveNet
from nitido_train.nets.planes import PlaneFrameNet


def frame_graph(net: FrameNet, *, half: bool = False) -> onnx.ModelProto:
    """``frame`` uint8 N×H×W×3 BGR → ``image`` uint8 N×(sH)×(sW)×3 BGR, any N, H, W >= 1.

    Frames are padded by their edge pixels to what the net needs and cropped again. With ``scale`` 1 there is an
    optional scalar input ``strength`` (float32, 0..1, default 1) that blends from the frame to the restored one. A net
    that can be given the noise level has an optional scalar input ``noise`` (float32, 8-bit levels, default -1:
    estimate it) and a scalar output ``noise_level`` (float32, the estimate). A recurrent net also takes
    ``state_in_NAME`` and returns ``state_out_NAME``, float32 N×C×h×w on grids of the padded frame; zeros mean "no
    past".

    half: the body computes in float16. A quantized body computes in 8 bits. Contains no metadata yet.
    """
    if isinstance(net, LiveFrameNet):
        net = PlaneLiveNet(net)
    if isinstance(net, PlaneLiveNet):
        return live_graph(net, half=half)
    w = GraphWriter()
    frame = w.input("frame", TensorProto.UINT8, ["N", "H", "W", 3])
    size = w.op("Shape", [frame], "size", start=1, end=3)  # H W
    cells = write_cells(w, frame, size, cell=net.cell, multiple=net.multiple)
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
    (correction,) = write_layers(w, cast(nn.Module, collapse(net.body)), body_inputs, half=half)
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
    bytes_ = quantize(w, restored, "bytes")
    if isinstance(net, PlaneFrameNet):
        kept = [w.shape("first", 0), w.shape("cell_depth", 3 * net.cell**2), w.shape("channels", 1)]
        bytes_ = w.op("Slice", [bytes_, *kept], "cell_bytes")
    frames = as_pixels(w, bytes_, cell=net.cell * net.scale)
    end = w.op("Mul", [size, w.shape("scale", net.scale, net.scale)], "end")
    w.op("Slice", [frames, w.shape("start", 0, 0), end, w.shape("axes", 1, 2)], "image")
    w.output("image", TensorProto.UINT8, ["N", "sH", "sW", 3])
    if net.takes_level:
        w.output(ESTIMATE, TensorProto.FLOAT, [])
    return w.model()


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
