"""A place for one item between two threads. A newer item replaces one that was not fetched in time."""

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
        """Whether it is closed and empty."""
        with self._changed:
            return self._closed and self._item is None

    def put(self, item: T) -> bool:
        """Puts an item into the mailbox; returns ``False`` if it is closed."""
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
        """Fetches the item, waiting at most ``timeout`` seconds; ``None`` if there was none in time or the mailbox is
        closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._item is not None or self._closed, timeout)
            item, self._item = self._item, None
            self._changed.notify_all()
            return item

    def close(self) -> None:
        """Closes the mailbox; an item in it can still be fetched. Both sides may call this, more than once."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
