"""Figures of samples in the cards of decoders."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from nitido.errors import ExportError
from nitido.inference.session import read_card
from nitido.inference.verify import verify
from nitido.model_file.properties import with_properties
from nitido_export.publishing.samples import graph_digest, record_samples
from support.paths import ROOT

DECODER = ROOT / "models" / "vae-digits.decoder.onnx"
ROW = {"set": "samples", "condition": "prior", "metric": "Fréchet distance", "value": 12.34, "baseline": None}


def test_a_decoder_gets_the_figures_of_its_samples_and_stays_as_it_was_proven(tmp_path: Path) -> None:
    file = tmp_path / DECODER.name
    shutil.copy(DECODER, file)
    before = read_card(str(file)).evaluation
    digest = graph_digest(file.read_bytes())
    for value in (12.34, 5.6):  # the second time in place of the first
        record_samples(file, {"graph": digest, "card": [{**ROW, "value": value}]})
    kept = [row for row in before if row["set"] != "samples"]
    assert read_card(str(file)).evaluation == [*kept, {**ROW, "value": 5.6}]
    assert json.loads(file.with_suffix(".json").read_text())["evaluation"] == read_card(str(file)).evaluation
    assert graph_digest(file.read_bytes()) == digest and verify(file, "cpu").passed
    assert "; samples: Fréchet distance 5.6 |" in (tmp_path / "README.md").read_text(encoding="utf-8")


def test_figures_of_another_graph_are_refused(tmp_path: Path) -> None:
    file = tmp_path / DECODER.name
    data = DECODER.read_bytes()
    file.write_bytes(with_properties(data, {"nitido.summary": '"Other words"'}))
    assert graph_digest(file.read_bytes()) == graph_digest(data)
    other = (ROOT / "models" / "cvae-digits.decoder.onnx").read_bytes()
    with pytest.raises(ExportError, match="measured on another file"):
        record_samples(file, {"graph": graph_digest(other), "card": [ROW]})
    assert not file.with_suffix(".json").exists()
