"""Text on a darkened strip, legible on any picture."""

from __future__ import annotations

import cv2

from nitido.frames import Frame

FONT = cv2.FONT_HERSHEY_SIMPLEX
WHITE = (255, 255, 255)


def label_scale(width: int) -> float:
    """The text size for a view of this width in pixels."""
    return max(0.35, min(1.2, width / 1300))


def label_height(text: str, scale: float) -> int:
    """The height of :func:`put_label` in rows."""
    (_, height), under = cv2.getTextSize(text, FONT, scale, 1)
    return height + under + 2 * _room(scale)


def put_label(
    view: Frame,
    text: str,
    scale: float,
    *,
    left: int = 0,
    edge: int = 0,
    upward: bool = False,
    across: bool = False,
    colour: tuple[int, int, int] = WHITE,
    thickness: int = 1,
) -> int:
    """Draws text into ``view`` (uint8 H×W×3 BGR) and returns the row where the strip ends.

    left: column where the strip begins.
    edge: row where it begins; it extends down, or up with ``upward``.
    across: the strip is as wide as the view, instead of the text.
    colour: BGR, 0..255.

    Text that does not fit into the view is cut off.
    """
    (width, height), under = cv2.getTextSize(text, FONT, scale, 1)
    room = _room(scale)
    tall = height + under + 2 * room
    top = edge - tall if upward else edge
    right = view.shape[1] if across else left + width + 2 * room
    strip = view[max(0, top) : max(0, top + tall), left:right]
    strip[:] = strip // 3
    cv2.putText(view, text, (left + room, top + room + height), FONT, scale, colour, thickness, cv2.LINE_AA)
    return top + tall


def _room(scale: float) -> int:
    return max(3, round(8 * scale))
