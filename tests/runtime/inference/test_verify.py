from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from nitido.cli.main import cli
from nitido.errors import CardMismatch, ProviderUnavailable
from nitido.inference import verify as replaying
from nitido.inference.verify import verify
from nitido.model_file import certificate, zoo
from nitido.model_file.properties import SEAL, UNSEALED, is_intact, seal


@pytest.mark.parametrize("entry", zoo.entries(), ids=lambda entry: entry.name)
def test_every_shipped_model_passes_on_this_machine(entry: zoo.Entry) -> None:
    verdict = verify(entry.path, "cpu")
    assert verdict.passed and verdict.intact and len(verdict.replays) >= 2


def test_one_flipped_bit_anywhere_fails(tiny_models: dict[str, Path], tmp_path: Path) -> None:
    import onnx

    good = tiny_models["denoise"].read_bytes()
    assert is_intact(good)
    model = onnx.load_from_string(good)
    weight = next(i for i in model.graph.initializer if i.name == "convs_1.weight")
    bad = bytearray(good)
    bad[good.index(weight.raw_data)] ^= 1  # the last place of one weight: no output shows it
    (tmp_path / "bad.onnx").write_bytes(bad)
    verdict = verify(tmp_path / "bad.onnx", "cpu")
    assert verdict.intact is False and not verdict.passed


def test_a_corrupted_weight_fails_even_under_a_new_seal(tiny_models: dict[str, Path], tmp_path: Path) -> None:
    import onnx

    model = onnx.load(str(tiny_models["upscale"]))
    weight = next(i for i in model.graph.initializer if i.name == "convs_1.weight")
    values = onnx.numpy_helper.to_array(weight).copy()
    values[3] += 0.5
    weight.CopyFrom(onnx.numpy_helper.from_array(values, weight.name))
    next(p for p in model.metadata_props if p.key == SEAL).value = UNSEALED
    (tmp_path / "bad.onnx").write_bytes(seal(model.SerializeToString()))
    verdict = verify(tmp_path / "bad.onnx", "cpu")
    assert verdict.intact and not verdict.passed
    result = CliRunner().invoke(cli, ["verify", str(tmp_path / "bad.onnx"), "--device", "cpu"])
    assert result.exit_code == 1
    assert "FAILED" in result.output and "off by at most" in result.output


def test_a_device_that_computes_otherwise_fails(tiny_models: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    run = replaying.run_graph

    def wrong(session: Any, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        outputs = run(session, inputs)
        outputs["image"] = outputs["image"].copy()
        outputs["image"][0, 3, 4, 1] ^= 0b100  # one byte, four levels
        return outputs

    monkeypatch.setattr(replaying, "run_graph", wrong)
    verdict = verify(tiny_models["denoise"], "cpu")
    assert verdict.intact and not verdict.passed
    assert verdict.replays[0].max_error == 4


def test_a_device_that_is_not_there_is_an_error_not_a_pass(tiny_models: dict[str, Path]) -> None:
    with pytest.raises(ProviderUnavailable, match="cuda"):
        verify(tiny_models["denoise"], "cuda")


def test_damaged_vectors_and_missing_certificates_are_named(tiny_models: dict[str, Path], tmp_path: Path) -> None:
    import onnx

    model = onnx.load(str(tiny_models["denoise"]))
    entry = next(p for p in model.metadata_props if p.key == certificate.VECTORS)
    intact = entry.value
    entry.value = re.sub(r'"sha256":"..', '"sha256":"00', intact)
    onnx.save(model, str(tmp_path / "damaged.onnx"))
    with pytest.raises(CardMismatch, match="test vectors are damaged"):
        verify(tmp_path / "damaged.onnx", "cpu")
    model.metadata_props.remove(entry)
    onnx.save(model, str(tmp_path / "none.onnx"))
    with pytest.raises(CardMismatch, match="carries no certificate"):
        verify(tmp_path / "none.onnx", "cpu")


def test_nan_is_never_close() -> None:
    expected, found = {"z": np.zeros(2, np.float32)}, {"z": np.array([0, np.nan], np.float32)}
    assert certificate.difference(expected, found)[0] == float("inf")


def test_the_verdict_as_json(tiny_models: dict[str, Path]) -> None:
    result = CliRunner().invoke(cli, ["verify", str(tiny_models["denoise"]), "--device", "cpu", "--json"])
    assert result.exit_code == 0
    verdict = json.loads(result.output)
    assert verdict["passed"] and verdict["intact"] and verdict["replays"][0]["identical"]
