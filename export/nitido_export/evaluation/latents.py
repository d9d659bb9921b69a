"""Quality of an autoencoder on examples it was not trained on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from nitido_train.checkpoint import Checkpoint
from nitido_train.data.batches import fixed_batches
from nitido_train.data.examples import Examples, Shape, read_examples
from nitido_train.evaluation.latents import measure_latent_net
from nitido_train.evaluation.metrics import psnr
from nitido_train.nets.latent import LatentNet
from nitido_train.recipe.schema import LatentRecipe


def evaluate_network(checkpoint: Checkpoint, sources: Sequence[Path]) -> list[dict[str, Any]]:
    """Rows {set, condition, metric, value, baseline, pictures} of an autoencoder on each source that
    ``examples.read_examples`` takes, such as MNIST's test file. Reconstructions pass through the mean; the baseline is
    the mean picture of the set. The bound of a variational net is in nats a picture, one draw each, on pixels binarized
    as in training.

    Without sources, the figures are the last validation of the training on its held-out examples.

    Measured on the network in torch, because a bound cannot be computed from bytes. The exported files equal it to one
    8-bit level (their ``parity``).
    """
    net = checkpoint.averaged_net()
    if not isinstance(net, LatentNet):
        return _held_out(checkpoint)
    asked = checkpoint.recipe.latent
    assert asked is not None
    if not sources:
        return _held_out(checkpoint)
    rows: list[dict[str, Any]] = []
    for source in sources:
        examples = read_examples([source], Shape(net.height, net.width, net.channels))
        rows += _rows(net, asked, examples, _set_name(source), checkpoint.recipe.seed)
    return rows


def _held_out(checkpoint: Checkpoint) -> list[dict[str, Any]]:
    return held_out_rows(checkpoint.history[-1] if checkpoint.history else {}, checkpoint.facts.get("held_out"))


def held_out_rows(measured: dict[str, float], pictures: int | None) -> list[dict[str, Any]]:
    """Rows of a validation's results. pictures: the number of its examples."""
    row = {"set": "held out in training", "condition": "reconstruction", "baseline": None}
    count = {"pictures": pictures}
    named = (("accuracy", "accuracy", 4), ("psnr", "PSNR", 2), ("ssim", "SSIM", 4), ("elbo", "ELBO", 2))
    return [
        {**row, "metric": metric, "value": round(measured[key], digits), **count}
        for key, metric, digits in named
        if key in measured
    ]


def _set_name(source: Path) -> str:
    return "MNIST test" if source.name.startswith("t10k-") else source.name.split(".")[0]


def _rows(net: LatentNet, asked: LatentRecipe, examples: Examples, name: str, seed: int) -> list[dict[str, Any]]:
    plain = LatentRecipe(reconstruction=asked.reconstruction)
    device = torch.device("cpu")
    through = measure_latent_net(net, fixed_batches(examples, plain, net.latent, seed), plain, device)
    pictures = examples.pictures(np.arange(len(examples)))
    mean = np.round(pictures.mean(0)).astype(np.uint8)
    baseline = float(np.mean([psnr(mean, picture) for picture in pictures]))
    row = {"set": name, "condition": "reconstruction", "pictures": len(examples)}
    rows: list[dict[str, Any]] = [
        {**row, "metric": "PSNR", "value": round(through["psnr"], 2), "baseline": round(baseline, 2)},
        {**row, "metric": "SSIM", "value": round(through["ssim"], 4), "baseline": None},
    ]
    if "elbo" in through:
        bound = measure_latent_net(net, fixed_batches(examples, asked, net.latent, seed), asked, device)
        what = "binarized pixels" if asked.binarize else "pixels"
        rows.append({**row, "condition": what, "metric": "ELBO", "value": round(bound["elbo"], 2), "baseline": None})
    return rows
