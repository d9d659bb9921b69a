"""Figures with captions, and small pictures on a grid."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nitido.frames import Frame

Table = list[list[str]]  # the first row is the heading


@dataclass(frozen=True)
class Figure:
    """A picture or a chart, with its caption and its numbers.

    picture: the picture or the drawn chart.
    caption: what it shows; may be empty if the picture says it.
    chart: whether it is a chart, black on white.
    table: its numbers.
    """

    picture: Frame
    caption: str = ""
    chart: bool = False
    table: Table | None = None


def grid(pictures: NDArray[np.uint8], columns: int) -> Frame:
    """N×H×W×C pictures row by row as one frame. N must be a multiple of ``columns``."""
    count, height, width, channels = pictures.shape
    rows = count // columns
    grid = pictures.reshape(rows, columns, height, width, channels).transpose(0, 2, 1, 3, 4)  # R H N W C
    whole = grid.reshape(rows * height, columns * width, channels)
    return np.ascontiguousarray(np.broadcast_to(whole, (*whole.shape[:2], 3)))
