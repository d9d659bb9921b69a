"""The order in which a training goes through a collection."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray


def batch_indices(count: int, size: int, seed: int, steps: range) -> Iterator[tuple[int, NDArray[np.int64]]]:
    """(step, indices of its batch) of a collection of ``count`` in batches of ``size``.

    Each index occurs once per epoch, and each epoch has its own order. An incomplete last batch is left out. The result
    depends only on seed and step.
    """
    per_epoch = count // size
    epoch, order = -1, np.empty(0, np.int64)
    for step in steps:
        if step // per_epoch != epoch:
            epoch = step // per_epoch
            order = np.random.default_rng([seed, 1, epoch]).permutation(count)
        yield step, order[step % per_epoch * size :][:size]
