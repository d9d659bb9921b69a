"""docs/guide/anomaly.md: its example runs as it stands."""

from __future__ import annotations

import json
import re
from pathlib import Path

import cv2
import pytest

from nitido.anomaly.threshold import PROPERTY
from nitido.model_file.properties import read_properties
from support.anomaly_models import faulty_picture, write_good_pictures, write_smoothing_model
from support.paths import ROOT


def test_the_documented_example_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_good_pictures(tmp_path / "good")
    text = (ROOT / "docs" / "guide" / "anomaly.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"^```python\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    monkeypatch.chdir(tmp_path)
    write_smoothing_model(tmp_path / "part-n.onnx")
    cv2.imwrite("photo.png", faulty_picture())
    exec(compile(example, "docs/guide/anomaly.md", "exec", dont_inherit=True), {"__name__": "__example__"})
    assert capsys.readouterr().out.startswith("anomaly")
    assert shows_the_entry(tmp_path / "part.onnx", text)


def shows_the_entry(part: Path, text: str) -> bool:
    """Whether the documentation shows the entry as it is."""
    (shown,) = re.findall(r'^({"score".*?"pool": "peak"}})$', text, re.DOTALL | re.MULTILINE)
    return json.loads(shown).keys() == json.loads(read_properties(part.read_bytes())[PROPERTY]).keys()
