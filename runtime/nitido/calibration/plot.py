"""A picture of a calibration, as SVG, which every browser shows."""

from __future__ import annotations

import math
from html import escape

from nitido.calibration.calibration import COMPONENTS, Calibration

_WIDTH, _HEIGHT = 860, 380
_PLOTS = ((60, 50, 420, 270), (540, 50, 290, 270))  # left, top, width, height of curve and correlation
_COLOURS = {"luma": "#222222", "cb": "#2166ac", "cr": "#b2182b"}
_INK, _FAINT = "#444444", "#dddddd"


def plot_svg(calibration: Calibration) -> str:
    """The noise curve over brightness, and the correlation of the noise of neighbouring pixels."""
    title = f"{calibration.source}: noise level {calibration.level:.1f}, {calibration.frames} frames"
    body = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" font-family="sans-serif" '
        f'font-size="12" fill="{_INK}">',
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="white"/>',
        f'<text x="60" y="26" font-size="15">{escape(title)}</text>',
        *_curve(calibration),
        *_correlation(calibration),
        "</svg>",
    ]
    return "\n".join(body) + "\n"


def _curve(calibration: Calibration) -> list[str]:
    shares = {"luma": 1.0, "cb": calibration.colour[0], "cr": calibration.colour[1]}
    step = _step(max(calibration.deviation) * max(shares.values()))
    top = step * (math.floor(max(calibration.deviation) * max(shares.values()) / step) + 1)
    axes = _Axes(_PLOTS[0], (0, 255), (0, top))
    lines = [*axes.grid(range(0, 256, 64), [step * i for i in range(round(top / step) + 1)])]
    for name, share in shares.items():
        points = [(b, share * d) for b, d in zip(calibration.brightness, calibration.deviation, strict=True)]
        lines.append(axes.line(points, _COLOURS[name]))
    return [*lines, axes.label("brightness", "standard deviation of the noise (8-bit levels)"), *axes.legend()]


def _correlation(calibration: Calibration) -> list[str]:
    reach = len(calibration.correlation[0]) - 1
    axes = _Axes(_PLOTS[1], (0, max(1, reach)), (-0.2, 1))
    lines = [*axes.grid(range(0, reach + 1, 2), [0, 0.5, 1])]
    for name in COMPONENTS:
        points = [(float(i), calibration.correlation_of(name, 0, i)) for i in range(reach + 1)]
        lines.append(axes.line(points, _COLOURS[name]))
    return [*lines, axes.label("distance (pixels, horizontal)", "correlation of the noise")]


def _step(highest: float) -> float:
    """A round distance between lines of a grid, for about four lines up to that height."""
    unit = 10.0 ** math.floor(math.log10(max(highest, 1e-3) / 4))
    return next(unit * factor for factor in (1, 2, 5, 10) if 4 * unit * factor >= highest)


class _Axes:
    """A rectangle of the picture with its coordinates."""

    def __init__(self, place: tuple[int, int, int, int], across: tuple[float, float], up: tuple[float, float]) -> None:
        self._place, self._across, self._up = place, across, up

    def _at(self, x: float, y: float) -> tuple[float, float]:
        left, top, width, height = self._place
        (first, last), (low, high) = self._across, self._up
        y = min(max(y, low), high)
        return left + width * (x - first) / (last - first), top + height * (high - y) / (high - low)

    def line(self, points: list[tuple[float, float]], colour: str) -> str:
        placed = " ".join("{:.1f},{:.1f}".format(*self._at(*point)) for point in points)
        return f'<polyline points="{placed}" fill="none" stroke="{colour}" stroke-width="2"/>'

    def grid(self, across: range, up: list[float]) -> list[str]:
        left, top, width, height = self._place
        lines = []
        for x in across:
            place = self._at(x, self._up[0])[0]
            lines.append(f'<line x1="{place:.1f}" x2="{place:.1f}" y1="{top}" y2="{top + height}" stroke="{_FAINT}"/>')
            lines.append(f'<text x="{place:.1f}" y="{top + height + 16}" text-anchor="middle">{x}</text>')
        for y in up:
            place = self._at(self._across[0], y)[1]
            lines.append(f'<line x1="{left}" x2="{left + width}" y1="{place:.1f}" y2="{place:.1f}" stroke="{_FAINT}"/>')
            lines.append(f'<text x="{left - 6}" y="{place + 4:.1f}" text-anchor="end">{y:g}</text>')
        return lines

    def label(self, across: str, up: str) -> str:
        left, top, width, height = self._place
        return (
            f'<text x="{left + width / 2}" y="{top + height + 36}" text-anchor="middle">{across}</text>'
            f'<text x="{left}" y="{top - 8}">{up}</text>'
        )

    def legend(self) -> list[str]:
        left, top, width, _ = self._place
        lines = []
        for row, name in enumerate(COMPONENTS):
            y = top + 18 + 18 * row
            colour = _COLOURS[name]
            lines.append(f'<line x1="{left + width - 74}" x2="{left + width - 54}" y1="{y}" y2="{y}" stroke="{colour}" '
                         'stroke-width="2"/>')  # fmt: skip
            lines.append(f'<text x="{left + width - 48}" y="{y + 4}">{name.capitalize()}</text>')
        return lines
