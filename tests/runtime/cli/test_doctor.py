"""``nitido doctor`` as it is typed, and what it prints."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import replace
from pathlib import Path

import click
import onnxruntime as ort
import pytest
from click.testing import CliRunner

from nitido.cli.doctor import _showable, render
from nitido.cli.main import cli
from nitido.doctor.checks import (
    CertificateCheck,
    ProviderTrial,
    Speed,
    recommend,
)
from nitido.doctor.devices import Comparison
from nitido.doctor.report import DoctorReport, Version
from nitido.doctor.share import StreamSpeed, row
from nitido.inference import saved_devices
from nitido.system.machine import Camera, Display, Machine
from nitido.system.wheels import Clash
from support.commands import HANG, command


def speed(model: str, fps: float, quality: float | None, scale: int = 1, on: str = "one") -> Speed:
    known = None if quality is None else on
    return Speed(model, "denoise", scale, "cpu", 640, 480, 1000 / fps, fps, 9, known, quality)


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


def test_a_report_says_what_is_well_and_what_to_fix() -> None:
    well, ill = "\n".join(render(WELL)), "\n".join(render(ILL))
    assert "All is well." in well and "NEON: unknown" in well and "no driver" in well
    assert "takes 2 of 3 nodes" in well and "a: reaches 30 fps" in well
    assert "5 problems to fix" in ill
    for part in (
        "one and two overwrite",
        "pip do it",
        "install it",
        "off by 9",
        "no index",
        "no permission",
        "this process may use 2, and starts as many threads",
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


# Code that goes before the command: one model of each task and scale is measured. Certificates are checked of all.
FEW = """
from nitido.doctor import report
def measure(entries, measure=report.measure_speeds, **how):
    return measure(list({(entry.task, entry.scale): entry for entry in entries}.values()), **how)
report.measure_speeds = measure
"""


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_the_command_reports_on_this_machine(encoding: str) -> None:
    done = subprocess.run(
        command("doctor", "--seconds", 0.1, before=FEW),
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
    assert ("640×480" if encoding == "utf-8" else "640x480") in text


def test_json_and_exit_code_report_problems(monkeypatch: pytest.MonkeyPatch) -> None:
    for report, code in ((WELL, 0), (ILL, 1)):
        monkeypatch.setattr("nitido.doctor.report.examine", lambda report=report, **_: report)
        run = CliRunner().invoke(cli, ["doctor", "--json"])
        assert run.exit_code == code
        found = json.loads(run.output)
        assert found["healthy"] is (code == 0)
        assert len(found["problems"]) == len(report.problems)
        assert CliRunner().invoke(cli, ["doctor"]).exit_code == code


FASTER = Comparison("upscale-x2-n", "a" * 64, "upscale", 2, None, "openvino", 0.463, 9, True)


def test_a_faster_device_is_named() -> None:
    lines = [click.unstyle(line) for line in render(replace(WELL, comparisons=[FASTER]))]
    line = next(line for line in lines if "--device" in line)
    assert line.split("  ")[1] == "→ for upscale ×2"
    assert line.endswith("--device openvino: upscale-x2-n in 0.46 of the CPU's time")
    assert "--device" not in "\n".join(render(replace(WELL, comparisons=[replace(FASTER, ratio=0.95)])))


def test_what_was_found_is_saved_replaced_and_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(saved_devices, "config_folder", lambda: tmp_path)
    comparisons = [FASTER]
    monkeypatch.setattr(
        "nitido.doctor.report.examine", lambda *, seconds, every_model: replace(WELL, comparisons=comparisons)
    )

    def run(*arguments: str) -> str:
        done = CliRunner().invoke(cli, ["doctor", *arguments], catch_exceptions=False)
        assert done.exit_code == 0
        return done.output.splitlines()[-1]

    path = tmp_path / "devices.json"
    run()
    assert not path.exists()
    assert run("--save") == f"Saved 1 model for --device auto in {path}; to undo: nitido doctor --forget"
    assert json.loads(path.read_text())["devices"] == [
        {"sha256": "a" * 64, "model": "upscale-x2-n", "device": "openvino", "ratio": 0.463}
    ]
    comparisons[:] = [replace(FASTER, passed=False)]
    assert run("--save").startswith("Nothing is saved") and not path.exists()
    comparisons[:] = [FASTER]
    run("--save")
    assert run("--forget") == f"removed {path}" and not path.exists()
    assert run("--forget") == "nothing was saved"


@pytest.mark.parametrize("other", [["--forget"], ["--seconds", "0"]])
def test_saving_needs_a_measurement(other: list[str]) -> None:
    run = CliRunner().invoke(cli, ["doctor", "--save", *other])
    assert run.exit_code == 2 and "--save needs a measurement" in run.output


def test_a_shared_row_has_machine_runtime_model_and_speed(tiny_models: dict[str, Path]) -> None:
    done = CliRunner().invoke(cli, ["doctor", "--share", str(tiny_models["denoise"]), "--seconds", "0.01"])
    assert done.exit_code == 0, done.output
    (line,) = done.output.splitlines()
    machine, runtime, model, ms, fps = (cell.strip() for cell in line.strip("|").split("|"))
    assert "core" in machine and runtime == f"{ort.__version__}, cpu" and model == "denoise"
    assert float(ms) > 0 and abs(float(fps) - 1000 / float(ms)) < 0.06 * float(fps) + 0.06


def test_a_board_is_shared_by_its_own_name() -> None:
    board = Machine("Board OS", "ARMv8 | rev 1", {}, 4, 4, 1, "Board 5")
    speed = StreamSpeed("denoise-n", "cpu", "1.2", 50.0, 9)
    assert row(board, speed) == "| Board 5, 1 core, Board OS | 1.2, cpu | denoise-n | 50.0 | 20.0 |"
    assert row(replace(board, board=""), speed).startswith("| ARMv8 / rev 1, 1 core")
    report = replace(WELL, machine=board)
    assert "Board 5" in "\n".join(render(report))


@pytest.mark.parametrize("other", [["--json"], ["--save"], ["--forget"], ["--seconds", "0"]])
def test_sharing_goes_with_seconds_only(other: list[str]) -> None:
    done = CliRunner().invoke(cli, ["doctor", "--share", "denoise-n", *other])
    assert done.exit_code == 2 and "can be combined only with --seconds" in done.output
