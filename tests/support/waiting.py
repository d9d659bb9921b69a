"""Waiting for what another thread or process does: as long as it takes, and an error when it never comes."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from nitido.system.locks import lock_file

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


@contextmanager
def one_at_a_time(path: Path) -> Iterator[None]:
    """Waits while another process is in such a block with the same lock file, for as long as a download may take."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT)
    try:
        while not lock_file(descriptor):
            time.sleep(0.05)
        yield
    finally:
        os.close(descriptor)
