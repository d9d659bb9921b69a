"""``nitido adopt`` as it is typed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from nitido.images.io import Picture, read_picture, write_picture
from support.commands import nitido
from support.foreign_models import Form, write_foreign
from support.paths import SAMPLES


@pytest.mark.slow
def test_a_file_of_another_tool_becomes_one_that_every_command_takes(tmp_path: Path) -> None:
    foreign, mine = write_foreign(tmp_path / "f.onnx", "upscale-x2-n", Form()), tmp_path / "mine.onnx"
    source = tmp_path / "a.png"
    pixels = read_picture(SAMPLES / "coffee.webp").pixels[100:140, 100:160]
    write_picture(source, Picture(np.ascontiguousarray(pixels)))
    refused = nitido("run", source, "-o", tmp_path / "b.png", "--model", foreign)
    assert refused.returncode == 1 and len(refused.stderr.strip().splitlines()) == 1
    assert f"wrap it with: nitido adopt {foreign} -o NEW.onnx" in refused.stderr

    run = nitido("adopt", foreign, "-o", mine, "--licence", "BSD-3-Clause")
    assert run.returncode == 0, run.stderr
    found = [line.split()[:2] for line in run.stdout.splitlines()]
    assert found[:6] == [
        ["layout", "nchw"],
        ["scale", "×2"],
        ["range", "0..1"],
        ["colour", "rgb"],
        ["task", "upscale"],
        ["multiple", "1"],
    ]
    card = json.loads(mine.with_suffix(".json").read_text())
    assert card["licence"] == "BSD-3-Clause" and card["training"]["adopted"]["file"] == "f.onnx"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "f.onnx", "mine.json", "mine.onnx"]
    assert nitido("verify", mine).stdout.splitlines()[-1] == "passed"
    assert "licence        BSD-3-Clause" in nitido("info", mine).stdout
    assert nitido("upscale", source, "-o", tmp_path / "b.png", "--model", mine, "--scale", 1.5).returncode == 0
    assert read_picture(tmp_path / "b.png").pixels.shape == (60, 90, 3)
    again = nitido("adopt", foreign, "-o", mine, "--licence", "BSD-3-Clause")
    assert again.returncode == 1 and "--overwrite" in again.stderr


def test_what_cannot_be_wrapped_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "text.onnx").write_text("not a model")
    cases = {
        ("text.onnx",): "cannot be read as an ONNX model",
        ("missing.onnx",): "no such file",
        ("text.onnx", "--scale", "0"): "expected auto or a whole number, found '0'",
        ("text.onnx", "--int8"): "--int8 expects --calib FOLDER and --holdout FOLDER",
    }
    for (name, *words), message in cases.items():
        run = nitido("adopt", tmp_path / name, "-o", tmp_path / "mine.onnx", "--licence", "MIT", *words)
        assert run.returncode in (1, 2) and message in run.stderr, run.stderr
    run = nitido("adopt", tmp_path / "text.onnx", "-o", tmp_path / "mine.onnx")
    assert run.returncode == 2 and "Missing option '--licence'" in run.stderr
    shipped = nitido("adopt", SAMPLES.parent / "models" / "denoise-n.onnx", "-o", tmp_path / "m.onnx", "--licence", "x")
    assert shipped.returncode == 1 and "is a Nítido model already" in shipped.stderr
