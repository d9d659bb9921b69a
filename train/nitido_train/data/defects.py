"""Draws defects onto good frames. A network learns to remove them and so to redraw good frames.

Defects are patches, strokes and bites in the frame's own colours, because a scratch, a splash or a missing piece shows
the colour next to it or under it. The idea of learning from drawn defects is from DRAEM (Zavrtanik, Kristan, Skocaj,
ICCV 2021). What is drawn depends on the random generator alone.
"""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from nitido.frames import Frame
from nitido_train.data import degrade
from nitido_train.recipe.schema import DefectRecipe

_APART = 48.0  # levels: closer colours would hardly be visible
_CORNERS = 12  # of a defect's outline
_FAR = 64  # largest distance to the next edge in pixels, for defects that grow from one edge to another
_TRIES = 6
_PATCH = 128 * 128  # pixels of a test frame that get as many defects as a patch in training
_TEST_SEED = 1


Point = NDArray[np.float64]
"""(row, column) or a step of one pixel, float64."""


def add_defects(frame: Frame, recipe: DefectRecipe, rng: np.random.Generator) -> Frame:
    """A copy of the frame with defects and then noise. A share ``recipe.clean`` of frames gets no defect."""
    result = frame.copy()
    if rng.random() >= recipe.clean:
        for _ in range(int(rng.integers(recipe.count[0], recipe.count[1] + 1))):
            _draw_defect(result, frame, recipe, rng)
    sigma = rng.uniform(*recipe.sigma)
    return degrade.add_gaussian(result, sigma, rng) if sigma > 0 else result


def defects_at(frame: Frame, position: int, recipe: DefectRecipe) -> Frame:
    """The frame at ``position`` of a test set, with defects: about ``recipe.count`` on each 128×128 pixels.

    It is seeded by position, so that every network gets the same frames.
    """
    patches = max(1, round(frame.shape[0] * frame.shape[1] / _PATCH))
    count = recipe.count[0] * patches, recipe.count[1] * patches
    rng = np.random.default_rng([_TEST_SEED, position])
    return add_defects(frame, replace(recipe, clean=0.0, count=count), rng)


def _draw_defect(result: Frame, frame: Frame, recipe: DefectRecipe, rng: np.random.Generator) -> None:
    """Draws one defect onto ``result``, in a colour of ``frame``."""
    low, high = (math.log(side) for side in recipe.size)
    side = math.exp(rng.uniform(low, high))
    if rng.random() < recipe.rooted and _grow(result, frame, side, rng):
        return
    mask = _shape(side, rng)  # h w, 0..255
    top, left = _place(frame, mask.shape, rng)
    rows = slice(max(0, top), min(frame.shape[0], top + mask.shape[0]))
    columns = slice(max(0, left), min(frame.shape[1], left + mask.shape[1]))
    mask = mask[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]
    if not mask.any():
        return
    under = result[rows, columns]
    seen = mask > 127
    paint = _colour(frame, under[seen] if seen.any() else under.reshape(-1, 3), recipe, rng)
    _paint(under, mask, paint)


def _paint(under: Frame, mask: NDArray[np.uint8], paint: NDArray[np.float32]) -> None:
    left, top, wide, tall = cv2.boundingRect(mask)
    part = slice(top, top + tall), slice(left, left + wide)
    under, mask = under[part], mask[part]
    under[:] = degrade.to_bytes(under + mask[:, :, None].astype(np.float32) / 255 * (paint - under))


def _grow(result: Frame, frame: Frame, side: float, rng: np.random.Generator) -> bool:
    """Draws a defect that begins at an edge, in the colour beyond it: a spur or a bite, or, if it reaches the other
    side, a bridge or a gap. Returns whether an edge was found within a few tries."""
    height, width = frame.shape[:2]
    for _ in range(_TRIES):
        row, column = int(rng.integers(height)), int(rng.integers(width))
        angle = rng.integers(4) * math.pi / 2 if rng.random() < 0.5 else rng.uniform(0, 2 * math.pi)
        here, step = frame[row, column].astype(np.int16), np.array([math.sin(angle), math.cos(angle)])
        back = _way_to_edge(frame, (row, column), -step, here)
        if back is None:
            continue
        root = np.array([row, column]) - back * step
        beyond = root - 2 * step
        r, c = round(beyond[0]), round(beyond[1])
        if not (0 <= r < height and 0 <= c < width):
            continue
        ahead = _way_to_edge(frame, (row, column), step, here)
        length = side
        if ahead is not None and back + ahead <= 2 * side + 8 and rng.random() < 0.7:
            length = back + ahead + 2.0  # all the way across
        end = root + length * step
        mask = np.zeros((height, width), np.uint8)
        _bar(mask, beyond, end, max(1.5, min(0.6 * length, rng.uniform(2, 12))), rng)
        if rng.random() < 0.15:
            mask = _gnawed(mask, rng)
        _paint(result, mask, frame[r, c].astype(np.float32))
        return True
    return False


def _way_to_edge(frame: Frame, start: tuple[int, int], step: Point, here: NDArray[np.int16]) -> int | None:
    """Number of steps from ``start`` to the first pixel whose colour clearly differs from ``here``. ``None``: too
    far."""
    ways = np.arange(1, _FAR)
    rows = np.rint(start[0] + ways * step[0]).astype(int)
    columns = np.rint(start[1] + ways * step[1]).astype(int)
    inside = (rows >= 0) & (rows < frame.shape[0]) & (columns >= 0) & (columns < frame.shape[1])
    seen = frame[rows[inside], columns[inside]].astype(np.int16)
    other = np.flatnonzero(np.abs(seen - here).max(axis=1) >= _APART)
    return int(ways[inside][other[0]]) if other.size else None


def _bar(mask: NDArray[np.uint8], start: Point, end: Point, thick: float, rng: np.random.Generator) -> None:
    """A bar from ``start`` to ``end``, straight or slightly bent, of even or changing thickness."""
    steps = 5
    way = np.linspace(0, 1, steps + 1)[:, None]
    across = np.array([end[1] - start[1], start[0] - end[0]])
    bend = rng.normal(0, 0.12) if rng.random() < 0.5 else 0.0
    path = start + way * (end - start) + 4 * way * (1 - way) * bend * across
    uneven = rng.uniform(0, 0.5) if rng.random() < 0.7 else 0.0
    line = cv2.LINE_AA if rng.random() < 0.5 else cv2.LINE_8
    for a, b in pairwise(path):
        wide = max(1, round(thick * (1 + rng.uniform(-uneven, uneven))))
        cv2.line(mask, (round(a[1]), round(a[0])), (round(b[1]), round(b[0])), 255, wide, line)


def _shape(side: float, rng: np.random.Generator) -> NDArray[np.uint8]:
    """A shape about ``side`` pixels long as a mask, 0..255: a stroke, a patch with a ragged outline, or a smooth spot.
    Spots are rare because good parts are full of them."""
    size = math.ceil(1.5 * side) + 4
    mask = np.zeros((size, size), np.uint8)
    line = cv2.LINE_AA if rng.random() < 0.5 else cv2.LINE_8
    middle, radius = size / 2, side / 2
    kind = rng.random()
    if kind < 0.05:
        axes = max(1, round(radius)), max(1, round(radius * rng.uniform(0.3, 0.8)))
        cv2.ellipse(mask, (round(middle), round(middle)), axes, rng.uniform(0, 180), 0, 360, 255, -1, line)
    elif kind < 0.5:
        angles = np.arange(_CORNERS) * (2 * math.pi / _CORNERS) + rng.uniform(0, 0.4, _CORNERS)
        reach = radius * rng.uniform(rng.uniform(0.2, 0.8), 1.0, _CORNERS)
        stretch = rng.uniform(0.3, 1.0)
        outline = np.stack([middle + reach * np.cos(angles), middle + stretch * reach * np.sin(angles)], axis=-1)
        cv2.fillPoly(mask, [np.rint(_spun(outline, middle, rng)).astype(np.int32)], 255, line)
    else:
        _stroke(mask, middle, side, line, rng)
    if rng.random() < 0.25:
        mask = _gnawed(mask, rng)
    return mask


def _stroke(mask: NDArray[np.uint8], middle: float, side: float, line: int, rng: np.random.Generator) -> None:
    """A bent stroke of changing thickness through the middle."""
    steps = 4
    bend = rng.normal(0, 0.5, steps).cumsum()
    walk = np.stack([np.cos(bend), np.sin(bend)], axis=-1).cumsum(axis=0) * (side / steps)
    path = _spun(walk - walk.mean(axis=0) + middle, middle, rng)
    thick = max(1.0, side * rng.uniform(0.08, 0.4))
    for start, end in pairwise(path):
        wide = max(1, round(thick * rng.uniform(0.6, 1.4)))
        ends = [(round(x), round(y)) for x, y in (start, end)]
        cv2.line(mask, ends[0], ends[1], 255, wide, line)


def _gnawed(mask: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """The mask with holes of a few pixels."""
    noise = rng.standard_normal(mask.shape, dtype=np.float32)
    noise = cv2.GaussianBlur(noise, (0, 0), rng.uniform(0.7, 2.0))
    return np.where(noise > rng.uniform(-0.6, 0.2) * noise.std(), mask, 0).astype(np.uint8)


def _spun(points: NDArray[np.float64], middle: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Points n×2 turned about the middle by any angle."""
    angle = rng.uniform(0, 2 * math.pi)
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    return (points - middle) @ turn + middle


def _place(frame: Frame, shape: tuple[int, ...], rng: np.random.Generator) -> tuple[int, int]:
    """Top and left corner for a shape whose middle lies inside the frame. Half of the shapes go to the most detailed of
    four places, because a defect on an edge is harder to recognise than one on a plain area."""
    height, width = frame.shape[:2]
    tries = 4 if rng.random() < 0.5 else 1
    best, most = (0, 0), -1.0
    for _ in range(tries):
        row, column = int(rng.integers(height)), int(rng.integers(width))
        place = row - shape[0] // 2, column - shape[1] // 2
        if tries == 1:
            return place
        seen = frame[max(0, place[0]) : row + shape[0] // 2 + 1, max(0, place[1]) : column + shape[1] // 2 + 1, 1]
        detail = float(seen.std())
        if detail > most:
            best, most = place, detail
    return best


def _colour(frame: Frame, under: Frame, recipe: DefectRecipe, rng: np.random.Generator) -> NDArray[np.float32]:
    """The colour to draw over ``under`` (n×3): a colour of the frame that is visible there. If the frame has none, and
    for a share ``recipe.foreign``, it is any visible colour."""
    mean = under.mean(axis=0, dtype=np.float64)
    drawn = frame[rng.integers(frame.shape[0], size=8), rng.integers(frame.shape[1], size=8)]
    foreign = rng.integers(0, 256, (8, 3))
    # Colours of a uniform frame are seldom visible on it.
    opposite = np.clip(255 - mean + rng.normal(0, 8, 3), 0, 255)
    candidates = foreign if rng.random() < recipe.foreign else drawn
    for colour in candidates:
        if float(np.abs(colour - mean).max()) >= _APART:
            return colour.astype(np.float32)
    return opposite.astype(np.float32)
