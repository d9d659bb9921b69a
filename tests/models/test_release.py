"""The table that the shipped files are made from agrees with them, and the script says what it would do."""

from __future__ import annotations

import importlib.util
import json
import shlex
import sys
from pathlib import Path
from types import ModuleType

import pytest
from click.testing import CliRunner

from nitido_export.cli.export import export
from support.paths import ROOT

MODELS = ROOT / "models"
SHIPPED = sorted(
    path
    for folder in (MODELS, MODELS / "research")
    for path in folder.glob("*.json")
    if path.name != "index.json" and not path.stem.endswith(".decoder")
)


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("release", MODELS / "release.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "release", module)  # where dataclasses look
        spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_every_shipped_model_has_a_row_that_says_what_its_card_says(script: ModuleType, path: Path) -> None:
    name, _, kind = path.stem.partition(".")
    row, card = script.read_releases()[name], json.loads(path.read_text())
    assert ROOT / row.folder == path.parent
    assert (row.licence, row.data) == (card["licence"], card["training"]["data"])
    assert row.failures == card["training"].get("failures", "")
    assert row.texts.summary == card["training"]["recipe"]["summary"]
    part = f" ({kind})" if kind in ("encoder", "decoder") else ""
    assert row.texts.summary + part == card["summary"]
    sets = list(dict.fromkeys(found["set"] for found in card["evaluation"]))
    named = {"digits/t10k-images-idx3-ubyte.gz": "MNIST test"}
    assert sets == ([named.get(test, Path(test).name) for test in row.tests] or ["held out in training"])
    assert kind != "int8" or row.calibration


def test_every_row_is_of_a_shipped_model_and_names_weights(script: ModuleType) -> None:
    releases = script.read_releases()
    assert set(releases) == {path.stem.partition(".")[0] for path in SHIPPED}
    for row in releases.values():
        assert (ROOT / row.checkpoint).is_file()


def test_a_dry_run_prints_commands_that_nitido_export_takes(script: ModuleType, tmp_path: Path) -> None:
    result = CliRunner().invoke(script.release, [str(tmp_path), "denoise-n", "vae-digits", "--dry-run"])
    assert result.exit_code == 0
    commands = [shlex.split(line) for line in result.stdout.splitlines() if not line.startswith("#")]
    assert [command[:5] for command in commands] == [
        ["nitido", "export", "models/checkpoints/denoise-n.pt", "-o", "models/denoise-n.onnx"],
        ["nitido", "export", "models/checkpoints/denoise-n.pt", "-o", "models/denoise-n.int8.onnx"],
        ["nitido", "export", "models/checkpoints/vae-digits.pt", "-o", "models/vae-digits.onnx"],
    ]
    for command in commands:
        values = export.make_context("export", command[2:]).params
        assert values["licence"] == "Apache-2.0"
        assert all(folder.is_relative_to(tmp_path) for folder in values["folders"])
    assert values["data_note"].startswith("MNIST")


def test_without_names_every_model_is_made(script: ModuleType, tmp_path: Path) -> None:
    result = CliRunner().invoke(script.release, [str(tmp_path), "--dry-run"])
    made = {shlex.split(line)[2] for line in result.stdout.splitlines() if line.startswith("nitido")}
    assert made == {row.checkpoint for row in script.read_releases().values()}


def test_an_unknown_name_is_a_usage_error(script: ModuleType, tmp_path: Path) -> None:
    result = CliRunner().invoke(script.release, [str(tmp_path), "denoise-x", "--dry-run"])
    assert result.exit_code == 2 and "no model denoise-x in release.toml" in result.output


def test_the_texts_are_recorded_before_the_files_are_made(
    script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[tuple[Path, object]] = []
    monkeypatch.setattr(script, "record_texts", lambda path, texts: done.append((path, texts)))
    # A command that fails ends it: the 8-bit file is not made against a float file that is not there.
    monkeypatch.setattr(script, "NITIDO", (sys.executable, "-c", "raise SystemExit(3)"))
    result = CliRunner().invoke(script.release, [str(tmp_path), "denoise-n"])
    assert result.exit_code == 3
    row = script.read_releases()["denoise-n"]
    assert done == [(ROOT / row.checkpoint, row.texts)]
    assert len([line for line in result.stdout.splitlines() if line.startswith("nitido")]) == 1
