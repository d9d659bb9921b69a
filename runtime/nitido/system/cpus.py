"""The number of CPUs that this process may use, limited by affinity and the container's quota."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Iterator
from pathlib import Path

_SYSTEM = Path("/")


def usable_cpus(root: Path = _SYSTEM) -> int:
    """Logical CPUs that this process may use, by affinity and by the CPU quotas of its control groups; at least 1.

    root: where ``proc`` and ``sys`` are.
    """
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min([cpus, *(math.ceil(quota) for quota in _quotas(root))]))


def physical_cores(root: Path = _SYSTEM) -> int | None:
    """Physical cores of the machine; ``None`` if unknown."""
    lists = (root / "sys/devices/system/cpu").glob("cpu[0-9]*/topology/thread_siblings_list")
    return len({text for path in lists if (text := _read(path))}) or None


def leave_cores_to_models() -> None:
    """Lets OpenCV compute only in the calling thread. Between two calls, its own threads wait busily on cores that a
    model needs; without them, a video is done 2 % sooner."""
    os.environ["OPENCV_FOR_THREADS_NUM"] = "1"  # if OpenCV is loaded later
    if "cv2" in sys.modules:
        import cv2

        cv2.setNumThreads(1)


def thread_limit(root: Path = _SYSTEM) -> int | None:
    """The best number of threads if this process may use less than the machine's physical cores; ``None`` if it is not
    limited."""
    usable = usable_cpus(root)
    return usable if usable < (physical_cores(root) or os.cpu_count() or 1) else None


def _quotas(root: Path) -> Iterator[float]:
    """The quotas, in CPUs, of the process's control groups and their parents, for both versions of control groups."""
    for controllers, path in _groups(root):
        base = root / "sys/fs/cgroup"
        if controllers:  # version 1: a folder for each controller
            names = (",".join(controllers), "cpu")
            base = next((base / name for name in names if (base / name).is_dir()), base / "cpu")
        for folder in _upwards(base, path):
            if controllers:
                quota, period = _read(folder / "cpu.cfs_quota_us"), _read(folder / "cpu.cfs_period_us")
            else:
                quota, _, period = _read(folder / "cpu.max").partition(" ")
            if quota.isdecimal() and period.isdecimal() and int(period):  # not "max", nor -1
                yield int(quota) / int(period)


def _groups(root: Path) -> Iterator[tuple[list[str], str]]:
    """(controllers, path) of each control group that may limit this process; version 2 names no controllers."""
    yield [], "/"  # a container may hide the file below; it mounts its own group at the top
    yield ["cpu"], "/"
    for line in _read(root / "proc/self/cgroup").splitlines():
        _, _, rest = line.partition(":")
        names, _, path = rest.partition(":")
        if not names or "cpu" in names.split(","):
            yield [name for name in names.split(",") if name], path


def _upwards(base: Path, path: str) -> Iterator[Path]:
    """The folder of a group and its parents, up to the top; only the top if a container does not see the path."""
    parts = [part for part in path.split("/") if part not in ("", "..")]
    for length in range(len(parts), -1, -1):
        yield base.joinpath(*parts[:length])


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
