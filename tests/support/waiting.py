"""Waiting for what another thread or process does: as long as it takes, and an error when it never comes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

WAIT = 60.0  # seconds after which what must come is taken for never coming; no test counts on it


def until(condition: Callable[[], object]) -> None:
    """Waits until ``condition()`` is true."""
    deadline = time.monotonic() + WAIT
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"it did not come to that within {WAIT:g} s")
        time.sleep(0.002)


def reached(event: threading.Event) -> None:
    """Waits for an event."""
    if not event.wait(WAIT):
        raise TimeoutError(f"the other thread did not get there within {WAIT:g} s")


def threads_left(before: list[threading.Thread]) -> list[threading.Thread]:
    """Threads that run now and did not run ``before``. Others may have ended meanwhile."""
    return [thread for thread in threading.enumerate() if thread not in before]
