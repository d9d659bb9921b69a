"""Exported files: what they say, and what is not written."""

from __future__ import annotations

import errno
import json
import os
from dataclasses import replace
from pathlib import Path

import onnx
import pytest
from click.testing import CliRunner

from nitido.errors import SinkUnavailable
from nitido.inference.model import load
from nitido.inference.session import read_card
from nitido.system.files import write_whole
from nitido_export.cli import export as cli
from nitido_export.draft import ReleaseInfo, draft
from nitido_export.export import export_float
from nitido_export.publishing.publish import publish
from nitido_train.checkpoint import load_checkpoint, save_checkpoint
from support.paths import ROOT
from support.tiny_models import random_checkpoint


@pytest.mark.parametrize("task", ["denoise", "upscale"])
def test_the_file_says_what_it_is(tiny_models: dict[str, Path], task: str) -> None:
    model = load(tiny_models[task], "cpu")
    assert (model.card.task, model.card.scale) == (task, 1 if task == "denoise" else 2)
    assert model.card.halo == 3 * 2  # three 3×3 convolutions on a grid of two
    depth_out = 12 if task == "denoise" else 48
    assert model.card.macs_per_pixel == 9 * (12 * 8 + 8 * 8 + 8 * depth_out) / 4
    assert model.card.parity["max_error"] <= 1
    written = json.loads(tiny_models[task].with_suffix(".json").read_text())
    assert written["parity"] == model.card.parity


def test_the_file_is_one_and_old_runtimes_can_read_it(tiny_models: dict[str, Path]) -> None:
    proto = onnx.load(str(tiny_models["denoise"]), load_external_data=False)
    assert (proto.ir_version, proto.opset_import[0].version) == (8, 17)
    assert not any(i.data_location == onnx.TensorProto.EXTERNAL for i in proto.graph.initializer)


def test_an_unwritable_place_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SinkUnavailable, match="cannot write"):
        write_whole(tmp_path / "file" / "model.onnx", b"x")
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


@pytest.mark.slow
def test_export_evaluates_and_indexes(photos: Path, tmp_path: Path) -> None:
    info = ReleaseInfo("none", "none", evaluation=[photos])
    card = export_float(random_checkpoint("denoise"), tmp_path / "m.onnx", info)
    assert [row["condition"] for row in card.evaluation] == [f"gaussian sigma {s}" for s in (15, 25, 50)]
    assert card.evaluation[1]["baseline"] == pytest.approx(20.4, abs=0.5)
    export_float(random_checkpoint("denoise"), tmp_path / "n.onnx", info)
    export_float(random_checkpoint("denoise"), tmp_path / "m.onnx", info)
    rows = json.loads((tmp_path / "index.json").read_text())["models"]
    assert [(row["name"], row["default"]) for row in rows] == [("m", True), ("n", False)]
    assert "| n | for tests |" in (tmp_path / "README.md").read_text()
    (tmp_path / "m.onnx").unlink()
    export_float(random_checkpoint("denoise"), tmp_path / "o.onnx", info)
    rows = json.loads((tmp_path / "index.json").read_text())["models"]
    assert [(row["name"], row["default"]) for row in rows] == [("n", False), ("o", True)]


@pytest.mark.slow
def test_the_card_has_the_licence_of_the_weights(tmp_path: Path) -> None:
    run, target = tmp_path / "last.pt", tmp_path / "m.onnx"

    def exported(*options: str, **known: str) -> tuple[str, str, str]:
        save_checkpoint(replace(random_checkpoint("denoise"), **known), run)
        result = CliRunner().invoke(cli.export, [str(tmp_path), "-o", str(target), *options], catch_exceptions=False)
        card = read_card(str(target))
        return card.licence, card.training["data"], result.output

    assert exported()[:2] == ("not stated", "not stated")
    assert exported(licence="for research only", data="theirs")[:2] == ("for research only", "theirs")
    licence, _, said = exported("--licence", "MIT", licence="for research only")
    assert licence == "MIT" and "started from others, licensed 'for research only'" in said
    assert "started from others" not in exported("--licence", "MIT")[2]


SHIPPED = ROOT / "models" / "checkpoints" / "denoise-n.pt"
INFO = ReleaseInfo("none", "none")


def test_a_full_disk_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "m.onnx"
    target.write_bytes(b"old")
    finished = draft(load_checkpoint(SHIPPED).averaged_net(), load_checkpoint(SHIPPED), "m", INFO)

    def full(_file: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(SinkUnavailable, match="No space left"):
        publish(finished, target, INFO)
    assert [(p.name, p.read_bytes()) for p in tmp_path.iterdir()] == [("m.onnx", b"old")]
