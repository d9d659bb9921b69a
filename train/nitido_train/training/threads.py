"""The default number of threads of a training."""

from __future__ import annotations

import os

from nitido.system.machine import describe_machine


def default_threads(workers: int, devices: int) -> int | None:
    """The physical cores that this process may use, shared among ``devices`` processes, minus one for each process that
    prepares patches. At least one core is left to other programs, and at least one thread is used. ``None`` if the
    environment decides (``OMP_NUM_THREADS``).

    A thread that has to share its core delays all others at the end of every operation.
    """
    if os.environ.get("OMP_NUM_THREADS"):
        return None
    machine = describe_machine()
    cores = min(machine.usable_cpus, machine.physical_cores or machine.usable_cpus)
    return max(1, cores // max(1, devices) - max(1, workers))
