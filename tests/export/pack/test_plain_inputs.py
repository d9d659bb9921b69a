"""Models whose settings are plain inputs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest

from nitido.errors import ExportError
from nitido.inference.model import load
from nitido.inference.verify import verify
from nitido_export.pack.write import write_pack


def test_settings_are_plain_inputs_and_the_model_is_the_same(level_model: Path, tmp_path: Path) -> None:
    _, worst = write_pack(str(level_model), "plain", tmp_path / "out")
    packed = tmp_path / "out" / level_model.name
    session = ort.InferenceSession(str(packed), providers=["CPUExecutionProvider"])
    assert [i.name for i in session.get_inputs()] == ["frame", "noise", "strength"] or {
        i.name for i in session.get_inputs()
    } == {"frame", "noise", "strength"}
    assert worst == 0
    frame = np.random.default_rng(0).integers(0, 255, (20, 30, 3), np.uint8)
    one, other = load(level_model, "cpu"), load(packed, "cpu")
    assert other.has_noise and other.has_strength and other.card == one.card
    for settings in ({}, {"noise": 7.0}, {"strength": 0.5}, {"noise": 3.0, "strength": 0.2}):
        assert np.array_equal(one(frame, **settings), other(frame, **settings))
    verdict = verify(packed, "cpu")
    assert verdict.passed and verdict.intact
    readme = (tmp_path / "out" / "README.md").read_text()
    assert "noise: new ort.Tensor('float32', Float32Array.of(-1), [])" in readme and "$" not in readme


def test_a_model_with_strength_alone_has_one_more_input(tiny_models: dict[str, Path], tmp_path: Path) -> None:
    write_pack(str(tiny_models["denoise"]), "plain", tmp_path / "out")
    model = load(tmp_path / "out" / "denoise.onnx", "cpu")
    assert model.has_strength and not model.has_noise
    assert np.array_equal(model(np.zeros((4, 4, 3), np.uint8), strength=0.0), np.zeros((4, 4, 3), np.uint8))


def test_a_model_without_settings_is_refused(tiny_models: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="no strength or noise to set"):
        write_pack(str(tiny_models["upscale"]), "plain", tmp_path / "out")
    assert not (tmp_path / "out").exists()
