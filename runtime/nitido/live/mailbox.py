"""A place for one thing between two threads: what was not fetched in time is replaced by what is newer."""

from __future__ import annotations

import threading
from typing import Generic, TypeVar

T = TypeVar("T")


class Mailbox(Generic[T]):
    """Holds at most one item. ``put`` never waits: the newest item wins and ``dropped`` counts the others. A
    ``queue.Queue(maxsize=1)`` cannot replace its item and report it in one step.

    With ``lossless`` nothing is replaced: ``put`` waits until the place is free. One thread puts, another takes.
    """

    def __init__(self, *, lossless: bool = False) -> None:
        self.dropped = 0
        self._lossless = lossless
        self._item: T | None = None
        self._closed = False
        self._changed = threading.Condition()

    @property
    def over(self) -> bool:
        """Nothing lies here and nothing will."""
        with self._changed:
            return self._closed and self._item is None

    def put(self, item: T) -> bool:
        """Leaves an item; ``False`` when the mailbox is closed and nobody will fetch it."""
        with self._changed:
            if self._lossless:
                self._changed.wait_for(lambda: self._item is None or self._closed)
            if self._closed:
                return False
            if self._item is not None:
                self.dropped += 1
            self._item = item
            self._changed.notify_all()
            return True

    def take(self, timeout: float | None = None) -> T | None:
        """Fetches the item, waiting at most ``timeout`` seconds; ``None`` when there was none in time or it is over."""
        with self._changed:
            self._changed.wait_for(lambda: self._item is not None or self._closed, timeout)
            item, self._item = self._item, None
            self._changed.notify_all()
            return item

    def close(self) -> None:
        """No more items will come; one that lies here can still be fetched. May be called by either side, twice."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
