"""``nitido export`` as it is typed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from nitido.errors import CheckpointError, SourceUnavailable
from nitido_export.cli import export as cli
from nitido_train.checkpoint import load_checkpoint, save_checkpoint
from support.paths import ROOT

SHIPPED = ROOT / "models" / "checkpoints" / "denoise-n.pt"


def test_bad_input_is_named_and_nothing_is_written(photos: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    out = tmp_path / "out" / "m.int8.onnx"
    common = [str(SHIPPED), "-o", str(out), "--int8", "--holdout", str(photos)]
    runner = CliRunner()
    with pytest.raises(SourceUnavailable, match="no pictures in"):
        runner.invoke(cli.export, [*common, "--calib", str(empty)], catch_exceptions=False, standalone_mode=False)
    assert runner.invoke(cli.export, common).exit_code == 2
    strange = load_checkpoint(SHIPPED)
    net = replace(strange.recipe.net, kind="mystery")
    save_checkpoint(replace(strange, recipe=replace(strange.recipe, net=net)), tmp_path / "last.pt")
    with pytest.raises(CheckpointError, match="unknown network 'mystery'"):
        runner.invoke(cli.export, [str(tmp_path), "-o", str(out)], catch_exceptions=False, standalone_mode=False)
    assert not out.parent.exists()
