"""Tables and cards of what is shipped."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import pytest

from nitido.inference.session import read_card
from nitido.model_file import zoo
from nitido_export.draft import ReleaseInfo
from nitido_export.export import export_float
from nitido_train.evaluation.conditions import read_pictures
from support.tiny_models import random_checkpoint


def test_the_table_shows_what_a_model_does_and_where_it_fails(photos: Path, tmp_path: Path) -> None:
    info = ReleaseInfo("none", "my photographs", [photos], read_pictures(photos), failures="fog")
    export_float(random_checkpoint("denoise"), tmp_path / "m.onnx", info)
    picture = cv2.imread(str(tmp_path / "pictures" / "m.webp"))
    assert picture is not None and picture.shape[1] > 300
    text = (tmp_path / "README.md").read_text()
    section = text[text.index("## m\n") :]
    assert "my photographs" in section and "Known to fail: fog" in section and "(pictures/m.webp)" in section
    assert f"`nitido evaluate m --data {photos.name}`" in section and "gaussian sigma 50 |" in section
    assert read_card(str(tmp_path / "m.onnx")).training["failures"] == "fog"


@pytest.mark.parametrize("entry", zoo.entries(), ids=lambda entry: entry.name)
def test_shipped_models_carry_their_evaluation_and_card_file(entry: zoo.Entry) -> None:
    card = read_card(entry.name)
    begun = card.training["provenance"].get("from", {}).get("steps", 0)  # of the weights it was trained on from
    assert card.evaluation and begun + card.training["steps"] > 2000
    assert json.loads(entry.path.with_suffix(".json").read_text())["evaluation"] == card.evaluation
    for row in card.evaluation:
        assert row["baseline"] is None or row["value"] > row["baseline"]
