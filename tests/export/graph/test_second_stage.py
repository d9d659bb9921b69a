"""A decoder with a second stage turns normal numbers into latents as the flow or mixture in torch does, and back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from nitido.errors import FrameMismatch
from nitido.inference.verify import verify
from nitido.latent.autoencoder import Decoder, load_decoder
from nitido.latent.sampling import manifold_latents, path_latents, sample_latents
from nitido_export import export
from nitido_export.draft import ReleaseInfo
from nitido_export.graph.second_stage import SecondStage
from nitido_train.nets.latent_flow import LatentFlow
from nitido_train.nets.latent_mixture import LatentMixture
from support.recipes import random_latent_checkpoint

SIZE = 3  # of the latents of tests


def bent_flow(classes: int) -> LatentFlow:
    """A flow that does something: a fresh one returns what it is given."""
    flow = LatentFlow(SIZE, classes, couplings=4, hidden=16)
    torch.manual_seed(2)
    for weights in flow.parameters():
        torch.nn.init.normal_(weights, std=0.4)
    flow.mean.copy_(torch.tensor([1.0, -2.0, 0.5]))
    flow.std.copy_(torch.tensor([0.5, 2.0, 1.0]))
    return flow.requires_grad_(False)


def islands() -> LatentMixture:
    """Three clusters, far apart, one half, one third and one sixth of all."""
    means = torch.tensor([[0.0, 0.0, 0.0], [20.0, 0.0, 5.0], [0.0, -20.0, 0.0]])
    return LatentMixture(torch.tensor([0.0, 1 / 2, 5 / 6]), means, torch.full((3, SIZE), 0.2))


def decoder_with(stage: SecondStage, kind: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Decoder:
    monkeypatch.setattr(export, "second_stage", lambda *_: stage)
    info = ReleaseInfo("none", "none")
    export.export_parts(random_latent_checkpoint(kind), folder / "m.onnx", info, ("decoder",), [Path("data")])
    assert verify(folder / "m.decoder.onnx", "cpu").passed
    return load_decoder(folder / "m", "cpu")


@pytest.mark.parametrize("kind", ["vae", "cvae"])
def test_a_flow_in_the_file_is_the_flow_and_leads_back(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    classes = 3 if kind == "cvae" else 0
    flow = bent_flow(classes)
    decoder = decoder_with(flow, kind, tmp_path, monkeypatch)
    normal = np.random.default_rng(0).standard_normal((7, SIZE), np.float32)
    label = np.arange(7) % 3 if classes else None
    condition = torch.eye(3)[torch.from_numpy(label)] if label is not None else None
    latents = decoder.from_normal(normal, label)
    assert np.allclose(latents, flow(torch.from_numpy(normal), condition).numpy(), atol=1e-4)
    assert np.abs(latents - normal).max() > 0.5
    assert np.allclose(decoder.to_normal(latents, label), normal, atol=1e-3)


def test_whoever_gives_latents_alone_gets_what_an_old_file_gives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoder = decoder_with(bent_flow(0), "vae", tmp_path / "new", monkeypatch)
    export.export_parts(random_latent_checkpoint("vae"), tmp_path / "m.onnx", ReleaseInfo("", ""), ("decoder",))
    old = load_decoder(tmp_path / "m", "cpu")
    z = np.random.default_rng(0).standard_normal((4, SIZE), np.float32)
    assert np.array_equal(decoder(z), old(z))
    assert not old.has_second_stage
    with pytest.raises(FrameMismatch, match="export it with --prior"):
        old.from_normal(z)


def test_samples_and_paths_go_through_the_flow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    decoder = decoder_with(bent_flow(0), "vae", tmp_path, monkeypatch)
    same = sample_latents(decoder, 5, 1, temperature=0)
    assert np.allclose(same, decoder.from_normal(np.zeros((5, SIZE), np.float32)))
    assert np.ptp(manifold_latents(decoder, 3).reshape(9, SIZE), axis=0).min() > 0
    ends = sample_latents(decoder, 2, 4)
    way = path_latents(decoder, ends[0], ends[1], 9)
    assert np.allclose(way[[0, -1]], ends, atol=1e-3)
    lengths = np.linalg.norm(decoder.to_normal(way), axis=1)
    assert np.abs(np.diff(lengths, 2)).max() < 1e-2  # they change evenly along a great circle
    assert not np.allclose(way, path_latents(decoder, ends[0], ends[1], 9, path="linear"), atol=0.05)


def test_a_mixture_draws_from_every_cluster_as_often_as_it_should(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mixture = islands()
    decoder = decoder_with(mixture, "vae", tmp_path, monkeypatch)
    drawn = sample_latents(decoder, 2000, 0, temperature=0.5)
    distances = np.linalg.norm(drawn[:, None] - mixture.means.numpy(), axis=2)
    assert distances.min(1).max() < 1
    found = np.bincount(distances.argmin(1), minlength=len(mixture.means)) / len(drawn)
    assert np.allclose(found, mixture.shares.numpy(), atol=0.04)
    normal = np.random.default_rng(0).standard_normal((50, SIZE), np.float32)
    assert np.allclose(decoder.from_normal(normal), mixture(torch.from_numpy(normal)).numpy(), atol=1e-3)
    with pytest.raises(FrameMismatch, match="no inverse"):
        decoder.to_normal(normal)
