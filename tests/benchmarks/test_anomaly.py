"""What the benchmark of anomalies counts."""

from __future__ import annotations

import numpy as np
import pytest
from anomaly_boards import Timed, found_and_false, pca_error


def test_a_threshold_from_half_of_the_good_pictures_is_tried_on_the_other_half() -> None:
    good, faulty = [1.0, 2.0, 3.0, 9.0], [2.5, 5.0, 10.0, 11.0]
    # Fitted on 1 and 3: two faulty of four above 3 are three, and 9 of 2 and 9. Fitted on 2 and 9: two, and none.
    assert found_and_false(good, faulty) == (pytest.approx((3 / 4 + 2 / 4) / 2), pytest.approx((1 / 2 + 0) / 2))


def test_a_picture_is_done_once() -> None:
    done: list[int] = []
    heat = np.zeros((2, 2), np.float32)

    def error(picture: np.ndarray) -> np.ndarray:
        done.append(picture.shape[0])
        return heat

    timed = Timed(error)
    picture = np.zeros((5, 5, 3), np.uint8)
    assert timed(picture) is timed(picture) is heat
    assert done == [5] and timed.ms >= 0


def test_pca_errs_where_a_picture_differs_from_what_it_knows() -> None:
    class Mean:
        mean_ = np.full(32 * 32, 100, np.float32)
        components_ = np.zeros((1, 32 * 32), np.float32)

    picture = np.full((48, 48, 3), 100, np.uint8)
    picture[20:24, 20:24] = 110
    error = pca_error(Mean(), 1, picture, 8)  # pyright: ignore[reportArgumentType]
    assert error[22, 22] == pytest.approx(100) and error.sum() == pytest.approx(1600)
