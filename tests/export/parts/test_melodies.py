"""A melody model's two files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from nitido.errors import ExportError
from nitido.inference.verify import verify
from nitido.latent.autoencoder import load_decoder, load_encoder
from nitido_export.draft import ReleaseInfo
from nitido_export.export import export_parts
from nitido_train.checkpoint import Checkpoint
from support.melodies import noisy_net, tiny_melody_recipe


def test_both_files_carry_their_proof_and_open_as_a_latent_model(tmp_path: Path) -> None:
    net = noisy_net()
    rng = np.random.default_rng(2)
    facts = {
        "mean": [0.0] * 6,
        "std": [1.0] * 6,
        "examples": torch.from_numpy(rng.integers(0, 36, (2, 32), np.uint8)),
    }
    state = Checkpoint(tiny_melody_recipe(), 4, net.state_dict(), net.state_dict(), facts=facts)
    cards = export_parts(state, tmp_path / "tune.onnx", ReleaseInfo("none", "none"), ("encoder", "decoder"))
    assert [card.task for card in cards] == ["encode", "decode"]
    for card in cards:
        assert verify(tmp_path / f"{card.name}.onnx", "cpu").passed
        assert (card.latent["medium"], card.latent["steps"], card.latent["lowest"]) == ("melody", 32, 55)
    encoder, decoder = load_encoder(tmp_path / "tune", "cpu"), load_decoder(tmp_path / "tune", "cpu")
    notes = decoder(encoder(rng.integers(0, 36, (3, 32), np.uint8)).mean)
    assert notes.shape == (3, 32) and notes.max() < net.codes
    with pytest.raises(ExportError, match="an encoder and a decoder"):
        export_parts(state, tmp_path / "tune.onnx", ReleaseInfo("none", "none"), ("whole",))
