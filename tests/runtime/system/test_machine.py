"""What the machine is and has, read from its files."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

import pytest

from nitido.system import machine
from nitido.system.machine import Camera, describe_machine, find_cameras, find_display, parse_cpuinfo

LINUX = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads what Linux shows")


@pytest.mark.parametrize(
    ("text", "name", "flags"),
    [
        ("model name\t: Fast CPU\nflags\t\t: fpu avx2 avx512_vnni\nflags\t: later\n", "Fast CPU", {"avx2"}),
        ("processor : 0\nFeatures : fp asimd asimddp\nHardware : Board\n", "Board", {"asimd", "asimddp"}),
        ("Features : half neon vfpv4\nModel : Board 2\n", "Board 2", {"asimd"}),
        ("", "", set()),
    ],
)
def test_processors_are_read(text: str, name: str, flags: set[str]) -> None:
    found = parse_cpuinfo(text)
    assert found[0] == name
    assert flags <= found[1] and bool(flags) == bool(found[1])


@LINUX
def test_a_machine_is_read_from_its_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "aarch64")
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: {0, 1, 2, 3})
    files = {
        "proc/cpuinfo": "Features : asimd\nHardware : Board\n",
        "etc/os-release": 'PRETTY_NAME="Board OS 1"\n',
        "proc/device-tree/model": "Board 5 Rev 1\0",
        "sys/fs/cgroup/cpu.max": "150000 100000\n",
        **{
            f"sys/devices/system/cpu/cpu{i}/topology/thread_siblings_list": f"{i // 2 * 2}-{i // 2 * 2 + 1}\n"
            for i in range(4)
        },
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    found = describe_machine(tmp_path)
    assert found.cpu == "Board" and found.system.startswith("Board OS 1") and found.board == "Board 5 Rev 1"
    assert found.features == {"NEON": True, "dot product": False, "int8 matrix": False, "half floats": False}
    assert (found.physical_cores, found.usable_cpus) == (2, 2)


def test_what_a_machine_does_not_report_is_unknown(tmp_path: Path) -> None:
    found = describe_machine(tmp_path)
    assert set(found.features.values()) == {None}
    assert found.physical_cores is None
    assert found.usable_cpus >= 1


@LINUX
def test_cameras_are_listed_without_their_metadata_nodes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_cameras(tmp_path) == []
    for number, (name, index) in enumerate([("Desk camera", "0"), ("Desk camera", "1"), ("Other", "0")]):
        facts = tmp_path / f"sys/class/video4linux/video{number}"
        facts.mkdir(parents=True)
        (facts / "name").write_text(f"{name}\n")
        (facts / "index").write_text(f"{index}\n")
        (tmp_path / "dev").mkdir(exist_ok=True)
        (tmp_path / f"dev/video{number}").touch()
    allowed = tmp_path / "dev/video0"
    monkeypatch.setattr(os, "access", lambda path, _mode: Path(path) == allowed)
    found = find_cameras(tmp_path)
    assert found is not None
    assert [(c.name, c.where, c.usable) for c in found] == [
        ("Desk camera", str(allowed), True),
        ("Other", str(tmp_path / "dev/video2"), False),
    ]
    assert "usermod" in found[1].detail


def test_a_lister_of_cameras_that_hangs_or_fails_means_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(machine, "find_spec", lambda _name: None)
    assert find_cameras() is None
    monkeypatch.setattr(machine, "find_spec", lambda _name: "there")
    monkeypatch.setattr(machine, "_CAMERA_SECONDS", 0.2)
    for script in ("import time; time.sleep(60)", "raise SystemExit(3)", "print('no JSON')"):
        monkeypatch.setattr(machine, "_LIST_CAMERAS", script)
        assert find_cameras() is None
    monkeypatch.setattr(machine, "_CAMERA_SECONDS", 60)
    monkeypatch.setattr(machine, "_LIST_CAMERAS", 'print(\'[["Desk camera", "1200"]]\')')
    assert find_cameras() == [Camera("Desk camera", "1200", True, "")]


@LINUX
def test_a_display_is_one_that_answers(tmp_path: Path) -> None:
    assert find_display({}).available is False
    assert find_display({"DISPLAY": "far:0"}).available is True
    dead = find_display({"DISPLAY": ":4711"})
    assert dead.available is False and "nothing answers" in dead.detail
    assert find_display({"WAYLAND_DISPLAY": "w", "XDG_RUNTIME_DIR": str(tmp_path)}).available is False
    (tmp_path / "w").touch()
    assert find_display({"WAYLAND_DISPLAY": "w", "XDG_RUNTIME_DIR": str(tmp_path)}).available is True
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("\0/tmp/.X11-unix/X4711")  # the abstract address that an X server has too
        server.listen()
        assert find_display({"DISPLAY": ":4711.0"}).available is True
