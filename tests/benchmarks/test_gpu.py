"""The benchmark of GPUs, on the CPU: what it does without a GPU, and the same code in small."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import onnxruntime as ort
import pytest
from accelerator.checks import Check, guarded
from accelerator.deadline import Deadline
from accelerator.speed import Cell, Size, measure_speed

from nitido.errors import NitidoError
from support.paths import ROOT

SCRIPT = ROOT / "benchmarks" / "gpu.py"


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, SCRIPT, *arguments]
    return subprocess.run(
        list(map(str, command)), capture_output=True, text=True, timeout=300, check=False, env=os.environ
    )


def test_without_a_gpu_it_refuses_in_one_line() -> None:
    if "CUDAExecutionProvider" in ort.get_available_providers():
        pytest.skip("this onnxruntime has CUDA")
    done = run()
    assert done.returncode == 1 and done.stdout == ""
    assert re.fullmatch(r"Error: no GPU to measure: device 'cuda' needs .*; --dry runs the same code .*\n", done.stderr)


@pytest.mark.slow
def test_a_dry_run_goes_through_everything(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    done = run("--dry", "--halves", tmp_path / "halves", "--json", tmp_path / "found.json")
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "found.json").read_text())
    checks = [check["name"] for check in found["checks"]]
    assert checks == ["provider", "certificates", "parity", "binding", "stream", "float16"]
    assert all(check["passed"] for check in found["checks"])
    for precision in ("fp32", "fp16", "int8"):
        for name in ("denoise-n", "denoise-live-n", "upscale-x2-photo"):
            assert all(cell["fps"] > 0 for cell in found["speeds"][f"{name}, {precision}"].values())
        assert found["batches"][f"upscale-x2-photo, {precision}"]["2"]["fps"] > 0
    (pace,) = found["trainings"].values()
    assert pace["steps"] or pace["note"] == "too short to measure", pace
    assert "| frames per second | small | wide |" in done.stdout and "dry run on the CPU" in done.stdout
    assert len(list((tmp_path / "halves").glob("*.onnx"))) == 3


def test_a_deadline_counts_down() -> None:
    now = [100.0]
    deadline = Deadline(60, lambda: now[0])
    early = deadline.before(20)
    now[0] = 145.0
    assert (deadline.left, early.left) == (15.0, -5.0)


def test_a_check_that_cannot_be_finished_has_failed() -> None:
    def broken() -> Check:
        raise NitidoError("no such device")

    assert guarded("parity", broken) == Check("parity", False, "no such device")


def test_a_model_that_does_not_run_leaves_a_word_in_the_table(tiny_models: dict[str, Path]) -> None:
    assert str(measure_speed(tiny_models["denoise"], "cuda", Size("s", 8, 8), 0.0)) in ("failed", "no memory")
    assert measure_speed(tiny_models["denoise"], "cpu", Size("s", 8, 8), 0.0).fps
    assert str(Cell(12.34)) == "12.3"
