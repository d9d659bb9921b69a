"""Makes moving clips from still pictures.

Real clips have blur, parallax and people. Pictures have detail without noise, and clips made from them have cameras
that stand perfectly still and motion that is known exactly.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from nitido.frames import Frame
from nitido_train.data.degrade import to_bytes

Clip = NDArray[np.uint8]  # T×H×W×3 BGR
Draw = Callable[[np.random.Generator], Frame]  # a random picture

STATIC, SHAKE, PAN = 0.35, 0.2, 0.25  # shares of cameras that stand still, shake, pan; the others zoom or turn
OBJECTS = 0.45  # share of clips in which something moves in front of the picture
CUTS = 0.08  # share of clips with a cut
SCALES = (0.4, 2.0)  # pixels of the picture per pixel of the clip
SHARP = 0.5  # share of clips that use one pixel of the picture per pixel, so that they are equally sharp
FASTEST = 8.0  # pixels per frame


@dataclass(frozen=True)
class Path:
    """A camera's path over a picture, one value per frame.

    across, down: position of the clip's middle, in pixels of the clip.
    angle: turn in radians.
    zoom: logarithm of the magnification.
    """

    across: NDArray[np.float64]
    down: NDArray[np.float64]
    angle: NDArray[np.float64]
    zoom: NDArray[np.float64]

    @staticmethod
    def draw(length: int, rng: np.random.Generator) -> Path:
        time = np.arange(length, dtype=np.float64)
        still = np.zeros(length)
        kind = rng.random()
        if kind < STATIC:
            return Path(still, still, still, still)
        if kind < STATIC + SHAKE:
            size = float(np.exp(rng.uniform(np.log(0.1), np.log(1.5))))
            return Path(_shaking(length, rng, size), _shaking(length, rng, size), still, still)
        speed, course = np.exp(rng.uniform(np.log(0.15), np.log(FASTEST))), rng.uniform(0, 2 * np.pi)
        shake = rng.uniform(0, 0.5) if rng.random() < 0.5 else 0.0
        across = speed * np.cos(course) * time + _shaking(length, rng, shake)
        down = speed * np.sin(course) * time + _shaking(length, rng, shake)
        if kind < STATIC + SHAKE + PAN:
            return Path(across, down, still, still)
        return Path(
            across * rng.uniform(0, 0.5),
            down * rng.uniform(0, 0.5),
            time * rng.normal(0, 0.012),
            time * rng.normal(0, 0.012),
        )


def moving_clip(draw: Draw, length: int, side: int, rng: np.random.Generator) -> Clip:
    """A clip of ``length`` frames, ``side`` pixels wide and high. draw: chooses pictures."""
    clip = _scene(draw, length, side, rng)
    if rng.random() < CUTS and length > 2:
        cut = int(rng.integers(1, length))
        clip[cut:] = _scene(draw, length - cut, side, rng)
    return clip


def _scene(draw: Draw, length: int, side: int, rng: np.random.Generator) -> Clip:
    path = Path.draw(length, rng)
    ground, scale = _ground(draw(rng), side, rng)
    clip = np.stack([_view(ground, path, n, scale, side) for n in range(length)])
    if rng.random() < OBJECTS:
        for _ in range(int(rng.integers(1, 4))):
            _add_object(clip, draw(rng), rng)
    return clip


def _ground(picture: Frame, side: int, rng: np.random.Generator) -> tuple[Frame, float]:
    """(a part of the picture that is large enough for most motion, its number of pixels per pixel of the clip)."""
    scale = 1.0 if rng.random() < SHARP else float(np.exp(rng.uniform(*np.log(SCALES))))
    height, width = picture.shape[:2]
    wanted = [min(n, round(2 * side * scale)) for n in (height, width)]
    top, left = (int(rng.integers(n - w + 1)) for n, w in zip((height, width), wanted, strict=True))
    part = picture[top : top + wanted[0], left : left + wanted[1]]
    if scale > 1.2:  # shrink without aliasing here; the views then only interpolate
        size = max(8, round(wanted[1] / scale)), max(8, round(wanted[0] / scale))
        part, scale = np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_AREA), np.uint8), 1.0
    if rng.random() < 0.5:
        part = part[:, ::-1]
    return np.ascontiguousarray(part), scale


def _view(ground: Frame, path: Path, n: int, scale: float, side: int) -> Frame:
    """What the camera sees at one moment."""
    height, width = ground.shape[:2]
    size = scale * np.exp(-path.zoom[n])
    cos, sin = size * np.cos(path.angle[n]), size * np.sin(path.angle[n])
    middle = (side - 1) / 2
    x, y = (width - 1) / 2 + scale * path.across[n], (height - 1) / 2 + scale * path.down[n]
    matrix = np.array(
        [[cos, -sin, x - cos * middle + sin * middle], [sin, cos, y - sin * middle - cos * middle]], np.float64
    )
    way = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    view = cv2.warpAffine(ground, matrix, (side, side), flags=way, borderMode=cv2.BORDER_REFLECT_101)
    return np.asarray(view, np.uint8)


def _add_object(clip: Clip, picture: Frame, rng: np.random.Generator) -> None:
    """Moves a piece of the picture over the clip, with an edge as sharp as from a lens."""
    length, side = clip.shape[0], clip.shape[1]
    size = int(rng.integers(max(8, side // 8), side * 2 // 3))
    height, width = picture.shape[:2]
    cut = min(height, width, round(size * np.exp(rng.uniform(0, np.log(3)))))
    top, left = int(rng.integers(height - cut + 1)), int(rng.integers(width - cut + 1))
    piece = cv2.resize(picture[top : top + cut, left : left + cut], (size, size), interpolation=cv2.INTER_AREA)
    mask = np.zeros((size, size), np.float32)
    corners = int(rng.integers(3, 12))
    turns = np.sort(rng.uniform(0, 2 * np.pi, corners))
    reach = rng.uniform(0.5, 1.0, corners) * (size / 2 - 2)
    points = size / 2 + reach[:, None] * np.stack([np.cos(turns), np.sin(turns)], 1)
    cv2.fillPoly(mask, [points.astype(np.int32)], (1.0,), cv2.LINE_8)
    mask = cv2.GaussianBlur(mask, (0, 0), float(rng.uniform(0.5, 1.2)))
    speed = np.exp(rng.uniform(np.log(0.3), np.log(FASTEST))) if rng.random() < 0.85 else 0.0
    course, spin = rng.uniform(0, 2 * np.pi), rng.normal(0, 0.02)
    moment = rng.uniform(0, length)
    start = rng.uniform(0, side, 2) - speed * moment * np.array([np.cos(course), np.sin(course)])
    for n in range(length):
        x, y = start + speed * n * np.array([np.cos(course), np.sin(course)])
        matrix = cv2.getRotationMatrix2D((size / 2, size / 2), float(np.degrees(spin * n)), 1.0)
        matrix[:, 2] += (x - size / 2, y - size / 2)
        over = cv2.warpAffine(piece, matrix, (side, side), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        share = cv2.warpAffine(mask, matrix, (side, side), flags=cv2.INTER_LINEAR)[..., None]
        clip[n] = to_bytes(clip[n] + share * (over.astype(np.float32) - clip[n]))


def with_other_light(clip: Clip, rng: np.random.Generator) -> Clip:
    """The clip with light that is switched or fades: by half, or so slightly that only the mean shows it."""
    length = clip.shape[0]
    change = np.exp(rng.uniform(np.log(0.01), np.log(0.8)))
    gain = np.exp(change if rng.random() < 0.5 else -change)
    moment = rng.uniform(0, length)
    duration = 0.5 if rng.random() < 0.5 else float(rng.uniform(2, 12))
    done = np.clip((np.arange(length) - moment) / duration + 0.5, 0, 1)
    gains = np.exp(done * np.log(gain)).astype(np.float32)
    return to_bytes(clip * gains[:, None, None, None])


def _shaking(length: int, rng: np.random.Generator, size: float) -> NDArray[np.float64]:
    """The shaking of a hand: steps of about ``size`` pixels that return towards the middle."""
    place, places = 0.0, np.empty(length)
    for n in range(length):
        places[n] = place
        place = 0.8 * place + size * rng.normal()
    return places
