"""Shows where an anomaly is: the dimmed picture with heat, boxes around the hottest places, and the verdict."""

from __future__ import annotations

import cv2
import numpy as np

from nitido.anomaly.inspector import Inspection
from nitido.anomaly.threshold import Heat
from nitido.frames import Frame
from nitido.images.labels import label_height, label_scale, put_label

_RED, _GREEN = (60, 60, 255), (90, 200, 90)  # BGR
_FAINT = 0.2  # share of the threshold's heat at which colours begin
_THRESHOLD_LEVEL = 190.0  # of the colour map, 0..255: orange


def draw_heatmap(picture: Frame, inspection: Inspection) -> Frame:
    """Draws the heat and the regions over a picture. Takes and returns uint8 BGR H×W×3."""
    height, width = picture.shape[:2]
    scale = label_scale(width)
    # 1 is the threshold. Places of a few pixels get a glow to make them visible.
    share = _glowing(inspection.heat / np.float32(max(inspection.threshold.heat, 1e-3)), round(6 * scale))
    # Colours between grey levels are visible on black and on white.
    ground = cv2.addWeighted(picture, 0.45, picture, 0.0, 40.0)
    levels = np.clip(share * _THRESHOLD_LEVEL, 0, 255).astype(np.uint8)
    colours = cv2.applyColorMap(levels, cv2.COLORMAP_INFERNO)
    opacity = np.clip((share - _FAINT) / (0.7 - _FAINT), 0, 1)[:, :, None]
    view = np.asarray(ground + opacity * (colours.astype(np.float32) - ground), np.uint8)
    line, room = max(1, round(2 * scale)), round(16 * scale) + 2
    for region in inspection.regions:
        left, top = max(0, region.x - room), max(0, region.y - room)
        right, bottom = min(width - 1, region.x + region.width + room), min(height - 1, region.y + region.height + room)
        cv2.rectangle(view, (left, top), (right, bottom), _RED, line)
    _headline(view, inspection, scale)
    return view


def _glowing(share: Heat, reach: int) -> Heat:
    """The heat with each place as hot as the hottest within ``reach`` pixels, fading out."""
    side = 2 * reach + 1
    wide = cv2.dilate(share, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)))
    return np.maximum(share, cv2.GaussianBlur(wide, (side, side), 0))


def _headline(view: Frame, inspection: Inspection, scale: float) -> None:
    """Writes verdict, score and threshold on a darkened strip along the top, as far as they fit."""
    text = f"{inspection.verdict.upper()}  {inspection.score:.1f} / {inspection.threshold.score:.1f}"
    if 3 * min(label_height(text, scale), len(view)) > len(view):
        return  # on a thumbnail it would hide the picture
    colour = _RED if inspection.anomalous else _GREEN
    put_label(view, text, scale, across=True, colour=colour, thickness=max(1, round(1.5 * scale)))
