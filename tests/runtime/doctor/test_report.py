"""What is found to be a problem."""

from __future__ import annotations

from pathlib import Path

import pytest
from click import unstyle

from nitido.cli.doctor import render
from nitido.doctor.report import examine, find_versions
from nitido.model_file import zoo
from nitido.video.library import VideoLibraryMissing


def test_a_module_that_cannot_be_imported_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(name: str) -> object:
        raise ImportError("libGL.so.1: cannot open shared object file\nmore" if name == "cv2" else f"no {name}")

    monkeypatch.setattr("nitido.doctor.report.import_module", broken)
    found = {v.name: v for v in find_versions()}
    assert found["OpenCV"].error == "libGL.so.1: cannot open shared object file"
    assert "libgl1" in found["OpenCV"].fix
    assert found["numpy"].fix.endswith("-m pip install --force-reinstall numpy")
    report = examine(seconds=0)
    assert len(report.problems) == 4 and report.providers == []


def test_damaged_and_missing_models_are_problems(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zoo, "shipped_folder", lambda: None)
    assert "no models" in examine(seconds=0).problems[0].text
    (tmp_path / "index.json").write_text("{}")
    monkeypatch.setattr(zoo, "shipped_folder", lambda: tmp_path)
    assert "not a model index" in examine(seconds=0).problems[0].text


def test_the_video_library_is_optional(monkeypatch: pytest.MonkeyPatch) -> None:
    assert next(v for v in find_versions() if v.name == "PyAV").version

    def missing() -> object:
        raise VideoLibraryMissing("PyAV is not installed")

    monkeypatch.setattr("nitido.doctor.report.load_av", missing)
    report = examine(seconds=0)
    found = next(v for v in report.versions if v.name == "PyAV")
    assert not found.error and "pip install 'nitido[video]'" in found.note
    assert not any("PyAV" in problem.text for problem in report.problems)
    assert any("! PyAV" in unstyle(line) for line in render(report))
