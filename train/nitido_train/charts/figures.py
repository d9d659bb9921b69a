"""Charts of a training, as pictures: curves over the steps, latents on a plane, errors over the latent size."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nitido.frames import Frame
from nitido.latent import map as latent_map

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

BLUE, ORANGE, INK, FAINT = "#2f7f9f", "#d98032", "#2b2f33", "#dedede"
# Apart from each other also for most people who see colours differently (Okabe and Ito, 2008).
FEW = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#a89a00", "#3c3c3c")
# For up to twice ten, the second time paler. None is light or dark, so that they stay visible on an inverted page.
MORE = (
    "#1f77b4", "#e06c00", "#2a9134", "#d62728", "#8a5cc2", "#8c564b", "#d45fb0", "#6f6f6f", "#8a8a00", "#0097a8",
)  # fmt: skip
MOST_LABELS = 20  # that get a colour of their own; the others share a grey
LOG_FROM = 4.0  # what has fallen to less than one in so many is drawn on a logarithmic axis
TITLES = {
    "loss": "Training loss",
    "psnr": "PSNR in dB",
    "ssim": "SSIM",
    "elbo": "Evidence lower bound in nats",
    "reconstruction": "Reconstruction error in nats",
    "kl": "KL divergence from the prior in nats",
}

Line = tuple[Sequence[float], Sequence[float]]  # steps and values
Table = list[list[str]]  # the first row is its head


@dataclass(frozen=True)
class Figure:
    """Something to look at. picture: uint8 H×W×3 BGR. caption: what it shows, unless it says so itself. chart: drawn
    on white, in contrast to pictures as the network makes them. table: the numbers in it."""

    picture: Frame
    caption: str = ""
    chart: bool = False
    table: Table | None = None


@dataclass(frozen=True)
class Error:
    """Of pictures that went through ``latent`` numbers: mean squared error of values 0..1 and mean PSNR in dB."""

    latent: int
    mse: float
    psnr: float


def curves(history: Sequence[Mapping[str, float]], score: str) -> dict[str, Figure]:
    """A chart for each figure of the validations, by its name; all PSNRs share one. ``score`` chose the best step,
    which is marked. Empty for a training that was not validated yet."""
    if not history:
        return {}
    steps = [row["step"] for row in history]
    best = max(history, key=lambda row: row.get(score, -math.inf))["step"]
    groups: dict[str, list[str]] = {}
    for name in history[-1]:
        if name not in ("step", "lr"):
            groups.setdefault("psnr" if name.startswith("psnr") else name, []).append(name)
    found = {}
    for group, names in groups.items():
        lines = {name: (steps, [row.get(name, math.nan) for row in history]) for name in names}
        title = TITLES.get(group, group)
        picture = lines_chart(lines, title, falls=group in ("loss", "kl"), best=best)
        found[f"curve_{group}"] = Figure(picture, chart=True)
    return found


def lines_chart(lines: Mapping[str, Line], title: str, *, falls: bool = False, best: float | None = None) -> Frame:
    """Lines by name. falls: on a logarithmic axis when that shows more. best: a step to mark."""
    canvas, axes = _canvas(5.2, 3.3)
    for i, (name, (steps, values)) in enumerate(lines.items()):
        axes.plot(
            list(steps),
            list(values),
            color=BLUE if len(lines) == 1 else FEW[i % len(FEW)],
            marker="o" if len(steps) < 40 else None,
            markersize=3.5,
            linewidth=1.6,
            label=plain(name),
        )
    finite = [value for _, values in lines.values() for value in values if math.isfinite(value)]
    if falls and finite and min(finite) > 0 and max(finite) > LOG_FROM * min(finite):
        _logarithmic(axes)
    if best is not None:
        axes.axvline(best, color=ORANGE, linewidth=1, linestyle=(0, (3, 3)), zorder=0)
        top = axes.get_xaxis_transform()
        axes.text(best, 1.02, "best", transform=top, ha="center", va="bottom", fontsize=8, color=ORANGE)
    axes.xaxis.set_major_formatter(lambda x, _: f"{x:,.0f}")
    axes.locator_params(axis="x", nbins=5)
    axes.set_xlabel("step")
    axes.set_title(title, loc="left", fontsize=10.5)
    if len(lines) > 1:
        axes.legend(fontsize=8, frameon=False)
    return as_picture(canvas)


def labelled_plane(latents: NDArray[np.float32]) -> tuple[NDArray[np.float64], tuple[str, str]]:
    """N×d latents as N×2 points and what the two axes are: two numbers as they are, one beside nothing, more as their
    first two principal components."""
    plane = latent_map.plane_of(latents)
    if plane.shares is None:
        return plane.points, plane.titles
    first, second = (f"{share:.0%} of the variance" for share in plane.shares)
    return plane.points, (f"first principal component ({first})", f"second principal component ({second})")


def scatter(latents: NDArray[np.float32], labels: NDArray[np.int64], names: Sequence[str]) -> Frame:
    """N×d latents on a plane (see :func:`plane_of`), coloured by label: N indices into ``names``. Each label's name
    stands where the middle of its points is."""
    points, titles = labelled_plane(latents)
    canvas, axes = _canvas(5.9, 4.7, sharp=True)
    size = float(np.clip(8000 / len(points), 4, 30))
    common = np.bincount(labels, minlength=len(names)).argsort(kind="stable")[::-1]
    coloured = sorted(int(i) for i in common[:MOST_LABELS] if (labels == i).any()) if len(names) > 1 else []
    colours = _colours(len(coloured))
    # In one call and in their random order: drawn label by label, the last would hide the others.
    by_label = dict(zip(coloured, colours, strict=True))
    rest = "#a0a0a0" if coloured else BLUE
    order = np.random.default_rng(0).permutation(len(points))
    shades = [by_label.get(int(labels[i]), rest) for i in order]
    axes.scatter(points[order, 0], points[order, 1], s=size, c=shades, alpha=0.7, linewidths=0)
    handles = []
    for label, colour in by_label.items():
        handles.append(axes.scatter([], [], s=36, c=colour, linewidths=0))
        if len(coloured) <= 12:
            _outlined(axes, np.median(points[labels == label], axis=0), plain(names[label]), colour)
    if coloured:
        texts = [plain(names[label]) for label in coloured]
        if not np.isin(labels, coloured).all():
            handles.append(axes.scatter([], [], s=36, c=rest, linewidths=0))
            texts.append("others")
        canvas.legend(handles, texts, loc="outside right upper", fontsize=9, frameon=False, handlelength=1)
    axes.set_xlabel(titles[0])
    axes.set_ylabel(titles[1])
    axes.set_aspect("equal", adjustable="datalim")
    return as_picture(canvas)


def pca_chart(pca: Sequence[Error], nets: Mapping[str, Sequence[Error]]) -> Frame:
    """Reconstruction error over latent size of PCA and of networks, a line for each name."""
    canvas, axes = _canvas(5.6, 3.8, sharp=True)
    linear = {e.latent: e.mse for e in pca}
    axes.plot([e.latent for e in pca], [e.mse for e in pca], color=ORANGE, marker="s", markersize=4, label="PCA")
    colours = (BLUE, *FEW[2:])
    for i, (name, errors) in enumerate(nets.items()):
        some = sorted(errors, key=lambda e: e.latent)
        axes.plot(
            [e.latent for e in some],
            [e.mse for e in some],
            color=colours[i % len(colours)],
            marker="o",
            markersize=6,
            label=plain(name),
        )
        for e in some if len(nets) == 1 else ():
            if e.latent in linear and e.mse:
                ratio = linear[e.latent] / e.mse
                text = f"{ratio:.1f}× less" if ratio >= 1 else f"{1 / ratio:.1f}× more"
                at, place = (e.latent, e.mse), (-14, -15)
                axes.annotate(text, at, place, textcoords="offset points", ha="center", fontsize=8)
    axes.margins(x=0.13, y=0.12)
    axes.set_xscale("log", base=2)
    sizes = sorted({e.latent for e in pca if (e.latent & (e.latent - 1)) == 0})
    axes.set_xticks(sizes, [str(size) for size in sizes])
    axes.minorticks_off()
    _logarithmic(axes)
    axes.set_xlabel("latent size")
    axes.set_title("Mean squared error on held-out pictures", loc="left", fontsize=10.5)
    axes.legend(fontsize=9, frameon=False)
    return as_picture(canvas)


def grid(pictures: NDArray[np.uint8], columns: int) -> Frame:
    """N×H×W×C pictures row by row as one frame. N must be a multiple of ``columns``."""
    count, height, width, channels = pictures.shape
    rows = count // columns
    grid = pictures.reshape(rows, columns, height, width, channels).transpose(0, 2, 1, 3, 4)  # R H N W C
    whole = grid.reshape(rows * height, columns * width, channels)
    return np.ascontiguousarray(np.broadcast_to(whole, (*whole.shape[:2], 3)))


def plain(name: str) -> str:
    """A name that matplotlib shows as it is: dollars begin no formula, and a legend keeps what begins with ``_``."""
    text = name.replace("$", r"\$") or "(none)"
    return f" {text}" if text.startswith("_") else text


def as_picture(canvas: Canvas) -> Frame:
    """What a matplotlib figure looks like, uint8 H×W×3 BGR."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    agg = FigureCanvasAgg(canvas)
    with warnings.catch_warnings():
        # Folder names may be in any script; what the font lacks is drawn as a box.
        warnings.filterwarnings("ignore", "Glyph .* missing from font", UserWarning)
        agg.draw()
    return np.ascontiguousarray(np.asarray(agg.buffer_rgba())[..., 2::-1])


def _canvas(width: float, height: float, *, sharp: bool = False) -> tuple[Canvas, Axes]:
    from matplotlib.figure import Figure as Canvas

    canvas = Canvas(figsize=(width, height), dpi=180 if sharp else 150, layout="constrained")
    axes = canvas.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color("#9a9a9a")
    axes.tick_params(colors=INK, labelsize=9)
    axes.grid(True, color=FAINT, linewidth=0.6)
    axes.set_axisbelow(True)
    return canvas, axes


def _logarithmic(axes: Axes) -> None:
    """The upright axis, with numbers as people write them."""
    from matplotlib.ticker import LogLocator

    axes.set_yscale("log")
    low, high = axes.get_ylim()
    axes.yaxis.set_minor_locator(LogLocator(base=10, subs=(2, 5) if high > 5 * low else (2, 3, 4, 5, 6, 8)))
    for formatted in (axes.yaxis.set_major_formatter, axes.yaxis.set_minor_formatter):
        formatted(lambda y, _: f"{y:g}")
    axes.tick_params(axis="y", which="both", labelsize=9, colors=INK)


def _colours(count: int) -> list[str]:
    if count <= len(FEW):
        return list(FEW[:count])
    return [*MORE[:count], *(f"{colour}80" for colour in MORE[: max(0, count - len(MORE))])]


def _outlined(axes: Axes, at: NDArray[np.float64], text: str, colour: str) -> None:
    from matplotlib.patheffects import withStroke

    label = axes.text(at[0], at[1], text, ha="center", va="center", fontsize=12, fontweight="bold", color=colour)
    label.set_path_effects([withStroke(linewidth=3, foreground="white")])
