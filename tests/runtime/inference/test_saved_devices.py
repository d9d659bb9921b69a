"""``--device auto`` with what ``nitido doctor --save`` has found."""

from __future__ import annotations

import hashlib
import json
import logging
from pathlib import Path
from typing import Any

import onnxruntime as ort
import pytest

from nitido.errors import SinkUnavailable
from nitido.inference import saved_devices
from nitido.inference.saved_devices import SavedDevice, forget_devices, save_devices, saved_device, saved_path
from nitido.inference.session import open_session
from nitido.system import machine
from support.onnxruntime_double import CPU, Onnxruntime


@pytest.fixture
def model(tiny_models: dict[str, Path]) -> Path:
    return tiny_models["denoise"]


@pytest.fixture(autouse=True)
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """A user who has saved nothing, in a process that has said nothing."""
    monkeypatch.setattr(saved_devices, "config_folder", lambda: tmp_path / "config")
    monkeypatch.setattr(saved_devices, "_said", set())
    caplog.set_level(logging.INFO)


@pytest.fixture
def cpu_and_openvino(elsewhere: Onnxruntime) -> Onnxruntime:
    elsewhere.offered = ["OpenVINOExecutionProvider", CPU]
    return elsewhere


def save(model: Path, device: str = "openvino") -> None:
    save_devices([SavedDevice(hashlib.sha256(model.read_bytes()).hexdigest(), "tiny", device, 0.46)])


def test_auto_takes_the_saved_device_and_says_so_once(
    cpu_and_openvino: Onnxruntime, model: Path, caplog: pytest.LogCaptureFixture
) -> None:
    save(model)
    assert [open_session(model, "auto")[1] for _ in range(2)] == ["openvino", "openvino"]
    assert open_session(model, "cpu")[1] == "cpu"
    assert caplog.messages == ["tiny runs on openvino, 0.46 of the CPU's time by 'nitido doctor --save'"]


def test_a_saved_device_is_for_the_very_file(cpu_and_openvino: Onnxruntime, model: Path, tmp_path: Path) -> None:
    save(model)
    other = tmp_path / "other.onnx"
    other.write_bytes(model.read_bytes() + b"\x00")
    assert saved_device(model) is not None and saved_device(other) is None
    assert saved_device(tmp_path / "missing.onnx") is None


@pytest.mark.parametrize("change", ["onnxruntime", "processor"])
def test_another_onnxruntime_or_processor_has_to_be_measured_first(
    cpu_and_openvino: Onnxruntime, model: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    save(model)
    if change == "onnxruntime":
        monkeypatch.setattr(ort, "__version__", "9.9")
    else:
        monkeypatch.setattr(machine, "processor_name", lambda: "another")
    assert open_session(model, "auto")[1] == "cpu"


@pytest.mark.parametrize("fault", ["gone", "start", "run"])
def test_a_saved_device_that_fails_is_reported_and_the_cpu_taken(
    cpu_and_openvino: Onnxruntime, model: Path, fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    save(model)
    if fault == "gone":
        cpu_and_openvino.offered = [CPU]
    elif fault == "start":
        cpu_and_openvino.start_error = RuntimeError("no such plug-in")
    else:
        cpu_and_openvino.run_error = RuntimeError("out of memory")
    assert open_session(model, "auto")[1] == "cpu"
    reason = {"gone": "offers only", "start": "no such plug-in", "run": "out of memory"}[fault]
    (record,) = caplog.records
    assert record.levelname == "WARNING" and reason in record.message
    assert record.message.startswith("tiny does not run on openvino as 'nitido doctor --save' chose: ")


def test_nothing_is_hashed_where_nothing_is_saved(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hashlib, "sha256", lambda *_: pytest.fail("hashed"))
    assert saved_device(model) is None


@pytest.mark.parametrize(
    "damage",
    [
        lambda _: "no json",
        lambda _: "[]",
        lambda _: "{}",
        lambda _: "\udcff",
        lambda content: json.dumps(content)[:-9],
        lambda content: json.dumps(content | {"devices": [{"sha256": "1"}]}),
        lambda content: json.dumps(content | {"devices": [content["devices"][0] | {"device": 1}]}),
    ],
)
def test_a_damaged_file_is_one_warning_and_ignored(
    cpu_and_openvino: Onnxruntime, model: Path, damage: Any, caplog: pytest.LogCaptureFixture
) -> None:
    save(model)
    text = damage(json.loads(saved_path().read_text()))
    saved_path().write_text(text, errors="surrogateescape")
    assert [open_session(model, "auto")[1] for _ in range(2)] == ["cpu", "cpu"]
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert str(saved_path()) in record.message and "is ignored; run: nitido doctor --save" in record.message


def test_what_is_saved_replaces_what_was_and_can_be_forgotten(model: Path) -> None:
    save(model, "cuda")
    save(model)
    found = saved_device(model)
    assert found is not None and (found.device, found.ratio) == ("openvino", 0.46)
    assert [path.name for path in saved_path().parent.iterdir()] == ["devices.json"]
    assert forget_devices() and not forget_devices()
    assert saved_device(model) is None


def test_a_place_that_cannot_be_written_is_an_error(model: Path, tmp_path: Path) -> None:
    (tmp_path / "config").write_text("a file in place of the folder")
    with pytest.raises(SinkUnavailable, match="cannot write"):
        save(model)
