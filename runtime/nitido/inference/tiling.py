"""Cutting a frame into tiles that give, put together, what the whole frame would give.

A tile's core starts on the network's grid and is read with ``halo`` pixels of picture around it: as far as any output
pixel can see. So the parts are exact; nothing is blended.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Tile:
    """Rows and columns, in input pixels: ``core`` is what the tile contributes, ``window`` what it reads."""

    core: tuple[slice, slice]
    window: tuple[slice, slice]


def plan(height: int, width: int, *, tile: int, halo: int, multiple: int) -> Iterator[Tile]:
    """Tiles that cover a frame. Cores are ``tile`` pixels wide and high (rounded up to ``multiple``), smaller at the
    right and bottom; windows are ``halo`` (rounded up likewise) wider on each side, up to the frame's edges."""
    step = max(multiple, _round_up(tile, multiple))
    reach = _round_up(halo, multiple)
    for top in range(0, height, step):
        for left in range(0, width, step):
            bottom, right = min(top + step, height), min(left + step, width)
            yield Tile(
                core=(slice(top, bottom), slice(left, right)),
                window=(
                    slice(max(0, top - reach), min(height, bottom + reach)),
                    slice(max(0, left - reach), min(width, right + reach)),
                ),
            )


def run_tiled(
    frame: NDArray[np.uint8],
    run: Callable[[NDArray[np.uint8]], NDArray[np.uint8]],
    *,
    scale: int,
    tile: int,
    halo: int,
    multiple: int,
) -> NDArray[np.uint8]:
    """Applies ``run`` (1×h×w×3 → 1×(scale·h)×(scale·w)×3, uint8) to a frame H×W×3 by tiles; returns
    (scale·H)×(scale·W)×3. Memory beyond input and output is that of one window."""
    height, width = frame.shape[:2]
    result = np.empty((height * scale, width * scale, 3), np.uint8)
    for part in plan(height, width, tile=tile, halo=halo, multiple=multiple):
        window = run(np.ascontiguousarray(frame[part.window])[None])[0]
        inside = tuple(
            slice((c.start - w.start) * scale, (c.stop - w.start) * scale)
            for c, w in zip(part.core, part.window, strict=True)
        )
        target = tuple(slice(c.start * scale, c.stop * scale) for c in part.core)
        result[target] = window[inside]
    return result


def _round_up(value: int, multiple: int) -> int:
    return -(-value // multiple) * multiple
