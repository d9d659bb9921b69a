"""``nitido pack`` as it is typed."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import click
import pytest

from nitido.errors import ModelNotFound
from nitido_export.cli.pack import pack
from nitido_export.pack.write import TARGETS, write_pack
from support.commands import nitido


def test_the_command_writes_and_says_what_it_measured(tiny_models: dict[str, Path], tmp_path: Path) -> None:
    model, out = tiny_models["denoise"], tmp_path / "out"
    run = nitido("pack", model, "--target", "ort", "-o", out, "--runs", "1")
    assert (run.returncode, run.stderr) == (0, "")
    for path in (model, out / "denoise.ort"):
        line = next(line for line in run.stdout.splitlines() if line.startswith(path.name))
        found = re.search(r"(\d+) KB +cold start +(\d+) ms, of which opening +([\d.]+) ms .* frame +([\d.]+) ms", line)
        assert found, line
        size, total, opening, first = map(float, found.groups())
        assert size == round(path.stat().st_size / 1000)
        assert total > opening + first > 0
    assert re.search(r"largest difference from denoise.onnx: [01] of 255", run.stdout)


def test_the_command_offers_every_target() -> None:
    choice = next(parameter.type for parameter in pack.params if parameter.name == "target")
    assert isinstance(choice, click.Choice) and tuple(choice.choices) == TARGETS


def test_what_is_not_a_model_is_one_line(tiny_models: dict[str, Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    (tmp_path / "text.onnx").write_text("not a model")
    for model, message in [("no-such", "no model named"), (tmp_path / "text.onnx", "cannot be loaded")]:
        run = nitido("pack", model, "--target", "ort", "-o", out)
        assert run.returncode == 1
        assert message in run.stderr and len(run.stderr.splitlines()) == 1
    shutil.copy(tiny_models["denoise"], tmp_path / "model.ort")
    with pytest.raises(ModelNotFound, match=r"expects an \.onnx file"):
        write_pack(str(tmp_path / "model.ort"), "ort", out)
    assert not out.exists()
