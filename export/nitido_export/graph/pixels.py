"""Bytes of frames, cells of pixels, and what networks compute with, in the nodes of a graph."""

from __future__ import annotations

import numpy as np

from nitido_export.graph.writer import GraphWriter
from nitido_train.tensors import ZERO_POINT

LEVEL = 1 / 255


def write_cells(w: GraphWriter, frame: str, size: str, *, cell: int, multiple: int) -> str:
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


def as_pixels(w: GraphWriter, cells: str, *, cell: int) -> str:
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


def quantize(w: GraphWriter, levels: str, name: str) -> str:
    """Rounding, clipping and casting in one operator."""
    return w.op("QuantizeLinear", [levels, *_level(w)], name)
