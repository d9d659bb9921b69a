"""A melody model's two files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from nitido.errors import ExportError
from nitido.inference.verify import verify
from nitido.latent.autoencoder import load_decoder, load_encoder
from nitido.latent.sampling import sample_latents
from nitido_export import export
from nitido_export.draft import ReleaseInfo
from nitido_export.export import export_parts
from nitido_export.graph.second_stage import SecondStage
from nitido_train.checkpoint import Checkpoint
from nitido_train.nets.latent_flow import LatentFlow
from nitido_train.nets.latent_mixture import LatentMixture
from support.melodies import noisy_net, tiny_melody_recipe


def checkpoint(rng: np.random.Generator) -> Checkpoint:
    net = noisy_net()
    facts = {
        "mean": [0.0] * 6,
        "std": [1.0] * 6,
        "examples": torch.from_numpy(rng.integers(0, 36, (2, 32), np.uint8)),
    }
    return Checkpoint(tiny_melody_recipe(), 4, net.state_dict(), net.state_dict(), facts=facts)


@pytest.mark.parametrize("kind", ["flow", "mixture"])
def test_a_second_stage_of_melodies_is_the_one_in_the_file(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(2)
    stage: SecondStage = LatentFlow(6)
    stage.mean.fill_(3.0)
    if kind == "mixture":
        means = torch.tensor([[3.0] * 6, [-3.0] * 6])
        stage = LatentMixture(torch.tensor([0.0, 0.5]), means, torch.full((2, 6), 0.1))
    monkeypatch.setattr(export, "second_stage", lambda *_: stage)
    info = ReleaseInfo("none", "none")
    (card,) = export.export_parts(checkpoint(rng), tmp_path / "tune.onnx", info, ("decoder",), [Path("data")], kind)
    assert card.latent["second_stage"] == kind and verify(tmp_path / "tune.decoder.onnx", "cpu").passed
    decoder = load_decoder(tmp_path / "tune", "cpu")
    assert decoder.has_second_stage and decoder.has_way_back == (kind == "flow")
    normal = rng.standard_normal((5, 6)).astype(np.float32)
    z = decoder.from_normal(normal)
    assert np.allclose(z, stage(torch.from_numpy(normal)).detach(), atol=1e-4)
    assert np.abs(np.abs(z.mean(1)) - 3).max() < (2 if kind == "flow" else 0.3)
    assert sample_latents(decoder, 4, 1).shape == (4, 6) and decoder(z).shape == (5, 32)


def test_both_files_carry_their_proof_and_open_as_a_latent_model(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    state = checkpoint(rng)
    cards = export_parts(state, tmp_path / "tune.onnx", ReleaseInfo("none", "none"), ("encoder", "decoder"))
    assert [card.task for card in cards] == ["encode", "decode"]
    for card in cards:
        assert verify(tmp_path / f"{card.name}.onnx", "cpu").passed
        assert (card.latent["medium"], card.latent["steps"], card.latent["lowest"]) == ("melody", 32, 55)
    encoder, decoder = load_encoder(tmp_path / "tune", "cpu"), load_decoder(tmp_path / "tune", "cpu")
    notes = decoder(encoder(rng.integers(0, 36, (3, 32), np.uint8)).mean)
    assert notes.shape == (3, 32) and notes.max() < noisy_net().codes
    with pytest.raises(ExportError, match="an encoder and a decoder"):
        export_parts(state, tmp_path / "tune.onnx", ReleaseInfo("none", "none"), ("whole",))
