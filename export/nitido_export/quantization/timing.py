"""Compares the speed of two models in turn, so that other load on the machine affects both equally."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass

import numpy as np
import onnxruntime as ort

from nitido.inference.model import Model

HEIGHT, WIDTH = 480, 640
ROUNDS = 15


@dataclass(frozen=True)
class Comparison:
    """Medians in milliseconds a frame of 640×480; ``speedup`` is the median of the paired ratios."""

    reference_ms: float
    candidate_ms: float
    speedup: float

    def describe(self) -> str:
        return (
            f"{self.candidate_ms:.1f} ms compared with {self.reference_ms:.1f} ms in fp32 for a {WIDTH}×{HEIGHT} frame "
            f"(onnxruntime {ort.__version__} on the CPU, both measured in turn, median of {ROUNDS})"
        )


def compare(reference: Model, candidate: Model, rounds: int = ROUNDS) -> Comparison:
    """Runs both in turn on the same noisy frame. Open them with ``spinning=False``: busy waiting threads of one model
    would slow down the other."""
    frame = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    for model in (reference, candidate):
        model(frame)
    pairs: list[tuple[float, float]] = []
    for number in range(rounds):
        taken = [0.0, 0.0]
        # The order alternates, because the second one may find warmer caches.
        for which in (0, 1) if number % 2 else (1, 0):
            began = time.perf_counter()
            (reference, candidate)[which](frame)
            taken[which] = 1000 * (time.perf_counter() - began)
        pairs.append((taken[0], taken[1]))
    return Comparison(
        reference_ms=statistics.median(a for a, _ in pairs),
        candidate_ms=statistics.median(b for _, b in pairs),
        speedup=statistics.median(a / b for a, b in pairs),
    )
