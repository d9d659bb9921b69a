"""Picture sizes that an autoencoder can take."""

from __future__ import annotations

from typing import Any

WIDTHS = (32, 64, 128)  # channels of the convolutions if a recipe does not name any


def picture_cell(options: dict[str, Any]) -> int:
    """Height and width must be multiples of this number, because each convolution halves both. options: of the
    network."""
    widths = options.get("widths", WIDTHS)
    return 2 ** len(widths) if isinstance(widths, list | tuple) else 1


def fitting_sizes(options: dict[str, Any]) -> dict[str, Any]:
    """The options with height and width rounded to the nearest size that fits, upwards from the middle. Values that are
    not whole numbers above 0 are kept; the network reports them."""
    cell = picture_cell(options)
    rounded = {
        name: max(1, (side + cell // 2) // cell) * cell
        for name in ("height", "width")
        if isinstance(side := options.get(name), int) and not isinstance(side, bool) and side > 0
    }
    return {**options, **rounded}
