"""The comparison of two versions of model files: what it pairs, and what it says about results."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import versions
from click.testing import CliRunner

from support.paths import ROOT


def printed(*arguments: object) -> str:
    done = CliRunner().invoke(versions.main, [*map(str, arguments), "--rounds", "2", "--threads", "1"])
    assert done.exit_code == 0, done.output
    return done.output


def test_folders_are_compared_name_by_name_at_every_size(tiny_models: dict[str, Path], tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    for folder in (old, new):
        folder.mkdir()
        shutil.copy(tiny_models["denoise"], folder / "same.onnx")
        shutil.copy(ROOT / "models" / "vae-digits.decoder.onnx", folder)
    shutil.copy(tiny_models["upscale"], new / "more.onnx")
    said = printed(old, new, "--size", "32x24", "--size", "48x40", "--json", tmp_path / "rows.json").splitlines()
    assert said[0] == "in one of the folders only: more.onnx"
    assert [line.split(":")[0] for line in said[1:3]] == ["same, 32x24", "same, 48x40"]
    assert said[1].endswith("all 2,304 values of the results are equal")
    assert said[3] == said[4] == "left out: vae-digits.decoder.onnx takes no frames"
    rows = json.loads((tmp_path / "rows.json").read_text())
    assert [row["size"] for row in rows] == ["32x24", "48x40"]
    for row in rows:
        assert (
            row["ratio"] == pytest.approx(row["new_ms"] / row["old_ms"]) and row["low"] <= row["pairs"] <= row["high"]
        )
    assert "same" not in printed(old, new, old / "same.onnx", new / "more.onnx", "--only", "none*", "--size", "32x24")


def test_results_that_differ_are_counted(tiny_models: dict[str, Path], level_model: Path) -> None:
    row = versions.compare(tiny_models["denoise"], level_model, 32, 24, rounds=1, threads=1)
    assert row.difference is not None and 0 < row.difference.differing <= row.difference.values == 32 * 24 * 3
    other = versions.compare(tiny_models["denoise"], tiny_models["upscale"], 32, 24, rounds=1, threads=1)
    assert other.difference is None and other.describe().endswith("the results have different shapes")
    one, two = np.zeros((1, 2, 2, 3), np.uint8), np.full((1, 2, 2, 3), 255, np.uint8)
    two[0, 0] = 0
    found = versions.difference([one], [two])
    assert found is not None and found.describe() == "6 of 12 values differ (50.00%), by at most 255"


def test_paths_come_in_pairs(tiny_models: dict[str, Path]) -> None:
    done = CliRunner().invoke(versions.main, [str(tiny_models["denoise"])])
    assert done.exit_code == 2 and "expected pairs OLD NEW, found 1 paths" in done.output
    done = CliRunner().invoke(versions.main, [str(tiny_models["denoise"])] * 2 + ["--size", "10"])
    assert done.exit_code == 2 and "--size expects WIDTHxHEIGHT, such as 640x480; found 10" in done.output
