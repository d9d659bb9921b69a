"""The CPUs that a process may use, read from files as Linux has them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from nitido.batch.engine import LocalEngine, Settings
from nitido.inference import session
from nitido.inference.model import load
from nitido.system.cpus import physical_cores, thread_limit, usable_cpus

V2, V1 = "sys/fs/cgroup", "sys/fs/cgroup/cpu,cpuacct"
SELF = "proc/self/cgroup"


@pytest.fixture
def sixteen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The root of a machine with 16 logical CPUs on 8 cores, all of which a process may use."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: set(range(16)), raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 16)
    cores = {f"sys/devices/system/cpu/cpu{i}/topology/thread_siblings_list": f"{i % 8},{i % 8 + 8}" for i in range(16)}
    write(tmp_path, cores)
    return tmp_path


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text + "\n")


def quota_v1(folder: str, quota: int, period: int = 100_000) -> dict[str, str]:
    return {f"{folder}/cpu.cfs_quota_us": str(quota), f"{folder}/cpu.cfs_period_us": str(period)}


@pytest.mark.parametrize(
    ("files", "usable"),
    [
        ({}, 16),
        ({f"{V2}/cpu.max": "max 100000"}, 16),
        ({f"{V2}/cpu.max": "300000 100000"}, 3),
        ({f"{V2}/cpu.max": "150000 100000"}, 2),
        ({f"{V2}/cpu.max": "10000 100000"}, 1),
        ({f"{V2}/cpu.max": "nonsense"}, 16),
        ({f"{V2}/cpu.max": "1 0"}, 16),
        # The process's own group, and the one above it.
        ({SELF: "0::/user.slice/app", f"{V2}/user.slice/app/cpu.max": "400000 100000"}, 4),
        (
            {
                SELF: "0::/user.slice/app",
                f"{V2}/user.slice/cpu.max": "200000 100000",
                f"{V2}/user.slice/app/cpu.max": "max 100000",
            },
            2,
        ),
        # The path of the host in a container that sees only its own group.
        ({SELF: "0::/docker/abc", f"{V2}/cpu.max": "200000 100000"}, 2),
        ({SELF: "0::/../..", f"{V2}/cpu.max": "200000 100000"}, 2),
        # Version 1, under either name of its folder.
        (quota_v1(V1, -1), 16),
        ({SELF: "4:cpu,cpuacct:/docker/abc", **quota_v1(f"{V1}/docker/abc", 250_000)}, 3),
        ({SELF: "4:cpu,cpuacct:/docker/abc", **quota_v1(V1, 500_000)}, 5),
        ({SELF: "4:memory:/big\n1:cpu:/small", **quota_v1("sys/fs/cgroup/cpu/small", 50_000, 50_000)}, 1),
        (quota_v1("sys/fs/cgroup/cpu", 200_000), 2),
        # Both versions: the smaller quota holds.
        ({SELF: "1:cpu:/a\n0::/b", **quota_v1("sys/fs/cgroup/cpu/a", 700_000), f"{V2}/b/cpu.max": "600000 100000"}, 6),
    ],
)
def test_quotas_of_control_groups_count(sixteen: Path, files: dict[str, str], usable: int) -> None:
    write(sixteen, files)
    assert usable_cpus(sixteen) == usable
    assert physical_cores(sixteen) == 8
    assert thread_limit(sixteen) == (usable if usable < 8 else None)


def test_affinity_counts(sixteen: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: {3}, raising=False)
    write(sixteen, {f"{V2}/cpu.max": "300000 100000"})
    assert (usable_cpus(sixteen), thread_limit(sixteen)) == (1, 1)


def test_sessions_and_batches_keep_to_the_quota(monkeypatch: pytest.MonkeyPatch) -> None:
    cpu = session.known_provider("cpu")
    assert cpu is not None

    def threads(asked: int | None) -> int:
        return session._session_options(cpu, asked, True).intra_op_num_threads

    monkeypatch.setattr("nitido.inference.session.thread_limit", lambda: None)
    assert (threads(None), threads(5)) == (0, 5)  # 0: onnxruntime takes the physical cores
    monkeypatch.setattr("nitido.inference.session.thread_limit", lambda: 3)
    assert (threads(None), threads(5)) == (3, 5)
    monkeypatch.setattr("nitido.batch.engine.usable_cpus", lambda: 3)
    model = load("denoise-n", "cpu")
    assert LocalEngine(model, Settings()).workers == 5
    assert LocalEngine(model, Settings(workers=9)).workers == 9
