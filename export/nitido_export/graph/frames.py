"""The graph of the model contract from frame to frame: raw bytes in, raw bytes out, around any network.

It is written node by node instead of traced. This keeps opset and IR version old enough for the runtimes on boards,
uses the fast operators, and keeps names stable.
"""

from __future__ import annotations

from typing import cast

import numpy as np
import onnx
import torch.nn.functional as F
from onnx import TensorProto
from torch import Tensor, nn

from nitido_export.graph.layers import write_layers
from nitido_export.graph.levels import ESTIMATE, write_condition, write_level, write_planes
from nitido_export.graph.live import live_graph
from nitido_export.graph.pixels import as_pixels, dequantize, quantize, write_cells
from nitido_export.graph.wide import widened, widened_first
from nitido_export.graph.writer import GraphWriter
from nitido_train.nets.blocks import collapse
from nitido_train.nets.frame import FrameNet, LevelFrameNet
from nitido_train.nets.live import LiveFrameNet
from nitido_train.nets.live_planes import PlaneLiveNet
from nitido_train.nets.planes import PLANES, PlaneFrameNet


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
    depth = 3 * (net.cell * net.scale) ** 2
    body, wide = cast(nn.Module, collapse(net.body)), depth + PLANES
    taken = 0  # channels that the body takes, if not those of the frame
    if not isinstance(net, PlaneFrameNet):
        body, wide = widened(body, depth)
        body, taken = widened_first(body)

    body_inputs, anchor = [levels], levels
    if isinstance(net, LevelFrameNet):
        body_inputs.append(write_condition(w, write_level(w, net.estimator, levels, net.cell)))
    elif isinstance(net, PlaneFrameNet):
        planes = write_planes(w, write_level(w, net.estimator, levels, net.cell), frame)
        anchor = dequantize(w, w.op("Concat", [cells, planes], "cells_and_planes", axis=1), "levels_and_planes")
        body_inputs = [anchor]
    if taken:
        more = w.constant("taken_index", [*range(3), *[0] * (taken - 3)], np.int64)
        body_inputs = [dequantize(w, w.op("Gather", [cells, more], "taken_cells", axis=1), "taken_levels")]
    if half:
        body_inputs = [_to_half(w, name, f"{name}_half") for name in body_inputs]
    (correction,) = write_layers(w, body, body_inputs, half=half)
    if half:
        correction = w.op("Cast", [correction], "correction", to=TensorProto.FLOAT)

    if net.scale == 1:
        # An initializer that is also an input is optional for callers.
        w.input(w.constant("strength", 1.0, np.float32), TensorProto.FLOAT, [])
        correction = _scaled_by_strength(w, correction)
    if not isinstance(net, PlaneFrameNet) and (net.scale > 1 or wide > depth):
        # On bytes, which is a quarter of the memory traffic of floats. Channels that are cut off may contain anything.
        index = w.constant("anchor_index", F.pad(cast(Tensor, net.anchor), (0, wide - depth)).numpy())
        anchor = dequantize(w, w.op("Gather", [cells, index], "anchor_cells", axis=1), "anchor")
    restored = w.op("Add", [anchor, correction], "restored")
    bytes_ = quantize(w, restored, "bytes")
    frames = as_pixels(w, bytes_, cell=net.cell * net.scale)  # crops the padding
    end = w.op("Mul", [size, w.shape("scale", net.scale, net.scale)], "end")
    w.op("Slice", [frames, w.shape("start", 0, 0), end, w.shape("axes", 1, 2)], "image")
    w.output("image", TensorProto.UINT8, ["N", "sH", "sW", 3])
    if net.takes_level:
        w.output(ESTIMATE, TensorProto.FLOAT, [])
    return w.model()


def _scaled_by_strength(w: GraphWriter, correction: str) -> str:
    """The correction times ``strength``. For an 8-bit correction, only its scale is multiplied, which needs no pass."""
    last = w.nodes[-1]
    if last.op_type == "DequantizeLinear" and last.output[0] == correction:
        bytes_, scale, zero = last.input
        w.nodes.pop()
        scaled = w.op("Mul", [scale, "strength"], "correction_scale")
        return w.op("DequantizeLinear", [bytes_, scaled, zero], correction)
    return w.op("Mul", [correction, "strength"], "correction_scaled")


def _to_half(w: GraphWriter, levels: str, name: str) -> str:
    return w.op("Cast", [levels], name, to=TensorProto.FLOAT16)
