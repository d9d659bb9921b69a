"""What is found to be a problem."""

from __future__ import annotations

from pathlib import Path

import pytest

from nitido.doctor.report import examine, find_versions
from nitido.model_file import zoo


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
