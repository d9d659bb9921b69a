"""The recipes for small pictures learn at the first try: they begin at the mean picture and soon beat it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from nitido_train.charts.pca import ErrorMeter, unit
from nitido_train.checkpoint import Checkpoint
from nitido_train.data.examples import Bytes
from nitido_train.nets.latent import LatentNet
from nitido_train.nets.registry import build
from nitido_train.objectives.latents import LatentObjective
from nitido_train.objectives.options import RunOptions
from nitido_train.recipe.files import load_recipe
from nitido_train.tensors import to_tensor
from nitido_train.training.loop import train
from nitido_train.training.muon import Muon
from nitido_train.training.setup import effective_recipe
from support.recipes import write_digits

MARGIN = 1.5  # dB


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def options_for(tmp_path: Path) -> RunOptions:
    digits = write_digits(tmp_path / "digits", count=300)
    return RunOptions(out=tmp_path / "run", data=(digits,), workers=0, accelerator="cpu", progress=False)


@pytest.mark.parametrize("name", ["autoencoder", "denoising-autoencoder", "vae", "cvae", "aae"])
def test_a_recipe_beats_the_mean_picture_after_few_steps(name: str, tmp_path: Path) -> None:
    changes = {"steps": 150, "validate_every": 150, "warmup": 20, "ema": 0.9}
    small = {"height": 16, "width": 16, "latent": 8}
    recipe = load_recipe(
        name,
        {f"schedule.{k}": v for k, v in changes.items()}
        | {f"net.options.{k}": v for k, v in small.items()}
        | {"data.batch": 32},
    )
    options = options_for(tmp_path)
    objective = LatentObjective(recipe, options)
    net = objective.first_net(Checkpoint(objective.recipe, 0, {}, {}), options).requires_grad_(True)
    assert recipe.schedule.optimizer == "muon"
    optimizer = Muon(net.parameters(), lr=recipe.schedule.lr)
    device = torch.device("cpu")
    for step, batch in enumerate(objective.batches(0, 0, 1, 0)):
        objective.loss(net, batch, step, device).backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), recipe.schedule.clip)
        optimizer.step()
        optimizer.zero_grad()
    shown = unit(objective.held_out.pictures(np.arange(len(objective.held_out))))
    mean = unit(objective.examples.pictures(np.arange(len(objective.examples)))).mean(0)
    meter = ErrorMeter()
    meter.add(np.broadcast_to(mean, shown.shape), shown)
    assert objective.validate(net, device)["psnr"] > meter.error(0).psnr + MARGIN


def test_the_decoder_begins_near_the_mean_picture_and_distinguishes_pictures(tmp_path: Path) -> None:
    options = options_for(tmp_path)
    objective = LatentObjective(
        load_recipe("autoencoder", {"net.options.height": 32, "net.options.width": 32}), options
    )
    net = objective.first_net(Checkpoint(objective.recipe, 0, {}, {}), options)
    assert isinstance(net, LatentNet)
    pictures = objective.examples.pictures(np.arange(100))
    unprepared = build(objective.recipe.net.kind, objective.recipe.net.options)
    assert isinstance(unprepared, LatentNet)
    first, other = _logits(net, pictures), _logits(unprepared, pictures)
    assert abs(float(torch.sigmoid(first).mean()) - pictures.mean() / 255) < 0.05
    assert first.std(0).mean() > 10 * other.std(0).mean()


@torch.no_grad()
def _logits(net: LatentNet, pictures: Bytes) -> Tensor:
    given, still = to_tensor(torch.from_numpy(pictures)), torch.zeros(len(pictures), net.latent)
    return net(given, torch.zeros(len(pictures), dtype=torch.int64), still).logits


def test_sizes_that_do_not_fit_are_rounded_and_reported(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    recipe = load_recipe("aae", {"net.options.height": 28, "net.options.width": 3})
    with caplog.at_level(logging.INFO):
        fitted = effective_recipe(recipe, RunOptions(out=tmp_path, data=()))
    assert (fitted.net.options["height"], fitted.net.options["width"]) == (32, 16)
    assert caplog.messages == ["rounded height 28 to 32 and width 3 to 16: sides of the pictures are multiples of 16"]


def test_a_training_runs_at_a_rounded_size(tmp_path: Path) -> None:
    sizes = {"net.options.height": 15, "net.options.width": 17, "net.options.latent": 2}
    recipe = load_recipe("autoencoder", {**sizes, "schedule.steps": 2, "schedule.validate_every": 2})
    result = train(recipe, options_for(tmp_path))
    assert result.recipe.net.options["height"] == result.recipe.net.options["width"] == 16
