"""Sentences of released models are recorded in checkpoints and put into files that exist already."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest

import nitido
from nitido.inference.session import read_card
from nitido_export.draft import ReleaseInfo
from nitido_export.export import export_float
from nitido_export.publishing.texts import ReleaseTexts, record_texts, reword
from nitido_train.checkpoint import load_checkpoint, save_checkpoint
from support.frames import noise_frame
from support.tiny_models import random_checkpoint

TEXTS = ReleaseTexts("Removes noise", "MIT", "my photographs", "fog")


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    path = tmp_path / "m.pt"
    save_checkpoint(random_checkpoint("denoise"), path)
    return path


def test_a_checkpoint_says_what_its_weights_are_released_as(checkpoint: Path) -> None:
    record_texts(checkpoint, TEXTS)
    found = load_checkpoint(checkpoint)
    assert (found.recipe.summary, found.licence, found.data) == ("Removes noise", "MIT", "my photographs")
    assert all(bool((value == found.ema[key]).all()) for key, value in random_checkpoint("denoise").ema.items())


def test_a_checkpoint_that_says_so_already_is_not_written(checkpoint: Path) -> None:
    record_texts(checkpoint, TEXTS)
    before = checkpoint.stat()
    record_texts(checkpoint, TEXTS)
    assert (checkpoint.stat().st_ino, checkpoint.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_a_reworded_file_is_the_one_that_an_export_with_these_texts_writes(checkpoint: Path, tmp_path: Path) -> None:
    file, wanted = tmp_path / "old" / "m.onnx", tmp_path / "new" / "m.onnx"
    for path in (file, wanted):
        path.parent.mkdir()
    export_float(load_checkpoint(checkpoint), file, ReleaseInfo("none", "pictures", failures="rain"))
    record_texts(checkpoint, TEXTS)
    export_float(load_checkpoint(checkpoint), wanted, ReleaseInfo("MIT", "my photographs", failures="fog"))
    graph = onnx.load(file).graph

    assert reword(file, TEXTS)
    assert read_card(file) == read_card(wanted)
    assert onnx.load(file).graph == graph
    assert nitido.verify(file).passed
    for name in ("m.json", "README.md"):
        assert (file.parent / name).read_text() == (wanted.parent / name).read_text()
    rows = [json.loads((path.parent / "index.json").read_text())["models"] for path in (file, wanted)]
    assert [{**row, "sha256": ""} for row in rows[0]] == [{**row, "sha256": ""} for row in rows[1]]
    frame = noise_frame(17, 23)
    assert np.array_equal(nitido.load(file)(frame), nitido.load(wanted)(frame))  # and the index has the right hash


def test_texts_without_known_failures_take_the_old_ones_out(checkpoint: Path, tmp_path: Path) -> None:
    file = tmp_path / "m.onnx"
    export_float(load_checkpoint(checkpoint), file, ReleaseInfo("MIT", "my photographs", failures="rain"))
    assert reword(file, ReleaseTexts("Removes noise", "MIT", "my photographs"))
    assert "failures" not in read_card(file).training


def test_a_file_that_says_so_already_is_not_written(checkpoint: Path, tmp_path: Path) -> None:
    file = tmp_path / "m.onnx"
    record_texts(checkpoint, TEXTS)
    export_float(load_checkpoint(checkpoint), file, ReleaseInfo("MIT", "my photographs", failures="fog"))
    before = file.stat()
    assert not reword(file, TEXTS)
    assert (file.stat().st_ino, file.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
