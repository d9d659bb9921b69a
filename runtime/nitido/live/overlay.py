"""Drawing on frames that are shown: the status line and the view before | after."""

from __future__ import annotations

import cv2
import numpy as np

from nitido.frames import Frame
from nitido.images.labels import label_scale, put_label
from nitido.live.state import Shot, Status


def compose(shot: Shot, status: Status | None, *, split: bool) -> Frame:
    """The frame to show for a shot, (s·H)×(s·W)×3 uint8 BGR: its result; with ``split``, the left half as captured;
    with ``status``, its line at the top. The shot's own frames do not change."""
    if not split and status is None:
        return shot.after
    view = shot.after.copy()
    height, width = view.shape[:2]
    scale = label_scale(width)
    if split:
        before = shot.before
        if before.shape != view.shape:
            before = np.asarray(cv2.resize(before, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)
        middle = width // 2
        view[:, :middle] = before[:, :middle]
        cv2.line(view, (middle, 0), (middle, height), (255, 255, 255), max(1, round(2 * scale)))
        put_label(view, "before", scale, edge=height, upward=True)
        put_label(view, "after", scale, left=middle, edge=height, upward=True)
    if status is not None:
        below = put_label(view, status.line(), scale)
        if status.notice:
            put_label(view, status.notice, scale, edge=below)
    return view
