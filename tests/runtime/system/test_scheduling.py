"""What a library does to the scheduling of threads does not last."""

from __future__ import annotations

import os
import sys
import threading

import pytest

from nitido.system.scheduling import keep_scheduling
from support.waiting import reached

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="scheduling policies are set on Linux")


def test_this_thread_and_new_ones_keep_the_policy_of_before() -> None:
    changed, done, before = threading.Event(), threading.Event(), os.sched_getscheduler(0)
    found: list[int] = []

    def become_batch() -> None:
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))  # needs no rights
        changed.set()
        reached(done)
        found.append(os.sched_getscheduler(0))

    thread = threading.Thread(target=become_batch)
    with keep_scheduling():
        thread.start()
        reached(changed)
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    assert os.sched_getscheduler(0) == before
    done.set()
    thread.join()
    assert found == [before]


def test_threads_that_were_there_keep_what_they_chose() -> None:
    started, changed, done = (threading.Event() for _ in range(3))
    found: list[int] = []

    def become_batch() -> None:
        reached(started)
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
        changed.set()
        reached(done)
        found.append(os.sched_getscheduler(0))

    thread = threading.Thread(target=become_batch)
    thread.start()
    with keep_scheduling():
        started.set()
        reached(changed)
    done.set()
    thread.join()
    assert found == [os.SCHED_BATCH]
