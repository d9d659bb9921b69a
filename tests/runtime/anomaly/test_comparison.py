"""How well scores separate sets of pictures."""

from __future__ import annotations

import numpy as np
import pytest

from nitido.anomaly.comparison import auroc


def test_auroc_is_the_share_of_pairs_in_the_right_order() -> None:
    rng = np.random.default_rng(0)
    higher, lower = rng.integers(0, 12, 40) + 3, rng.integers(0, 12, 70)  # with many ties
    pairs = [1.0 if a > b else 0.5 if a == b else 0.0 for a in higher for b in lower]
    assert auroc(higher, lower) == pytest.approx(float(np.mean(pairs)), abs=1e-12)
    assert auroc([3, 4], [1, 2]) == 1
    assert auroc([1], [2]) == 0
