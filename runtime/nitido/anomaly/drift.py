"""A drift alarm: tests whether current scores have the same distribution as those at fitting.

At every new score, the last scores are compared with those at fitting by the two-sample Kolmogorov-Smirnov test. It
makes no assumption about the distribution of scores, notices changes of the spread as well as of the mean, and has a
fixed reference, so slow changes are noticed, too. Its limit follows from a probability of false alarms. Page-Hinkley
and CUSUM (Page, Continuous inspection schemes, Biometrika 41, 1954) need fewer scores for a small steady shift, but
they only notice changes of the mean, and they need the size of the shift and a limit in levels, which differ between
models.

The limit is exact for the two sample sizes. It is computed by counting paths on a lattice (Hodges, The significance
probability of the Smirnov two-sample test, Arkiv för Matematik 3, 1958). Equal scores make the test more cautious.

The test assumes independent scores. Many frames of one part that does not move count as one score: see ``every``.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import comb
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nitido.errors import CardMismatch
from nitido.wording import count

WINDOW = 50
CHANCE = 1e-5
WINDOWS = (10, 200)  # allowed number of scores in a window
FEWEST = 20  # smallest number of scores at fitting
KEPT = 1000  # largest number of scores at fitting in a file


@dataclass(frozen=True)
class Drift:
    """The result of the test after a score.

    distance: between the two distributions, 0..1: the largest difference of the shares of scores below any level.
    limit: the alarm is on from this distance on.
    median, fitted: of the last scores and of those at fitting, in levels.
    """

    distance: float
    limit: float
    median: float
    fitted: float

    @property
    def alarm(self) -> bool:
        return self.distance >= self.limit

    def as_row(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "alarm": self.alarm,
            "distance": round(self.distance, 4),
            "limit": round(self.limit, 4),
            "median": round(self.median, 3),
            "fitted_median": round(self.fitted, 3),
        }

    def line(self) -> str:
        """The figures as a line for people."""
        return (
            f"distance {self.distance:.2f}, limit {self.limit:.2f}; "
            f"median score {self.median:.1f}, at fitting {self.fitted:.1f}"
        )


class DriftTest:
    """Takes scores one by one and tests whether they have drifted.

    fitted: scores at fitting, at least ``FEWEST``.
    window: number of last scores that are compared, 10..200.
    chance: largest probability, 0..1, of a false alarm at any one score.
    every: only every so many scores count; the others are ignored.
    Raises ``CardMismatch`` naming ``origin`` when there are too few scores at fitting.
    """

    def __init__(
        self,
        fitted: Sequence[float],
        *,
        window: int = WINDOW,
        chance: float = CHANCE,
        every: int = 1,
        origin: str = "the model",
    ) -> None:
        if not WINDOWS[0] <= window <= WINDOWS[1] or every < 1 or not 0 < chance < 1:
            raise ValueError(f"expected a window of 10 to 200 scores, found {window}, {every}, {chance}")
        if len(fitted) < FEWEST:
            found = f"holds {len(fitted)}" if fitted else "was fitted by an older version, which did not keep them"
            raise CardMismatch(
                f"the drift alarm needs at least {FEWEST} scores from the fitting, better a hundred; {origin} {found}; "
                "fit it again on more good pictures: nitido anomaly fit"
            )
        self._fitted = np.array(thin(fitted))
        self._median = float(np.median(self._fitted))
        self._last: deque[float] = deque(maxlen=window)
        self._every, self._given = every, 0
        self.window = window
        self.limit = limit_of(len(self._fitted), window, chance)
        self.drift: Drift | None = None
        self.alarms = 0  # number of times that the alarm went on

    @property
    def held(self) -> int:
        """The number of scores in the window; the test begins when it is full."""
        return len(self._last)

    @property
    def alarm(self) -> bool:
        """Whether the alarm is on."""
        return self.drift is not None and self.drift.alarm

    def add(self, score: float) -> Drift | None:
        """Takes the next score, in levels. Returns the result of the test, or ``None`` before the window is full."""
        self._given += 1
        if (self._given - 1) % self._every:
            return self.drift
        self._last.append(score)
        if len(self._last) == self.window:
            before = self.alarm
            last = np.sort(np.array(self._last))
            self.drift = Drift(distance_of(self._fitted, last), self.limit, float(np.median(last)), self._median)
            self.alarms += self.alarm and not before
        return self.drift

    def summary(self) -> str:
        """One line about the run so far, for people."""
        if self.drift is None:
            return f"drift: not tested, only {self.held} of the necessary {self.window} scores"
        times = f"the alarm went on {count(self.alarms, 'time')}; " if self.alarms else ""
        return f"drift: {'ALARM' if self.alarm else 'none' if not self.alarms else 'over'}; {times}{self.drift.line()}"


def thin(scores: Sequence[float]) -> tuple[float, ...]:
    """The scores for a file, ascending: all of them, or ``KEPT`` evenly spaced quantiles if there are more."""
    values = np.sort(np.asarray(scores, np.float64))
    if len(values) > KEPT:
        values = values[((np.arange(KEPT) + 0.5) / KEPT * len(values)).astype(int)]
    return tuple(round(float(value), 3) for value in values)


def distance_of(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """The Kolmogorov-Smirnov distance of two samples, each ascending, 0..1."""
    n, m = len(first), len(second)
    order = np.arange(m)
    above = (order + 1) / m - np.searchsorted(first, second, side="right") / n
    below = np.searchsorted(first, second, side="left") / n - order / m
    return float(max(above.max(), below.max(), 0.0))


@lru_cache(maxsize=8)
def limit_of(n: int, m: int, chance: float) -> float:
    """The smallest distance that samples of n and m scores of one distribution reach with at most that probability.

    Above 1 if even the greatest distance is more probable.
    """
    low, high = 0, n * m + 1  # in steps of 1/(n·m): low is too probable, high is not
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if chance_of(n, m, middle) <= chance else (middle, high)
    return (high - 0.5) / (n * m)  # half a step less, to be safe from rounding


def chance_of(n: int, m: int, steps: int) -> float:
    """The probability that two samples of n and m scores of one distribution have a distance of ``steps``/(n·m) or
    more."""
    if steps <= 0:
        return 1.0
    # Each order of the n + m scores is a path over the lattice. Paths that stay within the band are counted row by row.
    row = np.zeros(m + 1)
    row[: min(m, (steps - 1) // n) + 1] = 1.0
    columns = np.arange(m + 1)
    for i in range(1, n + 1):
        row = np.cumsum(np.where(abs(i * m - columns * n) < steps, row, 0.0))
        row[abs(i * m - columns * n) >= steps] = 0.0
    return max(0.0, 1.0 - float(row[m]) / float(comb(n + m, m)))
