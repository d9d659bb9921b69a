"""Quality over the time of a frame, as a picture."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from comparison.published import PUBLISHED, Published
from comparison.results import Results

if TYPE_CHECKING:
    from matplotlib.axes import Axes

OURS, OTHERS, FAINT = "#2f7f9f", "#d98032", "#8a8a8a"
# Panels: set, condition, title.
PANELS = (
    ("CBSD68", "σ 25", "Denoising, CBSD68 at σ 25"),
    ("Set5", "×2 bicubic", "Upscaling ×2, Set5 (luma)"),
)
# Of a name next to its point, in points across and up; the first one that is free.
PLACES = (
    (7, 6),
    (7, -7),
    (-7, 6),
    (-7, -7),
    (0, 12),
    (0, -12),
    (0, 22),
    (0, -22),
    (7, 20),
    (7, -21),
    (-7, 20),
    (-7, -21),
)


@dataclass(frozen=True)
class Point:
    name: str
    ms: float
    psnr: float
    ours: bool


def points(results: Results, dataset: str, condition: str) -> tuple[list[Point], str]:
    """Every method that was timed, on the pictures that all of them did, and which these are when a slow method did a
    part of them only: published figures, of whole sets, are not compared with that."""
    rows = [row for row in results.quality.values() if (row.dataset, row.condition) == (dataset, condition)]
    common = min((row.pictures for row in rows), key=len, default=())
    whole = max((len(row.pictures) for row in rows), default=0)
    part = f"{len(common)} of {whole} pictures" if len(common) < whole else ""
    scale = condition.split()[0]
    found: list[Point] = []
    for row in rows:
        speed = results.speed.get(row.method) or results.speed.get(f"{row.method} {scale}")
        score = row.mean(common)
        if speed and score and row.method != "input":
            found.append(Point(row.method, speed["ms"], score[0], "parameters" in speed))
    return found, part


def draw(results: Results) -> bytes:
    """A PNG with a panel for each of ``PANELS`` that has results."""
    from matplotlib.figure import Figure

    panels = [(panel, *found) for panel in PANELS if (found := points(results, *panel[:2]))[0]]
    figure = Figure(figsize=(10.5, 5.4 * max(1, len(panels))), layout="constrained")
    for axes, ((dataset, condition, title), found, part) in zip(
        figure.subplots(max(1, len(panels)), squeeze=False)[:, 0], panels, strict=False
    ):
        published = [] if part else [p for p in PUBLISHED if (dataset, condition) in p.psnr]
        _panel(axes, found, published, (dataset, condition))
        axes.set_title(f"{title}, {part}" if part else title, loc="left", fontsize=11)
    figure.draw_without_rendering()  # the layout: only now is known where a point lies
    for axes, (_, found, _) in zip(figure.axes, panels, strict=False):
        _name(axes, found)
    image = io.BytesIO()
    figure.savefig(image, format="png", dpi=120)
    return image.getvalue()


def _panel(axes: Axes, found: Sequence[Point], published: Sequence[Published], column: tuple[str, str]) -> None:
    axes.set_xscale("log")
    axes.grid(True, color="#e4e4e4", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    for ours, label in ((True, "Nítido"), (False, "others")):
        some = [p for p in found if p.ours == ours]
        colour = OURS if ours else OTHERS
        axes.scatter([p.ms for p in some], [p.psnr for p in some], s=46, color=colour, label=label, zorder=3)
    axes.margins(x=0.16, y=0.14)
    for row in published:
        axes.axhline(row.psnr[column], color=FAINT, linewidth=0.9, linestyle=(0, (5, 4)), zorder=1)
    edge = axes.get_yaxis_transform()
    for row, height in zip(published, _apart([row.psnr[column] for row in published], axes), strict=True):
        axes.text(1.01, height, f"{row.name} (published)", transform=edge, fontsize=8, color=FAINT, va="center")
    axes.xaxis.set_major_formatter(lambda x, _: f"{x:,.10g}")
    axes.set_xlabel("milliseconds per 640×480 frame, 2 threads")
    axes.set_ylabel("PSNR in dB")
    axes.legend(frameon=False, fontsize=9, loc="lower right")


def _name(axes: Axes, found: Sequence[Point]) -> None:
    """Writes the names next to the points, each at the first of a few places where it covers nothing else."""
    from matplotlib.transforms import Bbox

    spots = [axes.transData.transform((p.ms, p.psnr)) for p in found]
    taken = [Bbox.from_extents(x - 7, y - 7, x + 7, y + 7) for x, y in spots]
    for point, own in zip(found, list(taken), strict=True):
        text = None
        for across, up in PLACES:
            if text is not None:
                text.remove()
            text = axes.annotate(
                point.name, (point.ms, point.psnr), (across, up), textcoords="offset points", fontsize=8.5,
                color=OURS if point.ours else OTHERS, ha="left" if across > 0 else "right" if across < 0 else "center",
                va="center",
            )  # fmt: skip
            box = text.get_window_extent()
            inside = axes.bbox.x0 <= box.x0 and box.x1 <= axes.bbox.x1
            if inside and not any(box.overlaps(other) for other in taken if other is not own):
                break
        if text is not None:
            taken.append(text.get_window_extent())


def _apart(heights: Sequence[float], axes: Axes) -> list[float]:
    """The heights moved so far up that texts at them do not overlap."""
    low, high = axes.get_ylim()
    least = 0.05 * (high - low)
    moved: dict[int, float] = {}
    last = -float("inf")
    for i in sorted(range(len(heights)), key=lambda i: heights[i]):
        last = max(heights[i], last + least)
        moved[i] = last
    return [moved[i] for i in range(len(heights))]
