"""What a command does to its process while it runs: signals that ask it to end, and libraries that must not print."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class Stop(threading.Event):
    """Set by the first signal to end; ``signal``: which one."""

    signal = 0


@contextmanager
def stop_signals() -> Iterator[Stop]:
    """For the block, the first Ctrl-C or SIGTERM asks to end; a second one ends at once."""
    stop = Stop()

    def ask(number: int, _frame: object) -> None:
        stop.signal = number
        stop.set()
        signal.signal(number, signal.SIG_DFL)

    earlier = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in earlier.items():
            signal.signal(number, handler)


@contextmanager
def quiet_libraries() -> Iterator[None]:
    """For the block, what C libraries print about damaged files goes nowhere: each file has a line of its own. What
    Python prints is as before."""
    try:
        shown = sys.stderr.fileno() == 2
    except (OSError, ValueError, AttributeError):
        shown = False
    if not shown:
        yield
        return
    stderr = sys.stderr
    stderr.flush()
    kept = os.dup(2)
    with (
        Path(os.devnull).open("w") as nowhere,
        os.fdopen(kept, "w", encoding=stderr.encoding, errors=stderr.errors) as shown_still,
    ):
        sys.stderr = shown_still
        os.dup2(nowhere.fileno(), 2)
        try:
            yield
        finally:
            shown_still.flush()
            os.dup2(kept, 2)
            sys.stderr = stderr
