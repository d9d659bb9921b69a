"""Heat drawn onto a picture."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from nitido.anomaly.heatmap import draw_heatmap
from nitido.anomaly.inspector import open_inspector
from support.anomaly_models import faulty_picture


def test_the_heat_map_shows_the_fault_and_leaves_the_picture(part: Path) -> None:
    picture = cv2.resize(faulty_picture(), (480, 320), interpolation=cv2.INTER_NEAREST)
    kept = picture.copy()
    view = draw_heatmap(np.asarray(picture, np.uint8), open_inspector(part, "cpu")(np.asarray(picture, np.uint8)))
    assert np.array_equal(picture, kept) and view.shape == picture.shape
    colourful = view.astype(int).max(axis=2) - view.astype(int).min(axis=2)
    assert colourful[150:166, 250:266].max() > 60  # the spot
    assert colourful[200:, :200].max() <= 2  # the ground keeps its grey
