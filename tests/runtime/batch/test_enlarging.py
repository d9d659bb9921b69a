"""Which models an enlargement goes through."""

from __future__ import annotations

import pytest

from nitido.batch.enlarging import passes_for
from nitido.images.resize import OutputSize


@pytest.mark.parametrize(
    ("factor", "passes"),
    [(0.5, ()), (1.0, ()), (1.01, (2,)), (2.0, (2,)), (2.2, (3,)), (4.0, (4,)), (4.1, (2, 3)), (6.5, (2, 4))],
)
def test_the_next_larger_models_are_taken(factor: float, passes: tuple[int, ...]) -> None:
    assert passes_for(factor, [2, 3, 4], twice=True) == passes


def test_what_the_models_do_not_reach_is_none() -> None:
    assert passes_for(8.1, [2, 3, 4], twice=True) is None
    assert passes_for(4.1, [4], twice=False) is None
    assert passes_for(3.0, [2, 4], twice=True) == (4,)


def test_rounding_never_asks_for_more_than_the_scale() -> None:
    for width, height in ((101, 33), (7, 5), (1, 999)):
        for scale in (1.5, 2, 2.5, 3):
            wide, high = OutputSize(scale=scale).of(width, height)
            assert max(wide / width, high / height) <= -(-scale // 1)
