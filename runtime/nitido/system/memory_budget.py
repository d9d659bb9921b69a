"""A limit on what several threads hold in memory at once."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager


class MemoryBudget:
    """Bytes that may be in use at once, given out in the order of asking, so that a large request is not passed over
    for ever by small ones. One that is larger than the whole gets its turn when nothing else is in use. A
    ``threading.Semaphore`` gives out one unit at a time and keeps no order."""

    def __init__(self, size: int) -> None:
        self.size, self.used = size, 0
        self._changed = threading.Condition()
        self._waiting: deque[object] = deque()

    @contextmanager
    def reserve(self, amount: int) -> Iterator[None]:
        """Waits until ``amount`` bytes fit, and holds them for the block."""
        amount, ticket = min(amount, self.size), object()
        with self._changed:
            self._waiting.append(ticket)
            self._changed.wait_for(lambda: self._waiting[0] is ticket and self.used + amount <= self.size)
            self._waiting.popleft()
            self.used += amount
            self._changed.notify_all()
        try:
            yield
        finally:
            with self._changed:
                self.used -= amount
                self._changed.notify_all()
