"""The benchmark of a whole run: that its parts do the same work as the whole."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pipeline
import pytest
from click.testing import CliRunner

from nitido.frames import Frame
from nitido.inference.model import Model
from nitido.video.reader import VideoSource


def decoded(path: Path) -> list[Frame]:
    with VideoSource(path) as source:
        return list(source)


def test_without_the_model_the_same_clip_is_written(tiny_models: dict[str, Path], tmp_path: Path) -> None:
    with Model(tiny_models["denoise"], "cpu", threads=1) as model:
        parts = pipeline.clip_parts(model, tmp_path, 64, 48, 5)
        parts.whole()
        whole = decoded(tmp_path / "out.mp4")
        (tmp_path / "out.mp4").unlink()
        parts.files()
    assert parts.count == len(whole) == 5
    assert all(np.array_equal(a, b) for a, b in zip(whole, decoded(tmp_path / "out.mp4"), strict=True))
    assert not np.array_equal(whole[0], decoded(tmp_path / "clip.mp4")[0])


@pytest.mark.parametrize("kind", ["clip", "pictures"])
def test_rates_are_printed_and_written(
    kind: str, tiny_models: dict[str, Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(pipeline, "leave_cores_to_models", lambda: None)  # which would outlast this test
    options = ["--model", tiny_models["denoise"], "--size", "64x48", "--count", 24, "--rounds", 2]
    done = CliRunner().invoke(pipeline.main, [kind, *map(str, [*options, "--json", tmp_path / "found.json"])])
    assert done.exit_code == 0, done.output
    unit = "frames" if kind == "clip" else "files"
    assert done.output.splitlines()[0].startswith(f"denoise.onnx, 24 {unit} of 64×48, 2 rounds")
    found = json.loads((tmp_path / "found.json").read_text())
    assert len(found["of_each_round"]) == 2 and found["of_slower"] <= found["of_cores"]
    assert min(found["files"], found["model"], found["whole"]) > 0
