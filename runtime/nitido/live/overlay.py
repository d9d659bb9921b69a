"""Drawing on frames that are shown: the status line and the view before | after."""

from __future__ import annotations

import cv2
import numpy as np

from nitido.frames import Frame
from nitido.live.state import Shot, Status

_FONT = cv2.FONT_HERSHEY_SIMPLEX


def compose(shot: Shot, status: Status | None, *, split: bool) -> Frame:
    """The frame to show for a shot, (s·H)×(s·W)×3 uint8 BGR: its result, with ``split`` the left half as captured,
    with a ``status`` its line at the top. The shot's own frames stay as they are."""
    if not split and status is None:
        return shot.after
    view = shot.after.copy()
    height, width = view.shape[:2]
    scale = max(0.35, min(1.2, width / 1300))
    if split:
        before = shot.before
        if before.shape != view.shape:
            before = np.asarray(cv2.resize(before, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)
        middle = width // 2
        view[:, :middle] = before[:, :middle]
        cv2.line(view, (middle, 0), (middle, height), (255, 255, 255), max(1, round(2 * scale)))
        _label(view, "before", 0, height, scale, upward=True)
        _label(view, "after", middle, height, scale, upward=True)
    if status is not None:
        below = _label(view, status.line(), 0, 0, scale)
        if status.notice:
            _label(view, status.notice, 0, below, scale)
    return view


def _label(view: Frame, text: str, left: int, edge: int, scale: float, *, upward: bool = False) -> int:
    """Light text on a darkened strip, legible on anything, that begins at the row ``edge`` and goes down (or up);
    returns where it ends. What does not fit into the view is cut off."""
    (width, height), under = cv2.getTextSize(text, _FONT, scale, 1)
    room = max(3, round(8 * scale))
    tall = height + under + 2 * room
    top = edge - tall if upward else edge
    strip = view[max(0, top) : max(0, top + tall), left : left + width + 2 * room]
    strip[:] = strip // 3
    cv2.putText(view, text, (left + room, top + room + height), _FONT, scale, (255, 255, 255), 1, cv2.LINE_AA)
    return top + tall
