"""Training autoencoders of all kinds on small pictures."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn
from torchmetrics.functional.image import peak_signal_noise_ratio, structural_similarity_index_measure

from nitido.errors import RecipeError
from nitido.frames import Frame
from nitido_train.charts.figures import Figure, grid
from nitido_train.charts.latents import decoded_figures, latent_figures
from nitido_train.checkpoint import Checkpoint
from nitido_train.data.epochs import batch_indices
from nitido_train.data.examples import Bytes, Examples, Shape, hold_out, read_examples
from nitido_train.evaluation.metrics import spread
from nitido_train.nets.latent import VARIATIONAL, LatentNet, Passage
from nitido_train.objectives.losses import kl_nats
from nitido_train.recipe import LatentRecipe, Recipe
from nitido_train.tensors import from_logits, to_tensor, to_unit
from nitido_train.training.setup import RunOptions, first_weights, refuse_qat

DESCRIBED = 5000  # examples whose latents are averaged for the card
SHOWN = 10  # columns of the reconstruction grid
AT_ONCE = 500  # examples that pass through the network together outside training


@dataclass(frozen=True)
class Batch:
    """given, target: uint8 N×H×W×C, the latter with pixels of 0 and 255 only where the recipe binarizes. label: N.
    draw: N×d from a standard normal distribution."""

    given: Bytes
    target: Bytes
    label: NDArray[np.int64]
    draw: NDArray[np.float32]

    def share(self, rank: int, world: int) -> Batch:
        own = slice(rank * (len(self.given) // world), (rank + 1) * (len(self.given) // world))
        return Batch(self.given[own], self.target[own], self.label[own], self.draw[own])


class LatentJob:
    """See :class:`nitido_train.objectives.objective.Job`. Variational kinds are scored by the evidence lower bound
    in nats a picture, the others by the PSNR of what they make of the validation examples."""

    def __init__(self, recipe: Recipe, options: RunOptions) -> None:
        """Reads the examples. Raises ``SourceUnavailable``, ``RecipeError``."""
        net, asked = recipe.net, recipe.latent
        assert asked is not None
        if net.kind == "denoising-autoencoder" and not (asked.noise or asked.masked):
            raise RecipeError("a denoising-autoencoder expects [latent] noise or masked above 0; found both 0")
        sides = [net.options.get(key, default) for key, default in (("height", 64), ("width", 64), ("channels", 3))]
        shape = Shape(*(int(side) for side in sides))
        examples = read_examples(options.data, shape)
        unknown = sorted(set(asked.leave_out) - set(examples.names))
        if unknown:
            raise RecipeError(f"[latent] leave_out names '{unknown[0]}'; the labels are {', '.join(examples.names)}")
        left_out = [examples.names.index(name) for name in asked.leave_out]
        examples = examples.where(~np.isin(examples.labels, left_out))
        if options.val:
            self.examples, self.held_out = examples, read_examples(options.val, shape)
        else:
            self.examples, self.held_out = hold_out(examples)
        if net.kind == "cvae":
            if len(examples.names) < 2:
                raise RecipeError("a cvae expects labels: digit files, or a folder with a folder for each class")
            recipe = replace(recipe, net=replace(net, options={**net.options, "labels": examples.names}))
        self.recipe, self._asked = recipe, asked
        self._latent = int(net.options.get("latent", 32))
        self._size = min(recipe.data.batch, len(self.examples))
        self.score, self.unit = ("elbo", "nats") if net.kind in VARIATIONAL else ("psnr", "dB")
        self.summary = (
            f"{len(self.examples)} examples, {examples.skipped} left out, {len(self.held_out)} for validation"
        )

    def first_net(self, state: Checkpoint, options: RunOptions) -> nn.Module:
        """Drawn, or with the weights of ``options.start``. Raises ``RecipeError``, ``CheckpointError``."""
        refuse_qat(options)
        return first_weights(state, options)

    def batches(self, first: int, rank: int, world: int, workers: int) -> Iterator[Batch]:
        """Every example once an epoch, in an order of the epoch's own."""
        count, seed = len(self.examples), self.recipe.seed
        steps = range(first, self.recipe.schedule.steps)
        for step, numbers in batch_indices(count, self._size, seed, steps):
            rng = np.random.default_rng([seed, 2, step])
            mirrored = rng.random(len(numbers)) < 0.5 if self._asked.mirror else None
            yield make_batch(self.examples, numbers, self._asked, self._latent, rng, mirrored).share(rank, world)

    def loss(self, net: nn.Module, batch: Batch, step: int, device: torch.device) -> Tensor:
        target = to_unit(batch.target).to(device)  # N C H W, 0..1
        passage = run(net, batch, device)
        nats = reconstruction_nats(passage.logits, target, self._asked.reconstruction, passage.log_var is not None)
        warm = self._asked.warmth(step)
        if passage.log_var is not None:
            nats = nats + warm * self._asked.beta * kl_nats(passage.mean, passage.log_var).mean()
        loss = nats / target[0].numel()  # a scale that the gradient clipping and the learning rate know
        if passage.real is not None and passage.fake is not None and passage.fooled is not None:
            ones, zeros = torch.ones_like(passage.real), torch.zeros_like(passage.real)
            bce = F.binary_cross_entropy_with_logits
            verdicts = bce(passage.real, ones) + bce(passage.fake, zeros)
            loss = loss + self._asked.adversary * (verdicts + warm * bce(passage.fooled, ones))
        return loss

    def validate(self, net: nn.Module, device: torch.device) -> dict[str, float]:
        return measure(net, self.passes(self.held_out), self._asked, device)

    def passes(self, examples: Examples) -> Iterator[Batch]:
        """All of the examples, in batches that are the same every time."""
        return passes(examples, self._asked, self._latent, self.recipe.seed)

    @torch.no_grad()
    def encode(self, net: LatentNet, examples: Examples, device: torch.device) -> NDArray[np.float32]:
        """Latent means N×d of examples."""
        found = [run(net, batch, device).mean.cpu().numpy() for batch in self.passes(examples)]
        return np.concatenate(found)

    @torch.no_grad()
    def pictures(self, net: nn.Module, device: torch.device) -> dict[str, Frame]:
        """Columns of given, restored and, where that is not the given one, clean examples; what the decoder makes of
        latents all over the space, and of random ones."""
        evenly = np.linspace(0, len(self.held_out) - 1, min(SHOWN, len(self.held_out))).astype(np.int64)
        rng = np.random.default_rng(self.recipe.seed)
        batch = make_batch(self.held_out, evenly, self._asked, self._latent, rng)
        still = replace(batch, draw=np.zeros_like(batch.draw))
        restored = from_logits(run(net, still, device).logits)
        rows = {"given": batch.given, "restored": restored}
        if not np.array_equal(batch.given, batch.target):
            rows["clean"] = batch.target
        decoded = decoded_figures(cast(LatentNet, net), self.held_out, device)
        shown = np.concatenate(list(rows.values()))
        return {"_".join(rows): grid(shown, len(evenly))} | {k: v.picture for k, v in decoded.items()}

    def figures(self, net: nn.Module, device: torch.device) -> dict[str, Figure]:
        """The space, the pictures in it, and PCA of the same size for comparison."""
        return latent_figures(cast(LatentNet, net), self.examples, self.held_out, device)

    @torch.no_grad()
    def describe(self, net: nn.Module, device: torch.device) -> dict[str, Any]:
        """``mean`` and ``std``: of the latents of training examples, by dimension. ``examples``: two held-out ones
        uint8 2×H×W×C, and ``example_labels``, for the certificate."""
        evenly = np.zeros(len(self.examples), bool)
        evenly[:: max(1, len(self.examples) // DESCRIBED)] = True
        latents = self.encode(cast(LatentNet, net), self.examples.where(evenly), device)
        two = self.held_out.pictures([0, len(self.held_out) // 2])
        return {
            **spread(latents),
            "held_out": len(self.held_out),
            "examples": torch.from_numpy(np.ascontiguousarray(two)),
            "example_labels": [int(self.held_out.labels[i]) for i in (0, len(self.held_out) // 2)],
        }


def make_batch(
    examples: Examples,
    numbers: NDArray[np.int64],
    asked: LatentRecipe,
    latent: int,
    rng: np.random.Generator,
    mirrored: NDArray[np.bool_] | None = None,
) -> Batch:
    """The numbered examples as the recipe gives them to a network with ``latent`` dimensions. mirrored: which of them
    left to right."""
    target = examples.pictures(numbers)
    if mirrored is not None:
        target = np.where(mirrored[:, None, None, None], target[:, :, ::-1], target)
    if asked.binarize:
        target = (255 * (rng.random(target.shape) * 255 < target)).astype(np.uint8)
    draw = rng.standard_normal((len(numbers), latent), np.float32)
    return Batch(damage(target, asked, rng), target, examples.labels[numbers], draw)


def passes(examples: Examples, asked: LatentRecipe, latent: int, seed: int) -> Iterator[Batch]:
    """All examples in their order, a batch at a time."""
    for start in range(0, len(examples), AT_ONCE):
        numbers = np.arange(start, min(len(examples), start + AT_ONCE))
        yield make_batch(examples, numbers, asked, latent, np.random.default_rng([seed, 3, start]))


def run(net: nn.Module, batch: Batch, device: torch.device) -> Passage:
    given = to_tensor(torch.from_numpy(batch.given)).to(device)
    return net(given, torch.from_numpy(batch.label).to(device), torch.from_numpy(batch.draw).to(device))


@torch.no_grad()
def measure(net: nn.Module, batches: Iterable[Batch], asked: LatentRecipe, device: torch.device) -> dict[str, float]:
    """Means over all examples. psnr (dB) and ssim: of reconstructions from the mean; for variational kinds also the
    evidence lower bound ``elbo`` and its parts ``reconstruction`` and ``kl``, in nats a picture, with one draw each."""
    sums: dict[str, float] = {}
    count = 0
    for batch in batches:
        target = to_unit(batch.target).to(device)
        passage = run(net, batch, device)
        found: dict[str, Tensor] = {}
        if passage.log_var is not None:
            nats = reconstruction_nats(passage.logits, target, asked.reconstruction, True)
            kl = kl_nats(passage.mean, passage.log_var).mean()
            found = {"elbo": -nats - kl, "reconstruction": nats, "kl": kl}
            passage = run(net, replace(batch, draw=np.zeros_like(batch.draw)), device)
        restored = torch.sigmoid(passage.logits)
        each = peak_signal_noise_ratio(restored, target, 1.0, reduction="none", dim=(1, 2, 3))
        found["psnr"] = each.clamp(max=100).mean()  # a perfect picture would make the mean infinite
        found["ssim"] = cast(Tensor, structural_similarity_index_measure(restored, target, data_range=1.0))
        for name, value in found.items():
            sums[name] = sums.get(name, 0.0) + float(value) * len(target)
        count += len(target)
    return {name: value / count for name, value in sums.items()}


def damage(pictures: Bytes, asked: LatentRecipe, rng: np.random.Generator) -> Bytes:
    """N×H×W×C bytes as a denoising autoencoder is given them: with Gaussian noise and a rectangle of noise."""
    if not (asked.noise or asked.masked):
        return pictures
    noisy = pictures + rng.normal(0, 255 * asked.noise, pictures.shape)
    damaged = np.clip(np.round(noisy), 0, 255).astype(np.uint8)
    height, width = pictures.shape[1:3]
    for picture in damaged if asked.masked else ():
        share = math.sqrt(rng.uniform(0, asked.masked))
        h, w = round(share * height), round(share * width)
        top, left = int(rng.integers(height - h + 1)), int(rng.integers(width - w + 1))
        picture[top : top + h, left : left + w] = rng.integers(0, 256, (h, w, picture.shape[2]))
    return damaged


def reconstruction_nats(logits: Tensor, target: Tensor, kind: str, likelihood: bool) -> Tensor:
    """Mean negative log-likelihood of N×C×H×W targets (0..1) in nats a picture.

    ``bce``: each value is the chance of a coin. ``mse``: Gaussian pixels; with ``likelihood`` of the variance that
    suits the batch best (Rybkin, Daniilidis, Levine, "Simple and Effective VAE Training with Calibrated Decoders",
    2021), which balances it against the KL divergence without a weight to tune; else the sum of squared errors.
    """
    values = target[0].numel()
    if kind == "bce":
        return F.binary_cross_entropy_with_logits(logits, target, reduction="sum") / len(target)
    error = F.mse_loss(torch.sigmoid(logits), target)
    if not likelihood:
        return values * error
    return 0.5 * values * (torch.log(2 * math.pi * error.clamp_min(1e-8)) + 1)
