"""Sizes of pictures that an autoencoder can take."""

from __future__ import annotations

from typing import Any

WIDTHS = (32, 64, 128)  # channels of the convolutions where a recipe says none


def picture_cell(options: dict[str, Any]) -> int:
    """What height and width must be multiples of: each convolution halves both. options: of the network."""
    widths = options.get("widths", WIDTHS)
    return 2 ** len(widths) if isinstance(widths, list | tuple) else 1


def fitting_sizes(options: dict[str, Any]) -> dict[str, Any]:
    """The options with height and width rounded to the nearest size that fits, upwards from the middle. Values that are
    not whole numbers above 0 stay: the network reports them."""
    cell = picture_cell(options)
    rounded = {
        name: max(1, (side + cell // 2) // cell) * cell
        for name in ("height", "width")
        if isinstance(side := options.get(name), int) and not isinstance(side, bool) and side > 0
    }
    return {**options, **rounded}
