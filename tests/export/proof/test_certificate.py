"""The vectors of a certificate."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nitido_export.proof.certificate import frames_from
from nitido_train.evaluation.conditions import conditions


def bars(height: int = 96, width: int = 96) -> NDArray[np.uint8]:
    """Dark upright bars, 16 pixels wide, on light ground."""
    picture = np.full((height, width, 3), 230, np.uint8)
    picture[:, (np.arange(width) // 16) % 2 == 1] = 20
    return picture


def test_vectors_and_conditions_of_the_task_are_seeded() -> None:
    frames = frames_from([bars(128, 160)], "reconstruct", 1)
    assert [f.shape for f in frames] == [(1, 37, 45, 3)] * 2
    assert np.array_equal(frames[0], frames_from([bars(128, 160)], "reconstruct", 1)[0])
    (one,), (two,) = (conditions("reconstruct", 1, [bars()]) for _ in range(2))
    assert np.array_equal(one.given[0], two.given[0]) and one.measure(one.baseline) < 30
