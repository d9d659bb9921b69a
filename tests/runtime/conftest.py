"""Models and pictures that the tests of several packages of the runtime take."""

from __future__ import annotations

import shutil
from pathlib import Path

import onnxruntime as ort
import pytest

from nitido.inference import session
from nitido.web import onnxruntime_web as web_engine
from nitido.web.onnxruntime_web import BINARY, SCRIPT
from support.anomaly_models import write_good_pictures, write_part, write_smoothing_model
from support.onnxruntime_double import Onnxruntime
from support.paths import ROOT


@pytest.fixture
def smoothing_model(tmp_path: Path) -> Path:
    """A model for anomalies, without a threshold."""
    return write_smoothing_model(tmp_path / "models" / "smooth.onnx")


@pytest.fixture
def good(tmp_path: Path) -> Path:
    """A folder of pictures without anomalies."""
    return write_good_pictures(tmp_path / "good")


@pytest.fixture
def part(smoothing_model: Path, tmp_path: Path) -> Path:
    """A model for anomalies, with a threshold."""
    return write_part(smoothing_model, tmp_path / "part.onnx")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user without an engine, whose package has none either."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "cache"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(web_engine, "pages", lambda: tmp_path / "pages")
    shutil.copytree(ROOT / "runtime/nitido/web/pages", tmp_path / "pages", ignore=shutil.ignore_patterns("engine"))
    return tmp_path


@pytest.fixture
def pretended(tmp_path: Path) -> Path:
    """A folder with files of the engine's names, for what only hands them on."""
    folder = tmp_path / "engine"
    folder.mkdir()
    (folder / SCRIPT).write_text("export const version = 1;")
    (folder / BINARY).write_bytes(b"\0asm")
    return folder


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> Onnxruntime:
    """An onnxruntime with more devices, on a machine where nothing limits the threads."""
    double = Onnxruntime()
    monkeypatch.setattr(session, "thread_limit", lambda: None)
    monkeypatch.setattr(ort, "get_available_providers", lambda: double.offered)
    monkeypatch.setattr(ort, "InferenceSession", double.open)
    monkeypatch.setattr(ort, "preload_dlls", lambda: None, raising=False)
    return double
