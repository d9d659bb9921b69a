"""A sheet of scored sets: a chart of their scores, and three pictures of each, with low, median and high score."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from nitido.anomaly.comparison import ScoredSet, Shown
from nitido.frames import Frame
from nitido.images.labels import FONT

_WIDTH, _LEFT, _ROW, _TILE, _GAP = 1240, 250, 54, 120, 6
_INK, _LINE, _PAPER = (45, 45, 45), (215, 215, 215), 255
# BGR, of Okabe and Ito (2008).
_COLOURS = {"good": (115, 158, 0), "bad": (0, 94, 213), "other": (178, 114, 0)}


def draw_sheet(sets: Sequence[ScoredSet], threshold: float | None = None) -> Frame:
    """The sheet, uint8 H×W×3 BGR. threshold: a score to mark."""
    plot = _plot(sets, threshold)
    rows = [plot, *(_examples(scored) for scored in sets if scored.shown)]
    return np.vstack(rows)


def _plot(sets: Sequence[ScoredSet], threshold: float | None) -> Frame:
    """A dot for each score, a row for each set. The axis is logarithmic, because scores of other kinds are many times
    higher."""
    canvas = np.full((_ROW * len(sets) + 90, _WIDTH, 3), _PAPER, np.uint8)
    values = np.concatenate([s.scores for s in sets] + ([np.array([threshold])] if threshold else []))
    values = np.maximum(values, 1e-3)
    low, high = float(values.min()) / 1.15, float(values.max()) * 1.15
    right, bottom = _WIDTH - 30, _ROW * len(sets) + 30

    def column(value: float) -> int:
        share = np.log(max(value, 1e-3) / low) / np.log(high / low)
        return round(_LEFT + float(share) * (right - _LEFT))

    for tick in (m * 10.0**e for e in range(-3, 4) for m in (1, 2, 5)):
        if low <= tick <= high:
            cv2.line(canvas, (column(tick), 20), (column(tick), bottom), _LINE, 1)
            _text(canvas, f"{tick:g}", (column(tick) - 10, bottom + 20), 0.42)
    _text(canvas, "score, in 8-bit levels", (_LEFT, bottom + 44), 0.45)
    rng = np.random.default_rng(0)
    for number, scored in enumerate(sets):
        middle = 20 + _ROW * number + _ROW // 2
        colour = _COLOURS[scored.role]
        _text(canvas, scored.name[:26], (14, middle - 2), 0.5)
        _text(canvas, f"{scored.role}, {len(scored.scores)}", (14, middle + 17), 0.42, colour)
        spread = rng.integers(-14, 15, len(scored.scores))
        for score, off in zip(scored.scores, spread, strict=True):
            cv2.circle(canvas, (column(float(score)), middle + int(off)), 3, colour, -1, cv2.LINE_AA)
        if len(scored.scores):
            at = column(float(np.median(scored.scores)))
            cv2.line(canvas, (at, middle - 20), (at, middle + 20), _INK, 2)
    if threshold:
        at = column(threshold)
        cv2.line(canvas, (at, 12), (at, bottom), (60, 60, 220), 1, cv2.LINE_AA)
        _text(canvas, "threshold", (at + 5, 14), 0.42, (60, 60, 220))
    return canvas


def _examples(scored: ScoredSet) -> Frame:
    """The shown pictures in a row, each with input, result and heat."""
    canvas = np.full((_TILE + 34, _WIDTH, 3), _PAPER, np.uint8)
    _text(canvas, scored.name[:26], (14, 40), 0.5)
    _text(canvas, "input | result | heat", (14, 60), 0.42)
    for number, shown in enumerate(scored.shown):
        left = _LEFT + number * (3 * _TILE - 40)
        for place, tile in enumerate(_tiles(shown)):
            x = left + place * (_TILE - 20 + _GAP)
            canvas[10 : 10 + _TILE - 20, x : x + _TILE - 20] = tile
        _text(canvas, f"{shown.score:.1f}  {shown.file.name[-28:]}", (left, _TILE + 10), 0.42)
    return canvas


def _tiles(shown: Shown) -> list[Frame]:
    size = (_TILE - 20, _TILE - 20)
    hottest = max(float(shown.heat.max()), 1.0)
    # The hottest pixel of each cell, because small places would vanish if a large picture were simply shrunk.
    step = max(1, min(shown.heat.shape) // size[0])
    heat = cv2.dilate(shown.heat, np.ones((step, step), np.uint8)) if step > 1 else shown.heat
    levels = np.clip(255 * heat / hottest, 0, 255).astype(np.uint8)
    pictures = [shown.given, shown.returned, np.asarray(cv2.applyColorMap(levels, cv2.COLORMAP_INFERNO), np.uint8)]
    way = cv2.INTER_AREA if min(shown.given.shape[:2]) > size[0] else cv2.INTER_NEAREST
    return [np.asarray(cv2.resize(picture, size, interpolation=way), np.uint8) for picture in pictures]


def _text(canvas: Frame, text: str, at: tuple[int, int], scale: float, colour: tuple[int, int, int] = _INK) -> None:
    shown = text.encode("ascii", "replace").decode()  # OpenCV's fonts only have ASCII
    cv2.putText(canvas, shown, at, FONT, scale, colour, 1, cv2.LINE_AA)
