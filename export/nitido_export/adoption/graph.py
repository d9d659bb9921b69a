"""The graph of the model contract around a foreign network: it takes and returns bytes, in any size."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto

from nitido_export.adoption.conventions import CUBIC, RANGES, Conventions, level_factor
from nitido_export.adoption.foreign import Foreign
from nitido_export.adoption.level import write_level
from nitido_export.adoption.windows import write_windows
from nitido_export.graph.writer import GraphWriter
from nitido_train.data.degrade import BT601_BGR


def adopted_graph(foreign: Foreign, how: Conventions) -> onnx.ModelProto:
    """``frame`` uint8 N×H×W×3 BGR → ``image`` uint8 N×(sH)×(sW)×3 BGR, any N, H, W >= 1.

    A model that keeps the size has the optional input ``strength``; one that takes a noise level has the optional
    input ``noise`` and the output ``noise_level``. Contains no metadata yet. Raises ``ExportError``.
    """
    w = GraphWriter()
    frame = w.input("frame", TensorProto.UINT8, ["N", "H", "W", 3])
    if how.scale == 1:
        # An initializer that is also an input is optional for callers.
        w.input(w.constant("strength", 1.0, np.float32), TensorProto.FLOAT, [])
    level = ""
    if how.level is not None:
        factor = w.constant("level_factor", level_factor(how), np.float32)
        level = w.op("Mul", [write_level(w, frame), factor], "level_given")
    w.take_constants(foreign.model.graph)

    def network(inner: GraphWriter, window: str) -> str:
        return _write_network(inner, foreign, how, window, level)

    w.op("Identity", [write_windows(w, frame, how, network)], "image")
    w.output("image", TensorProto.UINT8, ["N", "sH", "sW", 3])
    if how.level is not None:
        w.output("noise_level", TensorProto.FLOAT, [])
    return w.model(opsets=foreign.model.opset_import, functions=foreign.model.functions)


def _write_network(w: GraphWriter, foreign: Foreign, how: Conventions, window: str, level: str) -> str:
    """Bytes N×h×w×3 BGR that fit the network → bytes N×(s·h - 2·margin)×(s·w - 2·margin)×3."""
    channel = 1 if how.layout == "nchw" else 3
    bytes_ = w.op("Transpose", [window], "planes", perm=[0, 3, 1, 2]) if how.layout == "nchw" else window
    levels = w.op("Cast", [bytes_], "levels", to=TensorProto.FLOAT)
    seen, base = levels, levels
    if how.colour == "rgb":
        swapped = w.op("Gather", [bytes_, w.shape("reversed", 2, 1, 0)], "rgb_bytes", axis=channel)
        seen = w.op("Cast", [swapped], "rgb", to=TensorProto.FLOAT)
    elif how.colour == "luma":
        weights = np.array(BT601_BGR, np.float32).reshape((1, 3, 1, 1) if channel == 1 else (1, 1, 1, 3))
        weighed = w.op("Mul", [levels, w.constant("luma_weights", weights)], "weighed")
        seen = w.op("ReduceSum", [weighed, w.shape("channel_axis", channel)], "luma", keepdims=1)
    factor, offset = RANGES[how.range]
    values = seen
    if factor != 1:
        values = w.op("Mul", [values, w.constant("range_factor", factor, np.float32)], "in_range")
    if offset:
        values = w.op("Add", [values, w.constant("range_offset", offset, np.float32)], "in_range_off")
    extra = _write_level_input(w, foreign, how, values, level) if how.level is not None else ""
    if how.level is not None and how.level.kind == "channel":
        values = w.op("Concat", [values, extra], "with_level", axis=channel)
    _feed(w, foreign.image.name, values, half=foreign.image.half)
    if foreign.level is not None:
        _feed(w, foreign.level.name, extra, half=foreign.level.half)
    w.nodes.extend(foreign.model.graph.node)
    found = foreign.output.name
    if foreign.output.half:
        found = w.op("Cast", [found], "found", to=TensorProto.FLOAT)
    if offset:
        found = w.op("Sub", [found, w.constant("range_offset", offset, np.float32)], "found_off")
    if factor != 1:
        found = w.op("Div", [found, w.constant("range_factor", factor, np.float32)], "found_levels")
    if how.colour == "rgb":
        found = w.op("Gather", [found, w.shape("reversed", 2, 1, 0)], "found_bgr", axis=channel)
    elif how.colour == "luma":
        colour = w.op("Sub", [levels, seen], "colour")
        found = w.op("Add", [_without_margin(w, _enlarged(w, colour, how), how), found], "found_colour")
    if how.scale == 1:
        correction = w.op("Sub", [found, _without_margin(w, base, how)], "correction")
        scaled = w.op("Mul", [correction, "strength"], "correction_scaled")
        found = w.op("Add", [_without_margin(w, base, how), scaled], "blended")
    one, zero = w.constant("one_level", 1.0, np.float32), w.constant("no_zero_point", 0, np.uint8)
    result = w.op("QuantizeLinear", [found, one, zero], "result_bytes")  # rounds, clips and casts
    return w.op("Transpose", [result], "result", perm=[0, 2, 3, 1]) if how.layout == "nchw" else result


def _write_level_input(w: GraphWriter, foreign: Foreign, how: Conventions, values: str, level: str) -> str:
    """The noise level in the shape in which the network takes it, for pictures ``values``."""
    assert how.level is not None
    kind = how.level
    if kind.kind == "scalar" and kind.rank == 0:
        return level
    batch = w.op("Shape", [values], "count", start=0, end=1)
    if kind.kind == "scalar":
        parts = [batch, *([w.shape("ones", *[1] * (kind.rank - 1))] if kind.rank > 1 else [])]
    else:
        size = w.op("Shape", [values], "map_pixels", start=how.axes[0], end=how.axes[1] + 1)
        size = w.op("Div", [size, w.shape("map_grid", kind.grid, kind.grid)], "map_size")
        one = w.shape("ones", 1)
        parts = [batch, one, size] if how.layout == "nchw" else [batch, size, one]
    return w.op("Expand", [level, w.op("Concat", parts, "level_shape", axis=0)], "level_map")


def _feed(w: GraphWriter, name: str, values: str, *, half: bool) -> None:
    """Gives the network's input a value."""
    if half:
        w.op("Cast", [values], name, to=TensorProto.FLOAT16)
    else:
        w.op("Identity", [values], name)


def _enlarged(w: GraphWriter, values: str, how: Conventions) -> str:
    if how.scale == 1:
        return values
    sizes = [1, 1, how.scale, how.scale] if how.layout == "nchw" else [1, how.scale, how.scale, 1]
    scales = w.constant("enlarging", sizes, np.float32)
    if how.layout == "nchw":
        return w.op("Resize", [values, "", scales], "colour_large", mode="cubic", cubic_coeff_a=CUBIC)
    # ONNX Runtime enlarges the last two axes only.
    planes = w.op("Transpose", [values], "colour_planes", perm=[0, 3, 1, 2])
    scales = w.constant("enlarging_planes", [1, 1, how.scale, how.scale], np.float32)
    large = w.op("Resize", [planes, "", scales], "colour_planes_large", mode="cubic", cubic_coeff_a=CUBIC)
    return w.op("Transpose", [large], "colour_large", perm=[0, 2, 3, 1])


def _without_margin(w: GraphWriter, values: str, how: Conventions) -> str:
    if not how.margin:
        return values
    name = f"{values}_inner"
    if any(node.name == name for node in w.nodes):
        return name
    begin, end = w.shape("margin", how.margin, how.margin), w.shape("margin_end", -how.margin, -how.margin)
    return w.op("Slice", [values, begin, end, w.shape("sides", *how.axes)], name)
