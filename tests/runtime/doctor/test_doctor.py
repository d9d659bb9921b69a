"""The doctor: each finding on a machine made for it, and the whole on this one."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import click
import onnxruntime as ort
import pytest
from click.testing import CliRunner

from nitido.cli.doctor import _showable, render
from nitido.cli.main import cli
from nitido.doctor import checks as trials
from nitido.doctor.checks import (
    CertificateCheck,
    ProviderTrial,
    Speed,
    check_certificates,
    compare_quality,
    measure_speeds,
    recommend,
    try_provider,
    try_providers,
)
from nitido.doctor.report import DoctorReport, Version, examine, find_versions
from nitido.model_file import zoo
from nitido.model_file.card import CONTRACT, Card
from nitido.system import machine
from nitido.system.machine import Camera, Display, Machine, describe_machine, find_cameras, find_display, parse_cpuinfo
from nitido.system.wheels import Clash, find_clashes
from support.commands import HANG, command

LINUX = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads what Linux shows")
ENTRIES = [entry for entry in zoo.entries() if entry.takes_frames]


def install(folder: Path, name: str, module: str) -> None:
    """What pip leaves of a wheel."""
    facts = folder / f"{name.replace('-', '_')}-1.0.dist-info"
    facts.mkdir(parents=True)
    (facts / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (facts / "RECORD").write_text(f"{module}/__init__.py,,\n{facts.name}/RECORD,,\n")


@pytest.mark.parametrize(
    ("module", "wheels", "keep"),
    [
        ("onnxruntime", ["onnxruntime", "onnxruntime-gpu"], "onnxruntime-gpu"),
        ("onnxruntime", ["onnxruntime-openvino", "onnxruntime"], "onnxruntime-openvino"),
        ("cv2", ["opencv-python", "opencv-python-headless"], "opencv-python"),
        ("cv2", ["opencv-contrib-python-headless", "opencv-python-headless"], "opencv-contrib-python-headless"),
        ("cv2", ["opencv-contrib-python", "opencv-python"], "opencv-contrib-python"),
    ],
)
def test_wheels_that_overwrite_each_other_are_found(tmp_path: Path, module: str, wheels: list[str], keep: str) -> None:
    for name in wheels:
        install(tmp_path, name, module)
    install(tmp_path, "onnxruntime-extensions", "onnxruntime_extensions")  # a folder of its own
    (clash,) = find_clashes([str(tmp_path)])
    assert (clash.module, clash.wheels, clash.keep) == (module, sorted(wheels), keep)
    assert f"uninstall -y {' '.join(sorted(wheels))} && " in clash.mend
    assert clash.mend.endswith(f"-m pip install --no-deps {keep}")


def test_one_wheel_of_each_is_no_clash(tmp_path: Path) -> None:
    install(tmp_path, "onnxruntime", "onnxruntime")
    install(tmp_path, "opencv-python", "cv2")
    assert find_clashes([str(tmp_path)]) == []


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
    assert found.cpu == "Board" and found.system.startswith("Board OS 1")
    assert found.features == {"NEON": True, "dot product": False, "int8 matrix": False, "half floats": False}
    assert (found.physical_cores, found.usable_cpus) == (2, 2)


def test_what_a_machine_does_not_tell_is_unknown(tmp_path: Path) -> None:
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


def test_the_cpu_is_tried_in_a_process_of_its_own() -> None:
    (cpu,) = (t for t in try_providers(ENTRIES[0].path) if t.device == "cpu")
    assert cpu.usable and cpu.seconds > 0
    assert "AzureExecutionProvider" not in [t.provider for t in try_providers(ENTRIES[0].path, seconds=0.01)]


def test_a_provider_that_is_not_there_is_told_with_its_reason() -> None:
    if "CUDAExecutionProvider" in ort.get_available_providers():
        pytest.skip("this onnxruntime offers CUDA")
    trial = try_provider(ENTRIES[0].path, "CUDAExecutionProvider")
    assert not trial.usable and trial.device == "cuda" and "onnxruntime-gpu" in trial.detail


@pytest.mark.parametrize(
    ("script", "detail"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "SIGSEGV"),
        ("import time; time.sleep(60)", "no frame within"),
        ("raise SystemExit('driver missing')", "driver missing"),
        ("print('hello')", "said nothing"),
    ],
)
def test_a_provider_that_crashes_or_hangs_is_a_result(
    monkeypatch: pytest.MonkeyPatch, script: str, detail: str
) -> None:
    monkeypatch.setattr(trials, "_CHILD", script)
    monkeypatch.setattr(ort, "get_available_providers", lambda: ["CUDAExecutionProvider"])
    (trial,) = try_providers(ENTRIES[0].path, seconds=0.5 if "sleep" in script else 60)
    assert not trial.usable and detail in trial.detail


def test_shipped_models_pass_and_a_changed_one_fails(tmp_path: Path) -> None:
    assert all(found.passed for found in check_certificates(ENTRIES))
    data = bytearray(ENTRIES[0].path.read_bytes())
    data[data.index(ENTRIES[0].summary.encode())] ^= 1
    (tmp_path / "changed.onnx").write_bytes(data)
    (tmp_path / "text.onnx").write_text("no model")
    bad = [replace(ENTRIES[0], path=tmp_path / name) for name in ("changed.onnx", "text.onnx")]
    changed, text = check_certificates(bad)
    assert not changed.passed and "changed" in changed.detail
    assert not text.passed and "cannot be loaded" in text.detail


@pytest.mark.slow
def test_every_model_is_measured_and_unreadable_ones_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "text.onnx").write_text("no model")
    speeds = measure_speeds([*ENTRIES, replace(ENTRIES[0], path=tmp_path / "text.onnx")], seconds=0, device="cpu")
    assert [s.model for s in speeds] == [e.name for e in ENTRIES]
    for speed in speeds:
        assert speed.frames == 3 and speed.fps == pytest.approx(1000 / speed.ms)
        assert (speed.width, speed.height) == ((640, 480) if speed.task == "denoise" else (640, 360))
    assert measure_speeds([], seconds=0) == []


def card(name: str, scale: int = 1, **values: float) -> Card:
    rows = [{"set": key, "condition": "", "metric": "PSNR", "value": value} for key, value in values.items()]
    return Card(CONTRACT, name, "denoise", "", scale, 2, 4, "bgr", 1, 1.0, 17, 8, "1.17", "", evaluation=rows)


def test_quality_is_compared_on_what_rivals_share() -> None:
    cards = [card("a", one=30, two=10), card("b", one=31), card("c"), card("d", two=12), card("other", 2, two=7)]
    assert compare_quality(cards) == {"a": 30, "b": 31, "c": None, "d": 12, "other": 7}


def speed(model: str, fps: float, quality: float | None, scale: int = 1, on: str = "one") -> Speed:
    known = None if quality is None else on
    return Speed(model, "denoise", scale, "cpu", 640, 480, 1000 / fps, fps, 9, known, quality)


@pytest.mark.parametrize(
    ("rivals", "chosen"),
    [
        ([speed("slow", 20, 35), speed("good", 31, 32), speed("quick", 90, 30)], "good"),
        ([speed("slow", 20, 35), speed("less slow", 25, 32)], "less slow"),
        ([speed("unknown", 90, None), speed("known", 31, 30)], "known"),
        ([speed("unknown", 31, None), speed("quick unknown", 90, None)], "quick unknown"),
    ],
)
def test_the_best_model_that_is_fast_enough_is_recommended(rivals: list[Speed], chosen: str) -> None:
    recommendations = recommend([*rivals, speed("twice", 5, 1, scale=2)])
    assert [(r.scale, r.model) for r in recommendations] == [(1, chosen), (2, "twice")]
    assert "below 30" in recommendations[1].reason


def test_models_for_different_test_sets_are_not_rivals() -> None:
    rivals = [speed("a", 90, 30), speed("better a", 40, 31), speed("b", 50, 40, on="two"), speed("never", 99, None)]
    chosen = recommend(rivals)
    assert [(r.measured_on, r.model) for r in chosen] == [("one", "better a"), ("two", "b")]
    assert "the best" in chosen[0].reason and "the best" not in chosen[1].reason


def test_a_module_that_cannot_be_imported_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(name: str) -> object:
        raise ImportError("libGL.so.1: cannot open shared object file\nmore" if name == "cv2" else f"no {name}")

    monkeypatch.setattr("nitido.doctor.report.import_module", broken)
    found = {v.name: v for v in find_versions()}
    assert found["OpenCV"].error == "libGL.so.1: cannot open shared object file"
    assert "libgl1" in found["OpenCV"].mend
    assert found["numpy"].mend.endswith("-m pip install --force-reinstall numpy")
    report = examine(seconds=0)
    assert len(report.problems) == 4 and report.providers == []


def test_damaged_and_missing_models_are_problems(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zoo, "shipped_folder", lambda: None)
    assert "no models" in examine(seconds=0).problems[0].text
    (tmp_path / "index.json").write_text("{}")
    monkeypatch.setattr(zoo, "shipped_folder", lambda: tmp_path)
    assert "not a model index" in examine(seconds=0).problems[0].text


WELL = DoctorReport(
    versions=[Version("nitido", "1")],
    clashes=[],
    machine=Machine("Board OS", "Board", {"NEON": None}, None, 4, 4),
    display=Display(False, "none"),
    windows="none",
    cameras=None,
    providers=[ProviderTrial("cpu", "CPU", True, nodes=(2, 3)), ProviderTrial("cuda", "CUDA", False, "no driver")],
    certificates=[CertificateCheck("a", "a.onnx", "cpu", True, "identical")],
    speeds=[speed("a", 50, 30.0)],
    recommendations=recommend([speed("a", 50, 30.0)]),
)
ILL = replace(
    WELL,
    versions=[Version("numpy", "", "no numpy", "install it")],
    clashes=[Clash("cv2", ["one", "two"], "one", "pip do it")],
    machine=replace(WELL.machine, physical_cores=4, usable_cpus=2),
    cameras=[Camera("Desk", "/dev/video0", False, "no permission")],
    certificates=[CertificateCheck("a", "a.onnx", "cpu", False, "off by 9")],
    providers=[ProviderTrial("cpu", "CPU", False, "no")],
    model_error="no index",
)


def test_a_report_says_what_is_well_and_what_to_mend() -> None:
    well, ill = "\n".join(render(WELL)), "\n".join(render(ILL))
    assert "All is well." in well and "NEON: unknown" in well and "no driver" in well
    assert "takes 2 of 3 nodes" in well and "a: holds 30 fps" in well
    assert "5 things to mend" in ill
    for part in (
        "one and two overwrite",
        "pip do it",
        "install it",
        "off by 9",
        "no index",
        "no permission",
        "--threads 2",
    ):
        assert part in ill


def test_columns_stand_under_each_other() -> None:
    lines = [click.unstyle(line) for line in render(WELL)]
    (cpu,), (cuda,) = ([line for line in lines if text in line] for text in ("computes", "no driver"))
    assert cpu.index("computes") == cuda.index("no driver")


def test_terminals_without_the_signs_get_plain_ones() -> None:
    line = "  ✓ denoise-n  640×480 → ✗ 🎥"
    assert _showable(line, "utf-8") == line
    assert _showable(line, "ascii") == "  + denoise-n  640x480 > x ?"
    assert _showable("  ! 640×480", "cp1252") == "  ! 640×480"
    assert _showable("✓", "no such encoding") == "+"


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_the_command_reports_on_this_machine(encoding: str) -> None:
    done = subprocess.run(
        command("doctor", "--seconds", 0.1),
        capture_output=True,
        timeout=HANG,
        check=False,
        env={**os.environ, "PYTHONIOENCODING": encoding},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    text = done.stdout.decode(encoding)
    assert done.stderr == b""
    assert "All is well." in text and ort.__version__ in text and "denoise-n" in text
    assert ("✓ cpu" if encoding == "utf-8" else "+ cpu") in text


def test_json_and_exit_code_tell_of_problems(monkeypatch: pytest.MonkeyPatch) -> None:
    for report, code in ((WELL, 0), (ILL, 1)):
        monkeypatch.setattr("nitido.doctor.report.examine", lambda report=report, **_: report)
        run = CliRunner().invoke(cli, ["doctor", "--json"])
        assert run.exit_code == code
        found = json.loads(run.output)
        assert found["healthy"] is (code == 0)
        assert len(found["problems"]) == len(report.problems)
        assert CliRunner().invoke(cli, ["doctor"]).exit_code == code
