"""What a model file says of itself, rewritten."""

from __future__ import annotations

from pathlib import Path

import pytest

from nitido.anomaly.threshold import PROPERTY
from nitido.errors import CardMismatch
from nitido.inference.verify import verify
from nitido.model_file.properties import read_properties, with_properties


def test_stamped_metadata_is_there_once_and_the_rest_unchanged(tiny_models: dict[str, Path]) -> None:
    import onnx

    plain = tiny_models["denoise"].read_bytes()
    once = with_properties(plain, {"nitido.note": '"first"', "nitido.summary": '"of my own"'})
    twice = with_properties(once, {"nitido.note": '"ünd"'})
    before, after = onnx.load_from_string(plain), onnx.load_from_string(twice)
    keys = [entry.key for entry in after.metadata_props]
    assert sorted(keys) == sorted({*keys}) and len(keys) == len(before.metadata_props) + 1
    assert (
        read_properties(twice)["nitido.note"] == '"ünd"' and read_properties(twice)["nitido.summary"] == '"of my own"'
    )
    assert after.graph == before.graph and list(after.opset_import) == list(before.opset_import)
    restored = with_properties(twice, {"nitido.note": None, "nitido.summary": read_properties(plain)["nitido.summary"]})
    assert read_properties(restored) == {
        **read_properties(plain),
        "nitido.seal": read_properties(restored)["nitido.seal"],
    }


def test_a_stamped_model_is_sealed_again(tiny_models: dict[str, Path], tmp_path: Path) -> None:
    path = tmp_path / "stamped.onnx"
    path.write_bytes(with_properties(tiny_models["denoise"].read_bytes(), {PROPERTY: "{}"}))
    assert verify(path, "cpu").passed
    path.write_bytes(path.read_bytes().replace(b'"mean_tolerance": 0.35', b'"mean_tolerance": 9.35'))
    assert verify(path, "cpu").intact is False


@pytest.mark.parametrize("damage", [b"\xff" * 40, b"\x0a\x7fshort", b"\x0b\x01"])
def test_what_is_not_a_model_is_not_stamped(damage: bytes) -> None:
    with pytest.raises(CardMismatch, match="not an ONNX model"):
        with_properties(damage, {PROPERTY: "{}"})
