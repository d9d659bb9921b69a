"""Charts of a training: curves over the steps, latents on a plane, errors over the latent size."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from nitido.frames import Frame
from nitido.latent import map as latent_map
from nitido_train.charts.canvas import (
    BLUE,
    FEW,
    ORANGE,
    as_frame,
    label_colours,
    make_logarithmic,
    new_canvas,
    plain,
    write_outlined,
)
from nitido_train.charts.figures import Figure
from nitido_train.charts.pca import Error

MOST_LABELS = 20  # labels with a colour of their own; the others are all grey
LOG_FROM = 4.0  # an axis is logarithmic if the largest value is at least this many times the smallest
TITLES = {
    "loss": "Training loss",
    "psnr": "PSNR in dB",
    "ssim": "SSIM",
    "elbo": "Evidence lower bound in nats",
    "reconstruction": "Reconstruction error in nats",
    "kl": "KL divergence from the prior in nats",
}

Line = tuple[Sequence[float], Sequence[float]]  # steps and values


def curves(history: Sequence[Mapping[str, float]], score: str) -> dict[str, Figure]:
    """A chart for each validation figure, by its name. All PSNRs share one chart.

    score: the figure that chose the best step, which is marked. Empty for a training that was not validated yet.
    """
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
    """Lines by name. falls: use a logarithmic axis if that shows more. best: a step to mark."""
    canvas, axes = new_canvas(5.2, 3.3)
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
        make_logarithmic(axes)
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
    return as_frame(canvas)


def labelled_plane(latents: NDArray[np.float32]) -> tuple[NDArray[np.float64], tuple[str, str]]:
    """N×d latents as N×2 points, and the titles of the two axes.

    Two dimensions are taken as they are, a single one is spread along one axis, and more are reduced to their first two
    principal components.
    """
    plane = latent_map.plane_of(latents)
    if plane.shares is None:
        return plane.points, plane.titles
    first, second = (f"{share:.0%} of the variance" for share in plane.shares)
    return plane.points, (f"first principal component ({first})", f"second principal component ({second})")


def scatter(latents: NDArray[np.float32], labels: NDArray[np.int64], names: Sequence[str]) -> Frame:
    """N×d latents on a plane (see :func:`labelled_plane`), coloured by label.

    labels: N indices into ``names``. Each label's name is written at the median of its points.
    """
    points, titles = labelled_plane(latents)
    canvas, axes = new_canvas(5.9, 4.7, sharp=True)
    size = float(np.clip(8000 / len(points), 4, 30))
    common = np.bincount(labels, minlength=len(names)).argsort(kind="stable")[::-1]
    coloured = sorted(int(i) for i in common[:MOST_LABELS] if (labels == i).any()) if len(names) > 1 else []
    colours = label_colours(len(coloured))
    # In one call and in random order: drawn label by label, the last label would hide the others.
    by_label = dict(zip(coloured, colours, strict=True))
    rest = "#a0a0a0" if coloured else BLUE
    order = np.random.default_rng(0).permutation(len(points))
    shades = [by_label.get(int(labels[i]), rest) for i in order]
    axes.scatter(points[order, 0], points[order, 1], s=size, c=shades, alpha=0.7, linewidths=0)
    handles = []
    for label, colour in by_label.items():
        handles.append(axes.scatter([], [], s=36, c=colour, linewidths=0))
        if len(coloured) <= 12:
            write_outlined(axes, np.median(points[labels == label], axis=0), plain(names[label]), colour)
    if coloured:
        texts = [plain(names[label]) for label in coloured]
        if not np.isin(labels, coloured).all():
            handles.append(axes.scatter([], [], s=36, c=rest, linewidths=0))
            texts.append("others")
        canvas.legend(handles, texts, loc="outside right upper", fontsize=9, frameon=False, handlelength=1)
    axes.set_xlabel(titles[0])
    axes.set_ylabel(titles[1])
    axes.set_aspect("equal", adjustable="datalim")
    return as_frame(canvas)


def pca_chart(pca: Sequence[Error], nets: Mapping[str, Sequence[Error]]) -> Frame:
    """Reconstruction error over latent size, for PCA and for networks: a line for each name."""
    canvas, axes = new_canvas(5.6, 3.8, sharp=True)
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
    make_logarithmic(axes)
    axes.set_xlabel("latent size")
    axes.set_title("Mean squared error on held-out pictures", loc="left", fontsize=10.5)
    axes.legend(fontsize=9, frameon=False)
    return as_frame(canvas)
