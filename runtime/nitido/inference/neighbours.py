"""The frames around one of a clip, moved to where it has things and averaged as far as they agree with it.

Motion-compensated averaging is older than networks ("MVTools"). It works better behind a denoiser than before one:
motion is found, and distinguished from noise, on denoised frames.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from nitido.frames import Frame
from nitido.inference.alignment import SMALLEST, motion_search, places

Plane = NDArray[np.float32]
Picture = NDArray[np.float32]

OUTSIDE = -1000.0  # levels: what comes from outside the frame agrees with nothing

# Differences of luma in levels, between denoised frames.
TOLERANCE, OF_NOISE = 3.0, 0.2  # the difference at which a neighbour counts for 1/e: levels, and share of the noise
TEXTURE, TEXTURE_MOST = 0.2, 4.0  # in texture more differs: share of its standard deviation, and at most so many levels
NEAR, NEARER, NEARER_SHARE = 7, 3, 0.7  # windows in pixels over which differences are averaged; the larger one counts
STILL = 1.25  # nothing has moved where the difference without motion is at most so many times that with it
FLOW_WINDOW, FLOW_ROUGHNESS = 9, 1.0  # pixels: the deviation of the flow around a place at which it counts for 1/e
FAR = 20.0  # pixels of motion at which a neighbour counts half: long flows are less certain


class Restored(NamedTuple):
    """A frame of a clip: as it came and as a model returned it, both uint8 H×W×3 BGR, and the luma of the latter, uint8
    H×W."""

    noisy: Frame
    image: Frame
    luma: NDArray[np.uint8]

    @staticmethod
    def of(noisy: Frame, image: Frame) -> Restored:
        return Restored(noisy, image, np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.uint8))


class Average(NamedTuple):
    """What a frame and its neighbours have in common.

    noisy, image: weighted means of the frames as they came and as they were restored, float32 H×W×3 BGR.
    share: H×W, how much of the variance of its noise is left in ``noisy``: 1 where no neighbour agrees, 1/n where n - 1
    do.
    """

    noisy: Picture
    image: Picture
    share: Plane


def average_around(frame: Restored, neighbours: Sequence[tuple[Restored, float]], noise: float) -> Average:
    """Averages a frame with its neighbours.

    neighbours: with the weight 0..1 of each where it agrees with the frame.
    noise: of the frames, root of the mean square, in 8-bit levels.
    """
    guide = frame.luma.astype(np.float32)
    tolerance = _tolerance(guide, noise)
    noisy, image = frame.noisy.astype(np.float32), frame.image.astype(np.float32)
    weights = np.ones(guide.shape, np.float32)
    squares = weights.copy()
    for other, most in neighbours:
        sources, weight = _agreement(frame, other, guide, tolerance)
        weight *= np.float32(most)
        for total, added in ((noisy, other.noisy), (image, other.image)):
            moved = cv2.remap(added, sources, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)  # pyright: ignore[reportArgumentType, reportCallIssue]
            total += weight[..., None] * moved
        weights += weight
        squares += weight * weight
    noisy /= weights[..., None]
    image /= weights[..., None]
    return Average(noisy, image, np.asarray(squares / (weights * weights), np.float32))


def _tolerance(guide: Plane, noise: float) -> Plane:
    mean = cv2.blur(guide, (NEAR, NEAR))
    variance = np.maximum(cv2.blur(guide * guide, (NEAR, NEAR)) - mean * mean, 0)
    texture = np.minimum(TEXTURE * np.sqrt(variance), TEXTURE_MOST)
    return np.asarray(np.sqrt((TOLERANCE + OF_NOISE * noise) ** 2 + texture * texture), np.float32)


def _agreement(frame: Restored, other: Restored, guide: Plane, tolerance: Plane) -> tuple[NDArray[np.float32], Plane]:
    """(where each pixel of the frame is in the other one, H×W×2; how well it agrees, 0..1)."""
    height, width = guide.shape
    grid = places(height, width)
    values = other.luma.astype(np.float32)
    still = _difference(values, guide)
    if min(height, width) < SMALLEST:
        return grid, np.asarray(np.exp(-((still / tolerance) ** 2)), np.float32)
    flow = motion_search(*frame.luma.shape).calc(frame.luma, other.luma, None)  # pyright: ignore[reportArgumentType, reportCallIssue]
    moved = cv2.remap(values, grid + flow, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=OUTSIDE)  # pyright: ignore[reportArgumentType, reportCallIssue]
    moving = _difference(np.asarray(moved, np.float32), guide)
    stands = still <= STILL * moving
    flow = np.where(stands[..., None], np.float32(0), flow)
    off = np.where(stands, still, moving) / tolerance
    length = flow[..., 0] ** 2 + flow[..., 1] ** 2
    mean = cv2.blur(flow, (FLOW_WINDOW, FLOW_WINDOW))
    around = cv2.blur(length, (FLOW_WINDOW, FLOW_WINDOW))
    rough = np.maximum(around - mean[..., 0] ** 2 - mean[..., 1] ** 2, 0) / FLOW_ROUGHNESS**2
    weight = np.exp(-(off * off + rough)) / (1 + length / FAR**2)
    return grid + flow, np.asarray(weight, np.float32)


def _difference(a: Plane, b: Plane) -> Plane:
    off = cv2.absdiff(a, b)
    return np.maximum(cv2.blur(off, (NEAR, NEAR)), NEARER_SHARE * cv2.blur(off, (NEARER, NEARER)))


def root_mean_square(values: NDArray[np.floating]) -> float:
    return math.sqrt(float(np.mean(np.square(values))))
