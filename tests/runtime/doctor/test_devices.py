"""Devices other than the CPU, compared with it."""

from __future__ import annotations

import json
import subprocess
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from nitido.doctor import devices
from nitido.doctor.checks import ProviderTrial
from nitido.doctor.devices import Comparison, best_devices, compare, compare_devices, people_use, to_save
from nitido.errors import ProviderUnavailable
from nitido.model_file import zoo
from nitido.model_file.zoo import Entry
from support.onnxruntime_double import Onnxruntime

CPU = ProviderTrial("cpu", "CPUExecutionProvider", True)
OPENVINO = ProviderTrial("openvino", "OpenVINOExecutionProvider", True)
FOUND = Comparison("tiny", "a" * 64, "denoise", 1, None, "openvino", 0.5, 3, True)
ENTRY = Entry("tiny", Path("tiny.onnx"), "denoise", 1, "", "", True)


def test_a_model_is_timed_in_turns_and_verified_on_the_device(
    elsewhere: Onnxruntime, tiny_models: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(devices, "frame_size", lambda _task: (16, 16))
    found = compare(tiny_models["denoise"], "openvino", seconds=0)
    assert (found.device, found.task, found.turns, found.passed) == ("openvino", "denoise", 3, True)
    assert found.ratio > 0
    elsewhere.taken = 0
    with pytest.raises(ProviderUnavailable):
        compare(tiny_models["denoise"], "openvino", seconds=0)


def test_without_another_device_nothing_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: pytest.fail("started"))
    assert compare_devices([CPU, replace(OPENVINO, usable=False)], [ENTRY], seconds=1) == []


def test_models_that_the_device_cannot_run_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "text.onnx").write_text("no model")
    assert compare_devices([OPENVINO], [replace(ENTRY, path=tmp_path / "text.onnx")], seconds=0) == []


@pytest.mark.parametrize(
    "end", ["", "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "import time; time.sleep(60)"]
)
def test_a_device_that_crashes_or_hangs_has_what_was_measured_before(monkeypatch: pytest.MonkeyPatch, end: str) -> None:
    line = json.dumps(asdict(FOUND))
    monkeypatch.setattr(devices, "_CHILD", f"print('hello'); print({line!r}, flush=True); {end}")
    if "sleep" in end:
        monkeypatch.setattr(devices, "_EACH", 2.0)
    assert compare_devices([CPU, OPENVINO], [ENTRY], seconds=0) == [FOUND]


def test_the_best_device_is_named_where_it_is_worth_it() -> None:
    cuda = replace(FOUND, device="cuda", ratio=0.2)
    other = replace(FOUND, sha256="b" * 64, ratio=0.91)
    assert best_devices([FOUND, cuda, other]) == [cuda]
    assert best_devices([FOUND, replace(cuda, passed=False)]) == [FOUND]
    assert best_devices([replace(FOUND, passed=False)]) == []


def test_only_devices_on_which_the_certificate_passed_are_saved() -> None:
    cuda = replace(FOUND, device="cuda", ratio=0.2, passed=False)
    assert [(d.sha256, d.device, d.ratio) for d in to_save([FOUND, cuda])] == [(FOUND.sha256, "openvino", 0.5)]
    assert to_save([replace(FOUND, passed=False), cuda, replace(FOUND, ratio=1.5)]) == []


def test_the_models_of_a_task_are_those_that_its_name_stands_for_and_their_8_bit_files() -> None:
    known = zoo.entries()
    names = {entry.name for entry in people_use(known)}
    assert {"denoise", "upscale"} == {entry.task for entry in people_use(known)}
    stems = [zoo.find(task).stem.removesuffix(".int8") for task in ("denoise", "upscale")]
    assert {name for stem in stems for name in (stem, f"{stem}.int8")} <= names
    assert "denoise-m" not in names
