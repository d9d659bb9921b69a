"""A map of latents: a plane with small pictures at the positions of their latents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import floor, log10

import cv2
import numpy as np
from numpy.typing import NDArray

from nitido.errors import FrameMismatch
from nitido.frames import Frame
from nitido.wording import count

Points = NDArray[np.float64]
_LONG, _SHORT = 1400, 700  # pixels of the plane's longer side, and the smallest length of the other
_NAME = 16  # largest number of letters of a group's name in the legend
_FRAME = 2  # around a thumbnail
_LEFT, _TOP, _RIGHT, _BOTTOM = 72, 56, 24, 56  # pixels around it
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_INK, _LINE, _DOT = (40, 40, 40), (225, 225, 225), (150, 150, 150)
# BGR: the eight of Okabe and Ito (Color Universal Design, 2008), which people with colour blindness can distinguish
# too, and two more.
_COLOURS = [
    (178, 114, 0), (0, 94, 213), (115, 158, 0), (167, 121, 204), (0, 159, 230),
    (233, 180, 86), (66, 228, 240), (0, 0, 0), (140, 30, 90), (60, 90, 130),
]  # fmt: skip


@dataclass(frozen=True)
class Plane:
    """points: float64 N×2, horizontal and vertical. titles: of the two axes. shares: of the variance, 0..1, if the axes
    are principal components."""

    points: Points
    titles: tuple[str, str]
    shares: tuple[float, float] | None = None


def plane_of(z: NDArray[np.floating]) -> Plane:
    """Projects latents N×d onto a plane: two values are used directly, more values are projected on their first two
    principal components.

    Raises:
        FrameMismatch: there are no latents, or one is not a finite number.
    """
    values = np.asarray(z, np.float64)
    if values.ndim != 2 or 0 in values.shape or not np.isfinite(values).all():
        raise FrameMismatch(f"expected finite latents N×d, found an array {values.shape}")
    if values.shape[1] == 2:
        return Plane(values, ("z_0", "z_1"))
    if values.shape[1] == 1:
        return Plane(np.concatenate([values, np.zeros_like(values)], axis=1), ("z_0", ""))
    centred = values - values.mean(axis=0)
    # Uses the d×d covariance, because the SVD of a tall matrix is slower and may not converge in OpenBLAS with threads.
    variances, directions = np.linalg.eigh(centred.T @ centred)  # in ascending order
    points = centred @ directions[:, :-3:-1]
    first, second = (max(0.0, float(v)) / max(float(variances.sum()), 1e-300) for v in variances[:-3:-1])
    titles = (f"component 1, {first:.0%} of variance", f"component 2, {second:.0%} of variance")
    return Plane(points, titles, (first, second))


def thumbnail_side(count: int) -> int:
    """Side of the thumbnails in pixels for a map of so many pictures. It decreases with their number to limit the
    memory."""
    return 64 if count <= 200 else 48 if count <= 1000 else 32


def draw_map(plane: Plane, thumbnails: NDArray[np.uint8] | None = None, groups: Sequence[str] | None = None) -> Frame:
    """Draws a plane of latents as a picture, uint8 BGR H×W×3, on white. Both axes have the same scale.

    Args:
        plane: points, see :func:`plane_of`.
        thumbnails: uint8 BGR, N×s×s×3. Each is drawn over its point if it hides no other thumbnail.
        groups: N names. If there are 2 to 10 different ones, frames and dots have their colour.

    Raises:
        FrameMismatch: lengths do not match.
    """
    points = plane.points
    for given, what in ((thumbnails, "thumbnails"), (groups, "groups")):
        if given is not None and len(given) != len(points):
            raise FrameMismatch(f"expected {len(points)} {what}, found {len(given)}")
    view = _View(points, margin=8 + (thumbnails.shape[1] // 2 + _FRAME if thumbnails is not None else 0))
    canvas = view.canvas()
    _draw_axes(canvas, view, plane.titles)
    names = sorted(set(groups)) if groups is not None else []
    coloured = groups is not None and 2 <= len(names) <= len(_COLOURS)
    colours = [_COLOURS[names.index(g)] for g in groups] if groups is not None and coloured else [_DOT] * len(points)
    places = [view.pixel(x, y) for x, y in points]
    for place, colour in zip(places, colours, strict=True):
        cv2.circle(canvas, place, 2, colour, -1, cv2.LINE_AA)
    shown = 0
    if thumbnails is not None:
        shown = _paste(canvas, places, thumbnails, colours if coloured else [_INK] * len(points))
    if coloured:
        _draw_legend(canvas, names)
    note = count(len(points), "picture") + (f", {shown} of them shown" if thumbnails is not None else "")
    _write(canvas, note, (canvas.shape[1] - _RIGHT, canvas.shape[0] - 14), right=True)
    return canvas


class _View:
    """Converts positions on the plane to pixels."""

    def __init__(self, points: Points, margin: int) -> None:
        low, high = points.min(axis=0), points.max(axis=0)
        extent = np.maximum(high - low, max(1e-9, float((high - low).max()) * 1e-3))
        inner = _LONG - 2 * margin
        scale = inner / float(extent.max())
        self.width, self.height = (max(_SHORT, round(side * scale) + 2 * margin) for side in extent)
        self.scale = scale
        self.middle = (low + high) / 2

    def canvas(self) -> Frame:
        return np.full((self.height + _TOP + _BOTTOM, self.width + _LEFT + _RIGHT, 3), 255, np.uint8)

    def pixel(self, x: float, y: float) -> tuple[int, int]:
        across = _LEFT + self.width / 2 + (x - self.middle[0]) * self.scale
        down = _TOP + self.height / 2 - (y - self.middle[1]) * self.scale
        return round(float(across)), round(float(down))

    def ticks(self, axis: int) -> list[float]:
        """Round numbers along an axis that are inside the view."""
        half = (self.width, self.height)[axis] / 2 / self.scale
        step = _round_step(2 * half / 8)
        first = int(np.ceil((self.middle[axis] - half) / step))
        last = int(np.floor((self.middle[axis] + half) / step))
        return [i * step for i in range(first, last + 1)]


def _round_step(least: float) -> float:
    unit = 10.0 ** floor(log10(least))
    return next(unit * factor for factor in (1, 2, 5, 10) if unit * factor >= least)


def _draw_axes(canvas: Frame, view: _View, titles: tuple[str, str]) -> None:
    right, bottom = _LEFT + view.width, _TOP + view.height
    for value in view.ticks(0):
        x, _ = view.pixel(value, 0)
        cv2.line(canvas, (x, _TOP), (x, bottom), _LINE, 1)
        _write(canvas, f"{value:.4g}", (x, bottom + 18), centre=True)
    for value in view.ticks(1) if titles[1] else []:
        _, y = view.pixel(0, value)
        cv2.line(canvas, (_LEFT, y), (right, y), _LINE, 1)
        _write(canvas, f"{value:.4g}", (_LEFT - 8, y + 5), right=True)
    cv2.rectangle(canvas, (_LEFT, _TOP), (right, bottom), _INK, 1)
    _write(canvas, titles[0], (_LEFT + view.width // 2, bottom + 40), centre=True)
    _write(canvas, titles[1], (_LEFT, _TOP - 10))


def _paste(
    canvas: Frame, places: Sequence[tuple[int, int]], thumbnails: NDArray[np.uint8], frames: Sequence[tuple[int, ...]]
) -> int:
    """Draws thumbnails around their positions without overlap; returns their number."""
    side = thumbnails.shape[1]
    taken = np.zeros(canvas.shape[:2], bool)
    shown = 0
    for i in np.random.default_rng(0).permutation(len(places)):
        left, top = places[i][0] - side // 2, places[i][1] - side // 2
        around = (slice(top - _FRAME, top + side + _FRAME), slice(left - _FRAME, left + side + _FRAME))
        if taken[around].any():
            continue
        taken[around] = True
        canvas[around] = frames[i]
        canvas[top : top + side, left : left + side] = thumbnails[i]
        shown += 1
    return shown


def _draw_legend(canvas: Frame, names: Sequence[str]) -> None:
    """The legend of the colours, in the top line from the right."""
    x = canvas.shape[1] - _RIGHT
    for i in reversed(range(len(names))):
        x -= _write(canvas, names[i][:_NAME] or ".", (x, _TOP - 32), right=True) + 8
        cv2.circle(canvas, (x, _TOP - 37), 5, _COLOURS[i], -1, cv2.LINE_AA)
        x -= 20


def _write(canvas: Frame, text: str, at: tuple[int, int], *, centre: bool = False, right: bool = False) -> int:
    """Draws small text that begins, ends or is centred at a pixel; returns its width."""
    shown = text.encode("ascii", "replace").decode()  # OpenCV's fonts only have ASCII
    (width, _), _ = cv2.getTextSize(shown, _FONT, 0.45, 1)
    x = at[0] - (width // 2 if centre else width if right else 0)
    cv2.putText(canvas, shown, (x, at[1]), _FONT, 0.45, _INK, 1, cv2.LINE_AA)
    return width
