"""A network learns tunes, and its two files are what is shipped."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from torch import nn

from nitido.errors import RecipeError
from nitido.latent.melody import FIRST
from nitido_train.checkpoint import load_checkpoint
from nitido_train.data.batches import MelodyBatch
from nitido_train.data.scores import BAR
from nitido_train.nets.melody import MelodyNet
from nitido_train.objectives.latent_prior import encode_phrases, fit_melody_mixture, fit_melody_prior
from nitido_train.objectives.melodies import MelodyObjective, settle
from nitido_train.objectives.options import RunOptions
from nitido_train.recipe.files import load_recipe
from nitido_train.training.loop import train
from support.melodies import noisy_net, tiny_melody_recipe, write_tunes
from support.paths import ROOT
from support.resuming import assert_resumes_bit_for_bit

SHIPPED = ROOT / "models" / "checkpoints" / "vae-melody.pt"
SCALE = (0, 2, 4, 5, 7, 9, 11)


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def tunes(tmp_path: Path) -> Path:
    return write_tunes(tmp_path / "tunes")


def options_for(out: Path, data: Path, **changes: Any) -> RunOptions:
    return replace(RunOptions(out=out, data=(data,), workers=0, accelerator="cpu", progress=False), **changes)


@pytest.mark.slow
def test_a_network_learns_tunes_it_was_not_shown(tunes: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    recipe = tiny_melody_recipe(steps=400, validate_every=100, lr=1e-2, ema=0.9)
    result = train(recipe, options_for(tmp_path / "run", tunes))
    last = result.history[-1]
    assert last["accuracy"] > result.facts["baseline"] + 0.1
    assert last["notes"] > 0.4 and last["elbo"] > result.history[0]["elbo"]
    assert last["elbo"] == pytest.approx(-last["reconstruction"] - last["kl"])
    assert result.facts["examples"].shape == (2, 32) and len(result.facts["std"]) == 6
    assert "others for validation; tunes left out" in caplog.text
    for name in ("given_restored", "samples", "interpolation"):
        assert cv2.imread(str(tmp_path / "run" / "figures" / f"{name}.png")) is not None
    assert 'id="samples"' in (tmp_path / "run" / "report.html").read_text()


@pytest.mark.slow
def test_resumed_training_equals_an_uninterrupted_one(
    tunes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert_resumes_bit_for_bit(tiny_melody_recipe(), options_for(tmp_path / "whole", tunes), 6, monkeypatch)


def test_half_of_the_phrases_end_as_another_of_their_tune(tunes: Path, tmp_path: Path) -> None:
    objective = MelodyObjective(tiny_melody_recipe(steps=40), options_for(tmp_path / "run", tunes))
    known = {row.tobytes() for row in objective.melodies.notes}
    halves = {row[16:].tobytes() for row in objective.melodies.notes}
    rows = [row for batch in objective.batches(0, 0, 1, 0) for row in batch.notes]
    assert all(row[16:].tobytes() in halves for row in rows)
    new = np.mean([row.tobytes() not in known for row in rows])
    assert 0.05 < new < 0.5  # half, less those whose ending is their own, or makes a phrase that there is anyway
    assert {row.tobytes() for row in objective.melodies.notes} == known  # the collection itself stays as it is


def test_processes_share_a_batch(tunes: Path, tmp_path: Path) -> None:
    objective = MelodyObjective(tiny_melody_recipe(), options_for(tmp_path / "run", tunes))
    whole = next(objective.batches(3, 0, 1, 0))
    shares = [next(objective.batches(3, rank, 2, 0)) for rank in (0, 1)]
    assert np.array_equal(whole.notes, np.concatenate([share.notes for share in shares]))
    assert np.array_equal(whole.draw, np.concatenate([share.draw for share in shares]))


def test_settling_takes_the_statistics_of_the_weights_as_they_are() -> None:
    net = noisy_net()
    batches = [
        MelodyBatch(np.random.default_rng(i).integers(0, 36, (64, 32), np.uint8), np.zeros((64, 6), np.float32))
        for i in (0, 1)
    ]
    settle(net, batches, torch.device("cpu"))
    norm = net.encoder.features[1]
    assert isinstance(norm, nn.BatchNorm2d) and not norm.training and norm.momentum == 0.1
    with torch.no_grad():
        given = torch.from_numpy(np.concatenate([batch.notes for batch in batches]))
        channels = net.encoder.features[0](net.one_hot(given))
    assert norm.running_mean is not None
    assert torch.allclose(norm.running_mean, channels.mean((0, 2, 3)), atol=1e-5)


def test_a_second_stage_is_fitted_to_the_latents_of_tunes(tunes: Path, tmp_path: Path) -> None:
    recipe = tiny_melody_recipe()
    assert recipe.latent is not None
    older = replace(recipe, latent=replace(recipe.latent, adversary=0.05))  # what checkpoints of its time hold
    objective = MelodyObjective(older, options_for(tmp_path / "run", tunes))
    net = noisy_net()
    found = encode_phrases(net, objective, objective.melodies)
    assert found.mean.shape == found.std.shape == (len(objective.melodies), 6)
    mixture = fit_melody_mixture(net, objective, 3)
    assert torch.allclose((mixture.shares[:, None] * mixture.means).sum(0), found.mean.mean(0), atol=0.1)
    assert fit_melody_prior(net, objective, steps=60).gain > 0


def test_a_recipe_that_makes_no_sense_is_one_line(tunes: Path, tmp_path: Path) -> None:
    options = options_for(tmp_path / "run", tunes)
    recipe = tiny_melody_recipe()
    assert recipe.latent is not None
    with pytest.raises(RecipeError, match="expects only beta and beta_warmup"):
        MelodyObjective(replace(recipe, latent=replace(recipe.latent, noise=0.1)), options)
    for wrong, message in (
        ({"steps": 30}, "steps must be a multiple of 16"),
        ({"pitches": 100}, "pitches must be at most 128"),
        ({"widths": [1]}, "unknown option 'widths'"),
    ):
        with pytest.raises(RecipeError, match=message):
            MelodyObjective(replace(recipe, net=replace(recipe.net, options={**recipe.net.options, **wrong})), options)


def test_the_recipe_of_the_shipped_model_builds_what_is_shipped() -> None:
    state = load_checkpoint(SHIPPED)
    recipe = load_recipe("vae-melody")
    assert recipe.latent is not None and state.recipe.latent is not None
    # A default that only adversarial autoencoders read may change.
    expected = replace(recipe.latent, adversary=state.recipe.latent.adversary)
    assert (state.recipe.net, state.recipe.latent) == (recipe.net, expected)
    assert not state.optimizer


def test_the_shipped_model_gives_held_out_phrases_back_and_invents_others_in_key() -> None:
    state = load_checkpoint(SHIPPED)
    net = state.averaged_net()
    assert isinstance(net, MelodyNet)
    given = state.facts["examples"]
    with torch.no_grad():
        restored = net(given, torch.zeros(len(given), net.latent)).logits.argmax(1)[..., 0]
        z = torch.randn(300, net.latent, generator=torch.Generator().manual_seed(0))
        sampled = net.decoder(z)[..., 0].argmax(1).numpy()
    assert (restored == given).float().mean() > 0.8
    assert len(np.unique(sampled, axis=0)) == 300
    begun = sampled >= FIRST
    assert np.isin((sampled[begun] - FIRST + net.grid.lowest) % 12, SCALE).mean() > 0.97
    assert 12 < begun.sum(1).mean() < 40  # notes in four bars
    assert begun[:, ::BAR].mean() > 0.8  # bars begin with a note
    steps = np.concatenate([np.diff(row[row >= FIRST].astype(int)) for row in sampled])
    assert np.mean(np.abs(steps) > 12) < 0.03
