"""Alignment of a recurrent state with the next frame.

A recurrent denoiser averages over time what lies at the same place. Where something moves, its past lies elsewhere. So
the state is moved to where things are in the new frame before the network sees it.

The motion comes from OpenCV's DIS optical flow (Kroeger, Timofte, Dai, Van Gool, "Fast Optical Flow using Dense Inverse
Search", ECCV 2016) between the last result and the new, noisy frame.
"""

from __future__ import annotations

import threading

import cv2
import numpy as np
from numpy.typing import NDArray

from nitido.frames import Frame

Flow = NDArray[np.float32]
State = NDArray[np.float32]

BLUR = 1.2  # pixels: the new frame is noisy, and both have to be equally sharp
# Motion below this is noise of the estimate more often than motion, and moving by parts of a pixel blurs.
LEAST = 0.25  # pixels
SMALLEST = 32  # pixels: below this width or height DIS has too few scales

_thread = threading.local()


def flow_between(last: Frame, frame: Frame) -> Flow:
    """Where each pixel of ``frame`` was in ``last``.

    last: uint8 H×W×3, BGR, the last result.
    frame: uint8 H×W×3, BGR, the new frame, noisy.

    Returns float32 H×W×2 (dx, dy) in pixels: what is at (x, y) of ``frame`` was at (x+dx, y+dy) of ``last``. It is
    exactly zero where the motion is too small to matter.
    """
    blank = np.zeros((*frame.shape[:2], 2), np.float32)
    if min(frame.shape[:2]) < SMALLEST:
        return blank
    flow = np.asarray(_search().calc(_soft_luma(frame), _soft_luma(last), blank), np.float32)
    square = flow[..., 0] * flow[..., 0] + flow[..., 1] * flow[..., 1]
    flow[square < LEAST * LEAST] = 0.0
    return flow


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
    across, down = _maps(flow, grid, (height, width))
    if how == "nearest":
        across, down = np.rint(across).astype(np.float32), np.rint(down).astype(np.float32)
    way = {"linear": cv2.INTER_LINEAR, "nearest": cv2.INTER_NEAREST}[how]
    moved = np.empty_like(state)
    for plane, target in zip(state, moved, strict=True):
        cv2.remap(plane, across, down, way, dst=target, borderMode=cv2.BORDER_CONSTANT, borderValue=0)
    return moved


def _maps(flow: Flow, grid: int, size: tuple[int, int]) -> tuple[Flow, Flow]:
    """(x, y) of where each position of a state of that size (h, w) comes from, in positions."""
    height, width = size
    below, beside = height * grid - flow.shape[0], width * grid - flow.shape[1]
    if below or beside:
        flow = np.asarray(cv2.copyMakeBorder(flow, 0, below, 0, beside, cv2.BORDER_REPLICATE), np.float32)
    if grid > 1:
        flow = np.asarray(cv2.resize(flow, (width, height), interpolation=cv2.INTER_AREA), np.float32)
    flow = flow / np.float32(grid)
    across = flow[..., 0] + np.arange(width, dtype=np.float32)
    down = flow[..., 1] + np.arange(height, dtype=np.float32)[:, None]
    return across.astype(np.float32), down.astype(np.float32)


def _soft_luma(frame: Frame) -> NDArray[np.uint8]:
    return np.asarray(cv2.GaussianBlur(cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY), (0, 0), BLUR), np.uint8)


def _search() -> cv2.DISOpticalFlow:
    """This thread's flow estimator: one must not serve two threads at once."""
    if not hasattr(_thread, "search"):
        _thread.search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
    return _thread.search
