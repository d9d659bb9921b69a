from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
from click.testing import CliRunner

from nitido.errors import ExportError, SinkUnavailable
from nitido.inference.model import load
from nitido.inference.session import read_card
from nitido.model_file import zoo
from nitido.system.files import write_whole
from nitido_export.cli import export as cli
from nitido_export.draft import ReleaseInfo
from nitido_export.evaluation.frames import read_pictures
from nitido_export.export import export_float
from nitido_export.graph.analysis import read_facts
from nitido_export.graph.frames import frame_graph
from nitido_export.proof import parity
from nitido_train import checkpoint
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


def test_a_graph_that_differs_from_its_network_is_not_written() -> None:
    net = random_checkpoint("denoise").averaged_net()
    graph = frame_graph(net)
    bias = next(i for i in graph.graph.initializer if i.name == "convs_2.bias")
    bias.CopyFrom(onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(bias) + np.float32(0.02), "convs_2.bias"))
    with pytest.raises(ExportError, match="differs from the network"):
        parity.check_parity(net, graph.SerializeToString())


def test_receptive_field_follows_the_longest_path() -> None:
    net = random_checkpoint("upscale").averaged_net()
    facts = read_facts(frame_graph(net), cell=net.cell)
    assert facts.halo == 6
    assert facts.parameters == 9 * (12 * 8 + 8 * 8 + 8 * 48) + 8 + 8 + 48


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


@pytest.mark.slow
def test_the_card_has_the_licence_of_the_weights(tmp_path: Path) -> None:
    run, target = tmp_path / "last.pt", tmp_path / "m.onnx"

    def exported(*options: str, **known: str) -> tuple[str, str, str]:
        checkpoint.save(replace(random_checkpoint("denoise"), **known), run)
        result = CliRunner().invoke(cli.export, [str(tmp_path), "-o", str(target), *options], catch_exceptions=False)
        card = read_card(str(target))
        return card.licence, card.training["data"], result.output

    assert exported()[:2] == ("not stated", "not stated")
    assert exported(licence="for research only", data="theirs")[:2] == ("for research only", "theirs")
    licence, _, said = exported("--licence", "MIT", licence="for research only")
    assert licence == "MIT" and "began as others, licensed 'for research only'" in said
    assert "began as others" not in exported("--licence", "MIT")[2]
