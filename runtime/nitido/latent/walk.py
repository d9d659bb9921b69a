"""A walk through a latent space, for pieces that are longer than one phrase."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from nitido.errors import FrameMismatch
from nitido.latent.melody import HOLD, REST, Notes
from nitido.latent.space import LatentSpace, Vectors


def walk(
    space: LatentSpace,
    count: int,
    step: float,
    rng: np.random.Generator | int | None = None,
    *,
    start: Vectors | None = None,
    temperature: float = 1.0,
) -> Vectors:
    """``count`` latents, float32 N×d, each close to the one before: z' = √(1-s²) z + s·noise. So all of them are
    distributed like the latents of the training, even in a long walk.

    step: s, 0..1; 0 stays, 1 makes each independent of the one before. start: float32 d or 1×d, the first latent;
    default a random one. Raises ``FrameMismatch``.
    """
    if count < 1 or not 0 <= step <= 1 or temperature < 0:
        raise FrameMismatch(f"expected a count from 1 on and a step of 0 to 1, found {count} and {step}")
    generator = np.random.default_rng(rng)
    mean, std = (np.zeros(space.size), np.ones(space.size)) if space.normal else (space.mean, space.std)
    noise = generator.standard_normal((count, space.size)) * temperature
    here = noise[0] if start is None else (np.asarray(start, np.float64).reshape(-1) - mean) / np.maximum(std, 1e-12)
    places = [here]
    for other in noise[1:]:
        here = math.sqrt(1 - step * step) * here + step * other
        places.append(here)
    return np.asarray(np.stack(places) * std + mean, np.float32)


def joined(phrases: Iterable[Notes]) -> Notes:
    """Phrases uint8 T as one row. Notes do not continue from the phrase before."""
    rows = np.stack(list(phrases))
    rows[rows[:, 0] == HOLD, 0] = REST
    return rows.reshape(-1)
