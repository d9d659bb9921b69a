"""Which model file a name stands for."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from nitido.errors import ModelNotFound
from nitido.inference.model import load
from nitido.model_file import zoo
from support.latent_models import write_latent_model


def test_an_autoencoder_is_reported_to_be_in_two_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_latent_model(tmp_path, "mine")
    monkeypatch.setenv(zoo.ENVIRONMENT, str(tmp_path))
    for name in ("vae-digits", "mine"):
        said = f"{name} is not one file: its parts are {name}.encoder and {name}.decoder; name one of them"
        with pytest.raises(ModelNotFound, match=said):
            load(name)


def test_a_tasks_name_stands_for_one_model_at_each_scale(
    tiny_models: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tiny_models["upscale"].read_bytes()
    row = {"task": "upscale", "summary": "", "sha256": hashlib.sha256(data).hexdigest()}
    named = [("four", 4, True), ("two", 2, True), ("other-two", 2, False)]
    rows = [row | {"name": n, "file": f"{n}.onnx", "scale": s, "default": d} for n, s, d in named]
    for name, *_ in named:
        (tmp_path / f"{name}.onnx").write_bytes(data)
    (tmp_path / "index.json").write_text(json.dumps({"contract": 1, "models": rows}))
    monkeypatch.setattr(zoo, "folders", lambda: [tmp_path])
    assert [zoo.find("upscale", scale).stem for scale in (None, 2, 4)] == ["two", "two", "four"]
    assert zoo.find("other-two", 4).stem == "other-two"  # a name is a name; its scale is another check
    with pytest.raises(ModelNotFound, match="no model for 'upscale' ×3: there are ×2, ×4"):
        zoo.find("upscale", 3)
