"""Bytes of frames, cells of pixels, and what networks compute with, in the nodes of a graph."""

from __future__ import annotations

import numpy as np

from nitido_export.graph.writer import GraphWriter
from nitido_train.tensors import ZERO_POINT

LEVEL = 1 / 255
CELLS = "flat"  # ends the names of pixels that are rearranged as cells
PIXELS = "frames"  # cells that are rearranged as pixels
FINE = "fine_scales"  # of the constant by which a grid is enlarged


def write_cells(w: GraphWriter, frame: str, size: str, *, cell: int, multiple: int) -> str:
    """Padded frames as N×(3·cell²)×h×w bytes, in the order of :func:`nitido_train.nets.blocks.space_to_depth`."""
    padded = write_padded(w, frame, size, cell=cell, multiple=multiple)
    return w.op(
        "Transpose", [cells_last(w, padded, "", cell=cell, depth=3)], "cells", perm=[0, 3, 1, 2]
    )  # N 3·cell² h w


def write_padded(w: GraphWriter, frame: str, size: str, *, cell: int, multiple: int) -> str:
    """Frames whose height and width are multiples, by repeating their edges. The tensors ``h`` and ``w`` hold how many
    cells they have in each direction."""
    whole = w.shape("multiple", multiple, multiple)
    beyond = w.op("Mod", [size, whole], "beyond")
    missing = w.op("Mod", [w.op("Sub", [whole, beyond], "short"), whole], "missing")
    # begins N H W C, ends N H W C
    pads = w.op("Concat", [w.shape("no_pads", 0, 0, 0, 0, 0), missing, w.shape("no_pad", 0)], "pads", axis=0)
    padded = w.op("Pad", [frame, pads], "padded", mode="edge")
    grid = w.op("Div", [w.op("Add", [size, missing], "padded_size"), w.shape("cell", cell, cell)], "grid")  # h w
    for i, name in enumerate(("h", "w")):
        w.op("Gather", [grid, w.shape(f"axis_{i}", i)], name)
    return padded


def cells_last(w: GraphWriter, pixels: str, name: str, *, cell: int, depth: int) -> str:
    """Bytes N×(h·cell)×(w·cell)×depth as N×h×w×(depth·cell²).

    By reshaping and transposing: SpaceToDepth takes only floats in older runtimes, and this is no slower. name: before
    the names of tensors.
    """
    begin = f"{name}_" if name else ""
    parts = [w.shape("same", 0), "h", w.shape("cell_rows", cell), "w", w.shape(f"{begin}cell_row", depth * cell)]
    split = w.op("Reshape", [pixels, w.op("Concat", parts, f"{begin}split_shape", axis=0)], f"{begin}split")
    together = w.op("Transpose", [split], f"{begin}together", perm=[0, 1, 3, 2, 4])  # N h w cell cell·depth
    return w.op("Reshape", [together, w.shape(f"{begin}flat_shape", 0, 0, 0, depth * cell * cell)], f"{begin}{CELLS}")


def as_pixels(w: GraphWriter, cells: str, *, cell: int, depth: int = 3) -> str:
    """Bytes N×(depth·cell²)×h×w as N×(h·cell)×(w·cell)×depth."""
    flat = w.op("Transpose", [cells], "fine_flat", perm=[0, 2, 3, 1])  # N h w depth·cell²
    together = w.op("Reshape", [flat, w.shape("fine_shape", 0, 0, 0, cell, depth * cell)], "fine_together")
    split = w.op("Transpose", [together], "fine_split", perm=[0, 1, 3, 2, 4])  # N h cell w cell·depth
    wide = w.op("Mul", ["w", w.shape("fine_cell", cell)], "fine_w")
    parts = [w.shape("same", 0), w.shape("rest", -1), wide, w.shape("depth", depth)]
    return w.op("Reshape", [split, w.op("Concat", parts, "frame_shape", axis=0)], PIXELS)  # N h·cell w·cell depth


def _level(w: GraphWriter) -> list[str]:
    return [w.constant("level", LEVEL, np.float32), w.constant("zero_point", ZERO_POINT, np.uint8)]


def dequantize(w: GraphWriter, bytes_: str, name: str) -> str:
    """The bytes of a frame as what networks see: float32, ``(byte - 128) / 255``."""
    return w.op("DequantizeLinear", [bytes_, *_level(w)], name)


def quantize(w: GraphWriter, levels: str, name: str) -> str:
    """Rounding, clipping and casting in one operator."""
    return w.op("QuantizeLinear", [levels, *_level(w)], name)
