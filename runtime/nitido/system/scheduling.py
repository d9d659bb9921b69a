"""How the system shares the cores among the threads of this process."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def keep_scheduling() -> Iterator[None]:
    """For the block, a library cannot change the scheduling policy of this thread, or of threads that it starts.

    SVT-AV1 needs this: in a process of root it turns its own threads and the calling thread into real-time threads of
    the highest priority. They would take the cores from every other program, and later threads and child processes
    would inherit the priority. Does nothing on systems without scheduling policies.
    """
    if not hasattr(os, "sched_setscheduler"):
        yield
        return
    policy, parameters, before = os.sched_getscheduler(0), os.sched_getparam(0), _threads()
    try:
        yield
    finally:
        for thread in (0, *(_threads() - before)):
            with suppress(OSError):  # it has ended
                if os.sched_getscheduler(thread) != policy:
                    os.sched_setscheduler(thread, policy, parameters)


def _threads() -> set[int]:
    """The system's numbers of the threads of this process; empty where they are not known."""
    try:
        return {int(folder.name) for folder in Path("/proc/self/task").iterdir()}
    except OSError:
        return set()
