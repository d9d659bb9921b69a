"""The strength at which another tool is best, chosen on some clips for each condition."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from footage.clips import Trial
from footage.measures import measure
from footage.methods import Method

STEP = 1.5
STEPS = 6  # at most, in one direction


def best_strength(method: Method, trials: Sequence[Trial]) -> float:
    """The strength with the highest mean PSNR of the settled part; 0 for a method that has none. trials: of one
    condition."""
    if method.start == 0:
        return 0.0
    level = float(np.mean([trial.level for trial in trials]))
    start = min(max(method.start * level, method.least), method.most)
    return round(_climb(start, method, lambda strength: _quality(method, strength, trials)), 3)


def _climb(start: float, method: Method, quality: Callable[[float], float]) -> float:
    """From ``start`` in steps to where the quality falls again."""
    best, highest = start, quality(start)
    for step in (STEP, 1 / STEP):
        for _ in range(STEPS):
            tried = min(max(best * step, method.least), method.most)
            found = quality(tried) if tried != best else -np.inf
            if found <= highest:
                break
            best, highest = tried, found
        if best != start:
            break
    return best


def _quality(method: Method, strength: float, trials: Sequence[Trial]) -> float:
    restore = method.open(strength)
    return float(np.mean([measure(restore(trial.given), trial.clean).settled for trial in trials]))
