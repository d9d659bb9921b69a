"""What a live stream may step down to, among the models that are shipped."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from nitido.live import variants
from nitido.live.variants import open_variants, variant_names
from nitido.model_file.properties import with_properties
from support.paths import ROOT

RESEARCH = ROOT / "models" / "research"
SMALL = ["denoise-n", "denoise-n.int8"]
STILLS = ["denoise-m", "denoise-m.int8", "denoise-s", "denoise-s.int8", *SMALL]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("denoise-m", STILLS),
        ("denoise-n", SMALL),
        ("denoise-m.int8", ["denoise-m.int8", "denoise-s.int8", "denoise-n.int8"]),
        (str(RESEARCH / "denoise-n-research.onnx"), ["denoise-n-research", "denoise-n-research.int8"]),
    ],
)
def test_the_same_family_from_most_work_to_least(name: str, expected: list[str]) -> None:
    assert variant_names(open_variants(name, "cpu", threads=1)) == expected


def test_without_faster_ones_a_model_stays_alone() -> None:
    assert variant_names(open_variants("denoise-n", "cpu", threads=1, faster=False)) == ["denoise-n"]


def test_variants_are_the_int8_next_to_a_file_and_a_broken_one_is_left_out(
    tiny_models: dict[str, Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    data = tiny_models["denoise"].read_bytes()
    for name in ("mine.onnx", "mine.int8.onnx", "other.onnx"):
        (tmp_path / name).write_bytes(data)
    mine = str(tmp_path / "mine.onnx")
    assert [m.path.name for m in open_variants(mine, "cpu")] == ["mine.onnx", "mine.int8.onnx"]
    assert [m.path.name for m in open_variants(mine, "cpu", faster=False)] == ["mine.onnx"]
    (tmp_path / "mine.int8.onnx").write_bytes(b"not a model")
    assert [m.path.name for m in open_variants(mine, "cpu")] == ["mine.onnx"]
    assert "left out the variant" in caplog.text
    (tmp_path / "mine.int8.onnx").write_bytes(tiny_models["upscale"].read_bytes())  # another task
    assert len(open_variants(mine, "cpu")) == 1


def test_variants_of_an_indexed_model_are_its_int8_and_smaller_sizes(
    tiny_models: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tiny_models["denoise"].read_bytes()
    rows = []
    for name in ("soft-m", "soft-m.int8", "soft-n", "soft-n.int8", "hard-n"):
        (tmp_path / f"{name}.onnx").write_bytes(data)
        row = {"name": name, "file": f"{name}.onnx", "task": "denoise", "scale": 1, "summary": ""}
        rows.append({**row, "sha256": hashlib.sha256(data).hexdigest(), "default": False})
    (tmp_path / "index.json").write_text(json.dumps({"contract": 1, "models": rows}))
    monkeypatch.setenv("NITIDO_MODELS", str(tmp_path))
    found = {m.path.stem for m in open_variants("soft-m", "cpu")}
    assert found == {"soft-m", "soft-m.int8", "soft-n", "soft-n.int8"}
    assert {m.path.stem for m in open_variants("soft-m.int8", "cpu")} == {"soft-m.int8", "soft-n.int8"}


def test_a_recurrent_model_steps_down_to_models_of_single_frames_that_are_faster(
    live_model: Path, tiny_models: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(variants._SINGLE, "soft-live", "soft-camera")
    rows = []
    remembering, single = live_model.read_bytes(), tiny_models["denoise"].read_bytes()
    light = {"nitido.macs_per_pixel": "1.0"}
    contents = {
        "soft-live-n": remembering,
        "soft-live-n.int8": with_properties(remembering, {"nitido.macs_per_pixel": "100.0"}),
        "soft-camera-s": with_properties(single, {"nitido.macs_per_pixel": "900.0"}),  # slower than the int8 file
        "soft-camera-n": with_properties(single, {"nitido.macs_per_pixel": "9.0"}),
        "soft-camera-n.int8": with_properties(single, light),
        "soft-n": with_properties(single, light),
    }
    for name, data in contents.items():
        (tmp_path / f"{name}.onnx").write_bytes(data)
        row = {"name": name, "file": f"{name}.onnx", "task": "denoise", "scale": 1, "summary": ""}
        rows.append({**row, "sha256": hashlib.sha256(data).hexdigest(), "default": False})
    (tmp_path / "index.json").write_text(json.dumps({"contract": 1, "models": rows}))
    monkeypatch.setenv("NITIDO_MODELS", str(tmp_path))
    expected = ["soft-live-n", "soft-live-n.int8", "soft-camera-n", "soft-camera-n.int8"]
    assert variant_names(open_variants(str(tmp_path / "soft-live-n.onnx"), "cpu")) == expected
    only_int8 = ["soft-live-n.int8", "soft-camera-n.int8"]
    assert variant_names(open_variants(str(tmp_path / "soft-live-n.int8.onnx"), "cpu")) == only_int8
    camera = ["soft-camera-n", "soft-camera-n.int8"]  # never up to a model that remembers
    assert variant_names(open_variants(str(tmp_path / "soft-camera-n.onnx"), "cpu")) == camera
