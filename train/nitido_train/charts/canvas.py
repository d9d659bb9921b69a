"""What all charts share: canvas, colours, axes and texts."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nitido.frames import Frame

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

BLUE, ORANGE, INK, FAINT = "#2f7f9f", "#d98032", "#2b2f33", "#dedede"
# Distinguishable also with most kinds of colour blindness (Okabe and Ito, 2008).
FEW = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#a89a00", "#3c3c3c")
# For up to twenty labels, the second ten paler. None is light or dark, so that all stay visible on an inverted page.
MORE = (
    "#1f77b4", "#e06c00", "#2a9134", "#d62728", "#8a5cc2", "#8c564b", "#d45fb0", "#6f6f6f", "#8a8a00", "#0097a8",
)  # fmt: skip


def new_canvas(width: float, height: float, *, sharp: bool = False) -> tuple[Canvas, Axes]:
    from matplotlib.figure import Figure as Canvas

    canvas = Canvas(figsize=(width, height), dpi=180 if sharp else 150, layout="constrained")
    axes = canvas.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color("#9a9a9a")
    axes.tick_params(colors=INK, labelsize=9)
    axes.grid(True, color=FAINT, linewidth=0.6)
    axes.set_axisbelow(True)
    return canvas, axes


def as_frame(canvas: Canvas) -> Frame:
    """A drawn matplotlib figure as a frame."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    agg = FigureCanvasAgg(canvas)
    with warnings.catch_warnings():
        # Folder names may be in any script. Characters that the font lacks are drawn as boxes.
        warnings.filterwarnings("ignore", "Glyph .* missing from font", UserWarning)
        agg.draw()
    return np.ascontiguousarray(np.asarray(agg.buffer_rgba())[..., 2::-1])


def plain(name: str) -> str:
    """The name, escaped so that matplotlib shows it literally: dollars do not start a formula, and a leading ``_`` does
    not hide a legend entry."""
    text = name.replace("$", r"\$") or "(none)"
    return f" {text}" if text.startswith("_") else text


def make_logarithmic(axes: Axes) -> None:
    """Makes the vertical axis logarithmic, with plain numbers instead of powers of ten."""
    from matplotlib.ticker import LogLocator

    axes.set_yscale("log")
    low, high = axes.get_ylim()
    axes.yaxis.set_minor_locator(LogLocator(base=10, subs=(2, 5) if high > 5 * low else (2, 3, 4, 5, 6, 8)))
    for formatted in (axes.yaxis.set_major_formatter, axes.yaxis.set_minor_formatter):
        formatted(lambda y, _: f"{y:g}")
    axes.tick_params(axis="y", which="both", labelsize=9, colors=INK)


def label_colours(count: int) -> list[str]:
    if count <= len(FEW):
        return list(FEW[:count])
    return [*MORE[:count], *(f"{colour}80" for colour in MORE[: max(0, count - len(MORE))])]


def write_outlined(axes: Axes, at: NDArray[np.float64], text: str, colour: str) -> None:
    from matplotlib.patheffects import withStroke

    label = axes.text(at[0], at[1], text, ha="center", va="center", fontsize=12, fontweight="bold", color=colour)
    label.set_path_effects([withStroke(linewidth=3, foreground="white")])
