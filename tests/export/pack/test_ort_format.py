"""Models in ORT format are the models they were."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from nitido.errors import ExportError
from nitido.inference.model import load
from nitido.model_file import zoo
from nitido_export.pack import ort_format
from nitido_export.pack.write import write_pack

FRAME_MODELS = [entry for entry in zoo.entries() if entry.takes_frames]


def with_metadata(model: Path, target: Path, key: str, value: str) -> Path:
    proto = onnx.load(str(model))
    next(entry for entry in proto.metadata_props if entry.key == key).value = value
    onnx.save(proto, str(target))
    return target


@pytest.mark.slow
@pytest.mark.parametrize("entry", FRAME_MODELS, ids=lambda entry: entry.name)
def test_the_ort_file_of_a_shipped_model_is_that_model(photos: Path, tmp_path: Path, entry: zoo.Entry) -> None:
    from nitido.images.io import read_picture

    photo = read_picture(photos / "coffee.png").pixels[:201, :133]
    write_pack(entry.name, "ort", tmp_path / "out", frame=photo)
    original, packed = load(entry.path, "cpu"), load(tmp_path / "out" / f"{entry.name}.ort", "cpu")
    assert (packed.card, packed.has_strength) == (original.card, original.has_strength)
    difference = np.abs(packed(photo).astype(int) - original(photo).astype(int))
    assert difference.max() <= 1  # sums in another order: the layout for this processor is not in the file
    assert np.abs(original(photo)[: photo.shape[0], : photo.shape[1]].astype(int) - photo).max() > 1


def test_an_ort_file_that_differs_is_not_kept(
    tiny_models: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    proto = onnx.load(str(tiny_models["denoise"]))
    last = [node for node in proto.graph.node if node.op_type == "Conv"][-1]
    bias = next(i for i in proto.graph.initializer if i.name == last.input[2])
    bias.CopyFrom(onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(bias) + np.float32(0.02), bias.name))
    onnx.save(proto, str(tmp_path / "other.onnx"))
    right = ort_format.convert
    monkeypatch.setattr(ort_format, "convert", lambda source, target: right(tmp_path / "other.onnx", target))
    with pytest.raises(ExportError, match=r"differs from .* by [4-7] of 255 levels"):
        write_pack(str(tiny_models["denoise"]), "ort", tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["other.onnx"]


def test_an_ort_file_that_lost_its_card_is_not_kept(
    tiny_models: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = with_metadata(tiny_models["denoise"], tmp_path / "other.onnx", "nitido.licence", '"unknown"')
    right = ort_format.convert
    monkeypatch.setattr(ort_format, "convert", lambda source, target: right(other, target))
    with pytest.raises(ExportError, match=r"card .* did not survive"):
        write_pack(str(tiny_models["denoise"]), "ort", tmp_path / "out")
    assert not (tmp_path / "out").exists()
