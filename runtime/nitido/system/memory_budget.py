"""A limit for the memory of several threads together."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager


class MemoryBudget:
    """A number of bytes that may be in use at the same time. Requests are served in order, so small requests cannot
    delay a large one forever. A request that is larger than the budget is served when nothing else is in use. A
    ``threading.Semaphore`` only gives out one unit at a time and does not keep the order."""

    def __init__(self, size: int) -> None:
        self.size, self.used = size, 0
        self._changed = threading.Condition()
        self._waiting: deque[object] = deque()

    @contextmanager
    def reserve(self, amount: int) -> Iterator[None]:
        """Waits until ``amount`` bytes are available, and reserves them for the block."""
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
