"""The middle of a picture at a network's size."""

from __future__ import annotations

import numpy as np
import pytest

from nitido.errors import FrameMismatch
from nitido.images.fit import fit_picture
from support.latent_models import (
    halves,
)


def test_fitting_takes_the_middle_in_the_nets_proportions() -> None:
    wide = np.concatenate(
        [np.full((40, 30, 3), 9, np.uint8), halves(10, 200, 40, 40), np.full((40, 30, 3), 9, np.uint8)], 1
    )
    assert np.array_equal(fit_picture(wide, 8, 8), halves(10, 200))
    tall = wide.transpose(1, 0, 2)
    assert np.array_equal(fit_picture(tall, 8, 8), halves(10, 200).transpose(1, 0, 2))
    assert np.array_equal(fit_picture(halves(10, 200), 8, 8), halves(10, 200))
    checks = np.indices((64, 64)).sum(axis=0) % 2 * 200
    shrunk = fit_picture(np.repeat(checks[:, :, None], 3, axis=2).astype(np.uint8), 8, 8)
    assert np.abs(shrunk.astype(int) - 100).max() <= 1  # by area: nothing is left of the pattern


@pytest.mark.parametrize("size", [(1, 1), (1, 1000), (1000, 1), (3, 2)])
def test_fitting_takes_any_size(size: tuple[int, int]) -> None:
    assert np.array_equal(fit_picture(np.full((*size, 3), 77, np.uint8), 28, 10), np.full((28, 10, 3), 77, np.uint8))


@pytest.mark.parametrize("wrong", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3)), np.zeros((0, 4, 3), np.uint8)])
def test_fitting_refuses_other_arrays(wrong: np.ndarray) -> None:
    with pytest.raises(FrameMismatch, match="expected a picture uint8"):
        fit_picture(wrong, 8, 8)
