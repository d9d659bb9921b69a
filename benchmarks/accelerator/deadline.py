"""How much of the time for a run is left."""

from __future__ import annotations

import time
from collections.abc import Callable


class Deadline:
    """Counts down from its making. Whoever works in steps asks before each."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._end = clock, clock() + seconds

    @property
    def left(self) -> float:
        """Seconds; below zero when it is over."""
        return self._end - self._clock()

    def before(self, seconds: float) -> Deadline:
        """One that ends so many seconds earlier."""
        return Deadline(self.left - seconds, self._clock)
