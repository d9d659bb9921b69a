"""Autoencoders learn, resume, share their work among processes, and say what is wrong with their recipes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from nitido.errors import RecipeError
from nitido_train.checkpoint import load_checkpoint
from nitido_train.data.batches import damage
from nitido_train.nets.latent import KINDS, LatentNet
from nitido_train.objectives.latents import LatentObjective
from nitido_train.objectives.options import RunOptions
from nitido_train.recipe.schema import LatentRecipe
from nitido_train.training.loop import train
from support.recipes import SIDE, tiny_latent, write_class_folders, write_digits
from support.resuming import assert_resumes_bit_for_bit


def options_for(out: Path, data: Path, **changes: object) -> RunOptions:
    return replace(RunOptions(out=out, data=(data,), workers=0, accelerator="cpu", progress=False), **changes)


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Networks this small lose by every thread more."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def digits(tmp_path: Path) -> Path:
    return write_digits(tmp_path / "digits")


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_learns(kind: str, digits: Path, tmp_path: Path) -> None:
    recipe = tiny_latent(kind, steps=160, validate_every=80, lr=1e-2, ema=0.9)
    result = train(recipe, options_for(tmp_path / "run", digits))
    first, last = result.history[0], result.history[-1]
    assert last["ssim"] > first["ssim"]
    assert last["loss"] < 0.9 * first["loss"]
    assert ("elbo" in last) == (kind in ("vae", "cvae"))
    assert {"psnr", "ssim"} <= set(last)
    assert len(result.facts["mean"]) == 3


@pytest.mark.slow
def test_the_latents_of_an_adversarial_autoencoder_approach_the_prior(digits: Path, tmp_path: Path) -> None:
    spread = []
    for adversary in (0.0, 0.002):
        recipe = tiny_latent("aae", steps=600, validate_every=600, lr=2e-3, ema=0.9, latent={"adversary": adversary})
        spread.append(np.array(train(recipe, options_for(tmp_path / str(adversary), digits)).facts["std"]))
    free, matched = (np.abs(np.log(s)).mean() for s in spread)
    assert matched < free


def test_the_encoder_and_the_discriminator_learn_from_their_own_losses_only() -> None:
    torch.manual_seed(0)
    net = LatentNet("aae", SIDE, SIDE, 1, latent=2, widths=[4, 8], hidden=16)
    passage = net(torch.rand(4, 1, SIDE, SIDE) - 0.5, torch.zeros(4, dtype=torch.long), torch.randn(4, 2))
    assert passage.fake is not None and passage.fooled is not None and net.critic is not None
    assert torch.equal(passage.fake, passage.fooled)
    passage.fake.sum().backward(retain_graph=True)
    assert all(p.grad is None for p in net.encoder.parameters())
    assert any(p.grad is not None for p in net.critic.parameters())
    net.zero_grad()
    passage.fooled.sum().backward()
    assert all(p.grad is None for p in net.critic.parameters())
    assert net.encoder.mean.weight.grad is not None


@pytest.mark.slow
def test_resumed_training_equals_an_uninterrupted_one(
    digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = tiny_latent("vae", steps=8, validate_every=4, latent={"binarize": True, "beta_warmup": 5})
    assert_resumes_bit_for_bit(recipe, options_for(tmp_path / "whole", digits), 6, monkeypatch)


@pytest.mark.slow
def test_two_processes_learn_what_one_does(digits: Path, tmp_path: Path) -> None:
    """Over gloo, as ``torchrun`` starts them."""
    recipe = tiny_latent("vae", steps=6, validate_every=3)
    alone = train(recipe, options_for(tmp_path / "one", digits))
    script = tmp_path / "two.py"
    script.write_text(
        "import json, sys\n"
        "from pathlib import Path\n"
        "from nitido_train.training.loop import train\n"
        "from nitido_train.recipe.tables import recipe_from_dict\n"
        "from nitido_train.training.setup import RunOptions\n"
        "recipe = recipe_from_dict(json.loads(sys.argv[1]))\n"
        "options = RunOptions(out=Path(sys.argv[2]), data=(Path(sys.argv[3]),), workers=0, accelerator='cpu',\n"
        "                     progress=False, devices=2)\n"
        "train(recipe, options)\n"
    )
    plain = {key: value for key, value in asdict(recipe).items() if value is not None}
    together = tmp_path / "two"
    two_processes = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    subprocess.run(
        [*two_processes, str(script), json.dumps(plain), str(together), str(digits)],
        check=True,
        timeout=240,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    shared = load_checkpoint(together / "last.pt")
    assert (shared.step, len(shared.history)) == (alone.step, len(alone.history))
    for one, two in zip(alone.history, shared.history, strict=True):
        assert one == pytest.approx(two, rel=1e-4)
    for key, weights in alone.net.items():
        # Sums in another order, then six steps of Adam, which divides by what may be nearly nothing.
        assert torch.allclose(weights, shared.net[key], atol=1e-3)


def test_a_training_without_progress_ends_early(digits: Path, tmp_path: Path) -> None:
    recipe = tiny_latent("autoencoder", steps=40, validate_every=2, patience=3, lr=1e-9, final_lr=1e-9)
    result = train(recipe, options_for(tmp_path / "run", digits))
    scores = [row["psnr"] for row in result.history]
    assert result.step < 40
    assert len(scores) - 1 - scores.index(max(scores)) == 3
    assert load_checkpoint(tmp_path / "run" / "last.pt").step == result.step


def test_senseless_recipes_are_refused(digits: Path, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"\[latent\] reconstruction expects"):
        tiny_latent(latent={"reconstruction": "l7"})
    with pytest.raises(RecipeError, match=r"expects \[latent\] noise or masked above 0"):
        LatentObjective(tiny_latent("denoising-autoencoder", latent={"noise": 0.0}), options_for(tmp_path, digits))
    single = tmp_path / "flat"
    shutil.copytree(write_class_folders(tmp_path / "p") / "blue", single)
    with pytest.raises(RecipeError, match="a cvae expects labels"):
        LatentObjective(tiny_latent("cvae", channels=3), options_for(tmp_path, single))


def test_pictures_are_mirrored_in_training_only(digits: Path, tmp_path: Path) -> None:
    objective = LatentObjective(tiny_latent("autoencoder", latent={"mirror": True}), options_for(tmp_path, digits))
    known = {p.tobytes() for p in objective.examples.pictures(range(len(objective.examples)))}
    seen = next(objective.batches(0, 0, 1, 0)).target
    turned = [p for p in seen if p.tobytes() not in known]
    assert turned
    assert all(np.ascontiguousarray(p[:, ::-1]).tobytes() in known for p in turned)
    held_out = {p.tobytes() for p in objective.held_out.pictures(range(len(objective.held_out)))}
    assert all(p.tobytes() in held_out for batch in objective.fixed_batches(objective.held_out) for p in batch.target)


def test_damage_is_what_the_recipe_says() -> None:
    grey = np.full((64, 32, 32, 1), 128, np.uint8)
    noisy = damage(grey, LatentRecipe(noise=0.1), np.random.default_rng(0)).astype(float)
    assert noisy.std() == pytest.approx(25.5, rel=0.03)
    hidden = damage(grey, LatentRecipe(masked=0.5), np.random.default_rng(0)) != 128
    assert 0.15 < hidden.mean() < 0.35  # a quarter on average
