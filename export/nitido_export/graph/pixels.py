"""Nodes that convert between bytes of frames, cells of pixels, and the values that networks compute with."""

from __future__ import annotations

import numpy as np

from nitido_export.graph.writer import GraphWriter
from nitido_train.tensors import ZERO_POINT

LEVEL = 1 / 255
CELLS = "flat"  # suffix of pixels that are rearranged as cells
PIXELS = "frames"  # cells that are rearranged as pixels
FINE = "fine_scales"  # name of the constant by which a grid is enlarged


def write_cells(w: GraphWriter, frame: str, size: str, *, cell: int, multiple: int) -> str:
    """Padded frames as N×(3·cell²)×h×w bytes, in the order of :func:`nitido_train.nets.blocks.space_to_depth`."""
    padded = write_padded(w, frame, size, cell=cell, multiple=multiple)
    rows = [w.op("Transpose", [row], f"{row}_{CELLS}", perm=[0, 3, 1, 2]) for row in _rows(w, padded, "", cell, 3)]
    return w.op("Concat", rows, "cells", axis=1)


def write_padded(w: GraphWriter, frame: str, size: str, *, cell: int, multiple: int) -> str:
    """Frames padded with their edge pixels, so that height and width are multiples. The tensors ``h`` and ``w`` hold
    the number of cells in each direction."""
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
    """Bytes N×(h·cell)×(w·cell)×depth as N×h×w×(depth·cell²). name: prefix of the names of tensors."""
    return w.op("Concat", _rows(w, pixels, name, cell, depth), f"{name}_{CELLS}" if name else CELLS, axis=3)


def _rows(w: GraphWriter, pixels: str, name: str, cell: int, depth: int) -> list[str]:
    """The pixels of each row of the cells as channels, N×h×w×(cell·depth).

    This works row by row, because transposing all five axes at once moves only a few bytes at a time and takes three
    times as long. In older runtimes, SpaceToDepth takes only floats.
    """
    begin = f"{name}_" if name else ""
    parts = [w.shape("same", 0), "h", w.shape("cell_rows", cell), w.shape("rest", -1)]
    lines = w.op("Reshape", [pixels, w.op("Concat", parts, f"{begin}lines_shape", axis=0)], f"{begin}lines")
    whole = w.shape(f"{begin}row_shape", 0, 0, -1, depth * cell)
    return [
        w.op("Reshape", [_cut(w, lines, f"{begin}line_{row}", row, row + 1, 2), whole], f"{begin}row_{row}")
        for row in range(cell)
    ]


def as_pixels(w: GraphWriter, cells: str, *, cell: int, depth: int = 3) -> str:
    """Bytes N×(depth·cell²)×h×w as N×(h·cell)×(w·cell)×depth. Further channels are dropped.

    Works row by row, like :func:`_rows`.
    """
    run = cell * depth
    lines: list[str] = []
    for row in range(cell):
        own = _cut(w, cells, f"fine_{row}", row * run, (row + 1) * run, 1)  # N run h w
        flat = w.op("Transpose", [own], f"fine_{row}_last", perm=[0, 2, 3, 1])
        lines.append(w.op("Reshape", [flat, w.shape("line_shape", 0, 0, 1, -1)], f"fine_{row}_line"))
    wide = w.op("Mul", ["w", w.shape("fine_cell", cell)], "fine_w")
    parts = [w.shape("same", 0), w.shape("rest", -1), wide, w.shape("depth", depth)]
    together = w.op("Concat", lines, "fine_lines", axis=2)  # N h cell w·run
    return w.op("Reshape", [together, w.op("Concat", parts, "frame_shape", axis=0)], PIXELS)


def _cut(w: GraphWriter, tensor: str, name: str, begin: int, end: int, axis: int) -> str:
    """A part of a tensor along an axis."""
    return w.op("Slice", [tensor, *(w.shape(f"at_{n}", n) for n in (begin, end, axis))], name)


def _level(w: GraphWriter) -> list[str]:
    return [w.constant("level", LEVEL, np.float32), w.constant("zero_point", ZERO_POINT, np.uint8)]


def dequantize(w: GraphWriter, bytes_: str, name: str) -> str:
    """The bytes of a frame as networks see them: float32, ``(byte - 128) / 255``."""
    return w.op("DequantizeLinear", [bytes_, *_level(w)], name)


def quantize(w: GraphWriter, levels: str, name: str) -> str:
    """Rounding, clipping and casting in one operator."""
    return w.op("QuantizeLinear", [levels, *_level(w)], name)
