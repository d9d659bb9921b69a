"""How well scores separate sets of pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nitido.anomaly.comparison import auroc
from nitido.anomaly.reconstruction import Reconstruction
from nitido.anomaly.threshold import fit_threshold


def test_auroc_is_the_share_of_pairs_in_the_right_order() -> None:
    rng = np.random.default_rng(0)
    higher, lower = rng.integers(0, 12, 40) + 3, rng.integers(0, 12, 70)  # with many ties
    pairs = [1.0 if a > b else 0.5 if a == b else 0.0 for a in higher for b in lower]
    assert auroc(higher, lower) == pytest.approx(float(np.mean(pairs)), abs=1e-12)
    assert auroc([3, 4], [1, 2]) == 1
    assert auroc([1], [2]) == 0


def test_a_threshold_can_be_exceeded_even_where_good_scores_are_nearly_the_highest(smoothing_model: Path) -> None:
    reconstruction = Reconstruction(smoothing_model, "cpu")
    good = np.zeros((64, 64, 3), np.uint8)
    good[20:, :] = 255
    worse = good.copy()
    worse[10, 10] = worse[10:13, 40:43] = 255
    lines = [np.where(np.arange(64)[:, None, None] % 2 == phase, 255, 0) for phase in (0, 1)]
    pictures = [np.broadcast_to(line, (64, 64, 3)).astype(np.uint8) for line in lines]
    fitted = fit_threshold(reconstruction, pictures, margin=5.0)
    assert max(fitted.scores) < fitted.score < 255
    modest = fit_threshold(reconstruction, [good, worse], margin=0.1)
    assert modest.score == pytest.approx(1.1 * max(modest.scores), rel=1e-3)
