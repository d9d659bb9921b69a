"""How close a method comes to the clean pictures: PSNR and SSIM, picture by picture.

Denoising: over all colours. Upscaling: of luma, without as many border pixels as the scale.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from comparison.datasets import FEW, Trial
from comparison.methods import Method, Restore
from comparison.results import Quality, Results
from nitido_train.evaluation import metrics

STEP = 1.25  # from one strength that is tried to the next
STEPS = 10
TUNED_ON = 8  # strengths are chosen on every so many-th picture
SLOW_TUNED_ON = 5 * FEW  # of slow methods: among those that they do
WINDOW = 11
SAME = 99.0  # dB of a picture that is restored without any error: JSON has no infinity


def measure(method: Method, trial: Trial, results: Results) -> bool:
    """Adds the method's row for the trial unless it is there; says whether it had to measure."""
    pictures = trial.few if method.slow else trial.all
    there = results.find(method.name, trial.dataset, trial.condition)
    if there and (there.identity, there.digest, there.pictures) == (method.identity, trial.digest, pictures):
        return False
    strength, setting = None, float(trial.scale)
    if method.start:
        sample = trial.all[:: SLOW_TUNED_ON if method.slow else TUNED_ON]
        strength = setting = best_strength(
            lambda s: float(np.mean([score(trial, i, method.open(s))[0] for i in sample])), method.start * trial.level
        )
    restore = method.open(setting)
    scores = [score(trial, i, restore) for i in pictures]
    results.add(
        Quality(
            method.name, trial.dataset, trial.condition, method.identity, trial.digest,
            None if strength is None else round(strength, 3),
            pictures, tuple(round(p, 4) for p, _ in scores), tuple(round(s, 5) for _, s in scores),
        )
    )  # fmt: skip
    return True


def best_strength(value: Callable[[float], float], start: float) -> float:
    """The strength of highest value among ``start`` · ``STEP``^n, walking up from ``start`` to where it falls again."""
    best, highest = start, value(start)
    for step in (STEP, 1 / STEP):
        for _ in range(STEPS):
            found = value(best * step)
            if found <= highest:
                break
            best, highest = best * step, found
        if best != start:
            break
    return best


def score(trial: Trial, position: int, restore: Restore) -> tuple[float, float]:
    """(PSNR in dB, SSIM) of one picture."""
    done, clean = restore(trial.given[position]), trial.clean[position]
    seen, wanted = (metrics.scored(p, trial.scale) for p in (done, clean))  # H W C
    similarity = float(np.mean([ssim(seen[..., c], wanted[..., c]) for c in range(seen.shape[2])]))
    return min(metrics.score(done, clean, trial.scale), SAME), similarity


def ssim(a: NDArray[np.generic], b: NDArray[np.generic]) -> float:
    """Mean structural similarity of two planes H×W in 8-bit levels: Gaussian windows of 11×11, σ 1.5, those that lie
    wholly inside (Wang et al., IEEE Transactions on Image Processing 2004). H and W of at least 11."""
    one, two = a.astype(np.float64), b.astype(np.float64)
    mean_one, mean_two = _blur(one), _blur(two)
    variance_one, variance_two = _blur(one * one) - mean_one**2, _blur(two * two) - mean_two**2
    together = _blur(one * two) - mean_one * mean_two
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    found = (2 * mean_one * mean_two + c1) * (2 * together + c2)
    found /= (mean_one**2 + mean_two**2 + c1) * (variance_one + variance_two + c2)
    return float(found.mean())


def fitting(methods: Sequence[Method], trial: Trial) -> list[Method]:
    """Those that do what the trial asks for."""
    return [m for m in methods if m.task == trial.task and m.scale in (0, trial.scale)]


def _blur(plane: NDArray[np.float64]) -> NDArray[np.float64]:
    edge = WINDOW // 2
    return np.asarray(cv2.GaussianBlur(plane, (WINDOW, WINDOW), 1.5), np.float64)[edge:-edge, edge:-edge]
