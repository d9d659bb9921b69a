"""Runs frames of any size through a network that takes only some sizes: pads them, or cuts them into windows."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx
from onnx import TensorProto

from nitido.errors import ExportError
from nitido_export.adoption.conventions import Conventions, round_up
from nitido_export.graph.writer import GraphWriter

Network = Callable[[GraphWriter, str], str]
"""Adds a network applied to the bytes N×h×w×3 of that name, and returns the name of its bytes."""


def write_windows(w: GraphWriter, frame: str, how: Conventions, network: Network) -> str:
    """Runs any number of frames of any size through a network. Raises ``ExportError``."""
    size = w.op("Shape", [frame], "size", start=1, end=3)  # H W
    if how.size is None and how.batch:
        padded = _padded(w, frame, how, w.shape("multiple", how.multiple, how.multiple), size, how.lead)
        return _cut(w, network(w, padded), size, how, how.lead * how.scale - how.margin, "whole_image")
    lead = how.lead if how.size is None else round_up(max(how.halo, how.lead), how.multiple)
    if how.size is None:
        step = _rounded(w, size, w.shape("multiple", how.multiple, how.multiple), "whole_size")
    else:
        core = step_of(how)
        if core is None:
            raise ExportError("windows of that size are too small for the context that they need")
        step = w.shape("core_sides", *core)
    padded = _padded(w, frame, how, step, size, lead)
    grid = w.op("Div", [_rounded(w, size, step, "covered"), step], "windows")  # rows columns
    count = w.op("Shape", [frame], "frames", start=0, end=1)
    total = w.op("ReduceProd", [w.op("Concat", [count, grid], "counts", axis=0)], "window_count", keepdims=0)
    body = _body(w, padded, step, grid, how, lead, network)
    always = w.constant("always", True, np.bool_)
    cores = w.op("Loop", [total, always], "cores", body=body)  # windows 1 s·step s·step 3
    # frames rows columns height width 3 → frames rows height columns width 3
    three = w.shape("three", 3)
    large = w.op("Mul", [step, w.shape("scale", how.scale, how.scale)], "core_large")
    apart = w.op("Concat", [count, grid, large, three], "apart_shape", axis=0)
    turned = w.op("Transpose", [w.op("Reshape", [cores, apart], "apart")], "rows_together", perm=[0, 1, 3, 2, 4, 5])
    sides = w.op("Mul", [grid, large], "covered_large")
    together = w.op("Reshape", [turned, w.op("Concat", [count, sides, three], "together_shape", axis=0)], "together")
    return _cut(w, together, size, how, 0, "whole_image")


def step_of(how: Conventions) -> tuple[int, int] | None:
    """Size of the part of a frame that one window of fixed size computes; ``None`` if its context leaves no room."""
    assert how.size is not None
    lead = round_up(max(how.halo, how.lead), how.multiple)
    height, width = ((side - 2 * lead) // how.multiple * how.multiple for side in how.size)
    return (height, width) if min(height, width) > 0 else None


def _body(
    w: GraphWriter, padded: str, step: str, grid: str, how: Conventions, lead: int, network: Network
) -> onnx.GraphProto:
    """Cuts out a window, runs it, and crops the result to its core."""
    b = w.inner()
    b.input("window", TensorProto.INT64, [])
    b.input("going", TensorProto.BOOL, [])
    b.op("Identity", ["going"], "go_on")
    number = b.op("Reshape", ["window", b.shape("one_number", 1)], "number")
    rows, columns = (b.op("Gather", [grid, b.shape(f"axis_{i}", i)], f"of_{i}") for i in (0, 1))
    column = b.op("Mod", [number, columns], "column")
    line = b.op("Div", [number, columns], "line")
    row, index = b.op("Mod", [line, rows], "row"), b.op("Div", [line, rows], "index")
    begin = b.op("Mul", [b.op("Concat", [row, column], "place", axis=0), step], "begin")
    if how.size is None:
        reach = b.op("Add", [step, b.shape("around", 2 * lead, 2 * lead)], "window_size")
    else:
        reach = b.shape("window_size", *how.size)
    begins = b.op("Concat", [index, begin], "begins", axis=0)
    next_index = b.op("Add", [index, b.shape("next", 1)], "next_index")
    ends = b.op("Concat", [next_index, b.op("Add", [begin, reach], "window_end")], "ends", axis=0)
    cut = b.op("Slice", [padded, begins, ends, b.shape("window_axes", 0, 1, 2)], "cut")
    _cut(b, network(b, cut), step, how, lead * how.scale - how.margin, "core")
    b.output("go_on", TensorProto.BOOL, [])
    b.output("core", TensorProto.UINT8, [1, "core_height", "core_width", 3])
    return b.graph("window")


def _rounded(w: GraphWriter, size: str, whole: str, name: str) -> str:
    """Height and width rounded up to multiples of ``whole``."""
    less = w.op("Sub", [w.op("Add", [size, whole], f"{name}_more"), w.shape("ones_less", 1, 1)], f"{name}_less")
    return w.op("Mul", [w.op("Div", [less, whole], f"{name}_times"), whole], name)


def _padded(w: GraphWriter, frame: str, how: Conventions, whole: str, size: str, lead: int) -> str:
    """Frames padded with their edge pixels: ``lead`` pixels on each side, and more below and at the right up to
    multiples of ``whole``."""
    before = w.shape("lead", lead, lead)
    beyond = w.op("Sub", [_rounded(w, size, whole, "rounded"), size], "beyond")
    after = w.op("Add", [beyond, before], "after")
    if how.size is not None:
        # The last window may be a little larger than its core with context.
        spare = [side - 2 * lead - core for side, core in zip(how.size, step_of(how) or how.size, strict=True)]
        after = w.op("Add", [after, w.shape("spare", *spare)], "after_spare")
    none = w.shape("no_pad", 0)
    pads = w.op("Concat", [none, before, none, none, after, none], "pads", axis=0)
    return w.op("Pad", [frame, pads], "padded", mode="edge")


def _cut(w: GraphWriter, image: str, size: str, how: Conventions, first: int, name: str) -> str:
    """The part of the image for ``size`` pixels of a frame. first: where it begins in the image."""
    begin = w.shape(f"{name}_first", first, first)
    large = w.op("Mul", [size, w.shape("scale", how.scale, how.scale)], f"{name}_size")
    return w.op("Slice", [image, begin, w.op("Add", [begin, large], f"{name}_last"), w.shape("image_axes", 1, 2)], name)
