"""An autoencoder's files equal its network, prove it anywhere, and say what they are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest

from nitido.errors import ExportError
from nitido.inference.verify import verify
from nitido.model_file.card import Card
from nitido_export.draft import ReleaseInfo
from nitido_export.export import export_parts
from nitido_train.nets.latent import KINDS
from support.recipes import SIDE, random_latent_checkpoint

NOBODY = ReleaseInfo("none", "none")


@pytest.mark.slow
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_every_part_equals_its_network_and_carries_its_proof(kind: str, channels: int, tmp_path: Path) -> None:
    checkpoint = random_latent_checkpoint(kind, channels)
    cards = export_parts(checkpoint, tmp_path / "m.onnx", NOBODY, ("encoder", "decoder", "whole"))
    assert [card.task for card in cards] == ["encode", "decode", "reconstruct"]
    for card in cards:
        path = tmp_path / f"{card.name}.onnx"
        assert verify(path, "cpu").passed
        session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        stored = Card.from_metadata(session.get_modelmeta().custom_metadata_map, "m")
        assert stored.latent == card.latent
        assert (stored.latent["size"], stored.latent["kind"]) == (3, kind)
        assert stored.latent["prior"] == ("none" if kind.endswith("autoencoder") else "normal")
        assert ("label" in {i.name for i in session.get_inputs()}) == (kind == "cvae")


def test_encoding_then_decoding_is_the_whole(tmp_path: Path) -> None:
    export_parts(random_latent_checkpoint("cvae", 3), tmp_path / "m.onnx", NOBODY, ("encoder", "decoder", "whole"))
    frames = np.random.default_rng(0).integers(0, 256, (5, SIDE, SIDE, 3), np.uint8)
    label = np.array([0, 1, 2, 1, 0])

    def run(name: str, **feeds: np.ndarray) -> list[np.ndarray]:
        session = ort.InferenceSession(str(tmp_path / name), providers=["CPUExecutionProvider"])
        return session.run(None, feeds)

    mean, log_var = run("m.encoder.onnx", frame=frames, label=label)
    assert mean.shape == log_var.shape == (5, 3)
    (apart,) = run("m.decoder.onnx", z=mean, label=label)
    (whole,) = run("m.onnx", frame=frames, label=label)
    assert apart.shape == whole.shape == frames.shape
    assert np.abs(apart.astype(int) - whole).max() <= 1
    (other,) = run("m.decoder.onnx", z=mean, label=np.zeros(5, np.int64))
    assert not np.array_equal(other[1:4], apart[1:4])  # the class matters


def test_an_unvalidated_checkpoint_is_not_exported(tmp_path: Path) -> None:
    checkpoint = random_latent_checkpoint("vae")
    checkpoint.facts = {}
    with pytest.raises(ExportError, match="was never validated"):
        export_parts(checkpoint, tmp_path / "m.onnx", NOBODY, ("encoder",))
    assert not list(tmp_path.iterdir())
