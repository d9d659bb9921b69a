"""Alignment of a recurrent state with the next frame.

A recurrent denoiser averages over time what lies at the same place. Where something moves, its past lies elsewhere. So
the state is moved to where things are in the new frame before the network sees it.

The motion comes from OpenCV's DIS optical flow (Kroeger, Timofte, Dai, Van Gool, "Fast Optical Flow using Dense Inverse
Search", ECCV 2016) between the last result and the new, noisy frame.
"""

from __future__ import annotations

import threading
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from nitido.frames import Frame

Flow = NDArray[np.float32]
State = NDArray[np.float32]

BLUR = 0.55  # pixels of halved frames: the new frame is noisy, and both have to be equally sharp
SMALLEST = 32  # pixels: below this width or height DIS has too few scales
# The flow of a noisy frame is never zero. It is used where it lessens the squared differences between the two frames to
# this share, over so many blocks around: near by, or in a wider surrounding, so that flat places move with the others.
# Denser patches and more iterations find motion hardly any better (docs/development/training-log.md) and take longer.
STRIDE, ITERATIONS = 5, 6
BLOCK = 2  # pixels of the halved frames, on which DIS computes
NEAR, NEAR_SHARE = 5, 0.8
WIDE, WIDE_SHARE = 16, 0.9

_thread = threading.local()


def flow_between(last: Frame, frame: Frame) -> Flow:
    """Where each pixel of ``frame`` was in ``last``.

    last: uint8 H×W×3, BGR, the last result.
    frame: uint8 H×W×3, BGR, the new frame, noisy.

    Returns float32 H×W×2 (dx, dy) in pixels: what is at (x, y) of ``frame`` was at (x+dx, y+dy) of ``last``. It is
    exactly zero where nothing shows that anything moved.
    """
    height, width = frame.shape[:2]
    if min(height, width) < SMALLEST:
        return np.zeros((height, width, 2), np.float32)
    before, now = _half_luma(last), _half_luma(frame)
    flow = np.asarray(motion_search(*now.shape, halved=True).calc(now, before, None), np.float32)  # pyright: ignore[reportArgumentType, reportCallIssue]
    better = _is_better(flow, before, now)
    if not better.any():
        return np.zeros((height, width, 2), np.float32)
    size = width, height
    whole = cv2.resize(flow, size, interpolation=cv2.INTER_LINEAR)
    whole *= np.float32(2)
    return np.asarray(cv2.copyTo(whole, cv2.resize(better, size, interpolation=cv2.INTER_NEAREST)), np.float32)


def _is_better(flow: Flow, before: NDArray[np.uint8], now: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Blocks where the flow explains the new frame better than standing still does: not 0."""
    height, width = now.shape
    sources = flow + places(height, width)
    moved = cv2.remap(before, sources, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)  # pyright: ignore[reportArgumentType, reportCallIssue]
    size = -(-width // BLOCK), -(-height // BLOCK)
    still, moving = (_squares(now, other, size) for other in (before, moved))
    better = np.zeros(still.shape, np.bool_)
    for window, share in ((NEAR, NEAR_SHARE), (WIDE, WIDE_SHARE)):
        better |= cv2.blur(moving, (window, window)) < share * cv2.blur(still, (window, window))
    return better.view(np.uint8)


def _squares(a: cv2.typing.MatLike, b: cv2.typing.MatLike, size: tuple[int, int]) -> NDArray[np.float32]:
    """Mean squared differences of blocks. size: width and height in blocks."""
    off = cv2.absdiff(a, b)
    return np.asarray(
        cv2.resize(cv2.multiply(off, off, dtype=cv2.CV_32F), size, interpolation=cv2.INTER_AREA), np.float32
    )


def warp_state(state: State, flow: Flow, grid: int, how: str) -> State:
    """The state with everything where it is in the new frame.

    state: float32 C×h×w, a position for every ``grid`` pixels. h·grid and w·grid may exceed the flow's size, as frames
    are padded for the network.
    flow: see :func:`flow_between`.
    how: ``linear`` interpolates. ``nearest`` moves by whole positions, so that noise stays noise.

    Returns float32 C×h×w. What comes from outside the frame is 0: no past.
    """
    if not flow.any():
        return state
    height, width = state.shape[1:]
    sources = _sources(flow, grid, (height, width))
    way = {"linear": cv2.INTER_LINEAR, "nearest": cv2.INTER_NEAREST}[how]
    if how == "nearest":
        sources = np.rint(sources, out=sources).astype(np.int16)  # whole positions are looked up twice as fast
    moved = np.empty_like(state)
    for plane, target in zip(state, moved, strict=True):
        cv2.remap(plane, sources, None, way, dst=target, borderMode=cv2.BORDER_CONSTANT, borderValue=0)  # pyright: ignore[reportArgumentType, reportCallIssue]
    return moved


def _sources(flow: Flow, grid: int, size: tuple[int, int]) -> Flow:
    """(x, y) of where each position of a state of that size (h, w) comes from, in positions: h×w×2."""
    height, width = size
    below, beside = height * grid - flow.shape[0], width * grid - flow.shape[1]
    if below or beside:
        flow = np.asarray(cv2.copyMakeBorder(flow, 0, below, 0, beside, cv2.BORDER_REPLICATE), np.float32)
    if grid > 1:
        small = np.asarray(cv2.resize(flow, (width, height), interpolation=cv2.INTER_AREA), np.float32)
        flow = small / np.float32(grid)
    return flow + places(height, width)


@lru_cache(maxsize=8)
def places(height: int, width: int) -> Flow:
    """(x, y) of each position, h×w×2."""
    found = np.empty((height, width, 2), np.float32)
    found[..., 0] = np.arange(width)
    found[..., 1] = np.arange(height)[:, None]
    found.flags.writeable = False
    return found


def _half_luma(frame: Frame) -> NDArray[np.uint8]:
    luma = cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY)
    half = cv2.resize(luma, ((luma.shape[1] + 1) // 2, (luma.shape[0] + 1) // 2), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.GaussianBlur(half, (0, 0), BLUR), np.uint8)


def motion_search(height: int, width: int, *, halved: bool = False) -> cv2.DISOpticalFlow:
    """This thread's flow estimator for frames of that size. halved: for frames at half size, where time counts.

    One must not serve two threads at once, and it keeps the scales that a small frame made it choose, so each size has
    its own.
    """
    kept = getattr(_thread, "search", None)
    if kept is None or kept[0] != (height, width, halved):
        search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
        if halved:
            search.setFinestScale(search.getFinestScale() - 1)
            search.setPatchStride(STRIDE)
            search.setGradientDescentIterations(ITERATIONS)
        kept = (height, width, halved), search
        _thread.search = kept
    return kept[1]
