"""Autoencoders of all kinds, trained on small pictures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, cast

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from nitido.errors import RecipeError
from nitido.frames import Frame
from nitido_train.charts.denoised import denoised_figure
from nitido_train.charts.figures import Figure, grid
from nitido_train.charts.latents import decoded_figures, latent_figures
from nitido_train.charts.pca import affordable, principal_components
from nitido_train.checkpoint import Checkpoint
from nitido_train.data.batches import AT_ONCE, LatentBatch, fixed_batches, latent_batch
from nitido_train.data.epochs import batch_indices
from nitido_train.data.examples import Examples, Shape, hold_out, read_examples
from nitido_train.evaluation.latents import latent_passage, measure_latent_net
from nitido_train.evaluation.metrics import spread
from nitido_train.evaluation.nats import kl_nats, reconstruction_nats
from nitido_train.nets.latent import VARIATIONAL, LatentNet
from nitido_train.nets.latent_start import set_first_weights
from nitido_train.objectives.augmentation import choose_augmentation
from nitido_train.objectives.held_out import require_others, validation_line
from nitido_train.objectives.options import RunOptions, refuse_qat
from nitido_train.objectives.warm_start import first_weights
from nitido_train.recipe.schema import Recipe
from nitido_train.tensors import from_logits, to_unit

DESCRIBED = 5000  # examples whose latents are averaged for the card
AVERAGED = 500  # examples for the mean with which the decoder starts
SHOWN = 10  # columns of the reconstruction grid


class LatentObjective:
    """An :class:`~nitido_train.objectives.objective.Objective`. The score of variational kinds is the evidence lower
    bound in nats per picture; that of the others is the PSNR of reconstructed validation examples."""

    def __init__(self, recipe: Recipe, options: RunOptions) -> None:
        """Reads the examples. Raises ``SourceUnavailable``, ``RecipeError``."""
        net, asked = recipe.net, recipe.latent
        assert asked is not None
        if net.kind == "denoising-autoencoder" and not (asked.noise or asked.masked):
            raise RecipeError("a denoising-autoencoder expects [latent] noise or masked above 0; found both 0")
        sides = [net.options.get(key, default) for key, default in (("height", 64), ("width", 64), ("channels", 0))]
        examples = read_examples(options.data, Shape(*(int(side) for side in sides)))
        shape = examples.shape
        net = replace(net, options={**net.options, "channels": shape.channels})
        unknown = sorted(set(asked.leave_out) - set(examples.names))
        if unknown:
            raise RecipeError(f"[latent] leave_out names '{unknown[0]}'; the labels are {', '.join(examples.names)}")
        left_out = [examples.names.index(name) for name in asked.leave_out]
        examples = examples.where(~np.isin(examples.labels, left_out))
        if options.val:
            self.examples, self.held_out = examples, read_examples(options.val, shape)
            require_others(self.examples.files, self.held_out.files)
        else:
            self.examples, self.held_out = hold_out(examples)
        if net.kind == "cvae":
            if len(examples.names) < 2:
                raise RecipeError("a cvae expects labels: digit files, or a folder with a folder for each class")
            net = replace(net, options={**net.options, "labels": examples.names})
        self._latent = int(net.options.get("latent", 32))
        chosen = choose_augmentation(self.examples, self._latent, recipe.seed) if asked.augment else None
        if chosen is not None:
            asked = replace(asked, mirror=chosen.mirror, crop=chosen.crop)
        self.recipe, self._asked = replace(recipe, net=net, latent=asked), asked
        self._size = min(recipe.data.batch, len(self.examples))
        self.score, self.unit = ("elbo", "nats") if net.kind in VARIATIONAL else ("psnr", "dB")
        self.summary = (
            f"{len(self.examples)} examples, {examples.skipped} left out, {len(self.held_out)} for validation"
            f"{', all grey' if 'channels' not in recipe.net.options and shape.channels == 1 else ''}"
            f"{f'; {chosen}' if chosen else ''}"
        )
        count = len(self.held_out)
        self.validation_note = validation_line(count, count, len(examples), options, "examples")

    def first_net(self, state: Checkpoint, options: RunOptions) -> nn.Module:
        """Random weights that return the mean picture, or those of ``options.start``. Raises ``RecipeError``,
        ``CheckpointError``."""
        refuse_qat(options)
        net = cast(LatentNet, first_weights(state, options))
        if not state.step and options.start is None:
            set_first_weights(net, self._mean())
        return net

    def _mean(self) -> Tensor:
        """The mean of the training pictures in each channel: C values, 0..1."""
        some = self.examples.pictures(np.linspace(0, len(self.examples) - 1, AVERAGED).astype(np.int64))
        return to_unit(some).mean((0, 2, 3))

    def batches(self, first: int, rank: int, world: int, workers: int) -> Iterator[LatentBatch]:
        """Every example once per epoch, in a different order in each epoch."""
        count, seed = len(self.examples), self.recipe.seed
        steps = range(first, self.recipe.schedule.steps)
        for step, numbers in batch_indices(count, self._size, seed, steps):
            rng = np.random.default_rng([seed, 2, step])
            mirrored = rng.random(len(numbers)) < 0.5 if self._asked.mirror else None
            asked, crop = self._asked, self._asked.crop
            yield latent_batch(self.examples, numbers, asked, self._latent, rng, mirrored, crop).share(rank, world)

    def loss(self, net: nn.Module, batch: LatentBatch, step: int, device: torch.device) -> Tensor:
        target = to_unit(batch.target).to(device)  # N C H W, 0..1
        passage = latent_passage(net, batch, device)
        nats = reconstruction_nats(passage.logits, target, self._asked.reconstruction, passage.log_var is not None)
        factor = self._asked.warmup_factor(step)
        if passage.log_var is not None:
            nats = nats + factor * self._asked.beta * kl_nats(passage.mean, passage.log_var).mean()
        loss = nats / target[0].numel()  # a scale that suits the gradient clipping and the learning rate
        if passage.real is not None and passage.fake is not None and passage.fooled is not None:
            ones, zeros = torch.ones_like(passage.real), torch.zeros_like(passage.real)
            bce = F.binary_cross_entropy_with_logits
            verdicts = bce(passage.real, ones) + bce(passage.fake, zeros)
            loss = loss + self._asked.adversary * (verdicts + factor * bce(passage.fooled, ones))
        return loss

    def validate(self, net: nn.Module, device: torch.device) -> dict[str, float]:
        return measure_latent_net(net, self.fixed_batches(self.held_out), self._asked, device)

    def fixed_batches(self, examples: Examples) -> Iterator[LatentBatch]:
        """All examples, in batches that are always the same."""
        return fixed_batches(examples, self._asked, self._latent, self.recipe.seed)

    @torch.no_grad()
    def _encode(self, net: LatentNet, examples: Examples, device: torch.device) -> NDArray[np.float32]:
        """Latent means N×d of examples."""
        found = [latent_passage(net, batch, device).mean.cpu().numpy() for batch in self.fixed_batches(examples)]
        return np.concatenate(found)

    @torch.no_grad()
    def pictures(self, net: nn.Module, device: torch.device) -> dict[str, Frame]:
        """Columns of input, restored and, if they differ from the input, clean examples; also decoded pictures of a
        grid of latents and of random latents."""
        evenly = np.linspace(0, len(self.held_out) - 1, min(SHOWN, len(self.held_out))).astype(np.int64)
        rng = np.random.default_rng(self.recipe.seed)
        batch = latent_batch(self.held_out, evenly, self._asked, self._latent, rng)
        still = replace(batch, draw=np.zeros_like(batch.draw))
        restored = from_logits(latent_passage(net, still, device).logits)
        rows = {"given": batch.given, "restored": restored}
        if not np.array_equal(batch.given, batch.target):
            rows["clean"] = batch.target
        decoded = decoded_figures(cast(LatentNet, net), self.held_out, device)
        shown = np.concatenate(list(rows.values()))
        return {"_".join(rows): grid(shown, len(evenly))} | {k: v.picture for k, v in decoded.items()}

    @torch.no_grad()
    def is_constant(self, net: nn.Module, device: torch.device) -> bool:
        """Whether all training examples are reconstructed as the same picture."""
        evenly = np.linspace(0, len(self.examples) - 1, min(SHOWN, len(self.examples))).astype(np.int64)
        rng = np.random.default_rng(self.recipe.seed)
        batch = latent_batch(self.examples, evenly, self._asked, self._latent, rng)
        restored = from_logits(latent_passage(net, replace(batch, draw=np.zeros_like(batch.draw)), device).logits)
        return bool(np.ptp(restored, axis=0).max() <= 1 < np.ptp(batch.target, axis=0).max())

    def figures(self, net: nn.Module, device: torch.device) -> dict[str, Figure]:
        """The latent space, the pictures in it, and PCA of the same size for comparison. For a denoising autoencoder
        also results for damaged pictures, compared with PCA and a median filter."""
        found = latent_figures(cast(LatentNet, net), self.examples, self.held_out, device)
        return found | ({"denoised": self._denoised(net, device)} if self._asked.noise or self._asked.masked else {})

    @torch.no_grad()
    def _denoised(self, net: nn.Module, device: torch.device) -> Figure:
        batch = next(self.fixed_batches(self.held_out))
        still = replace(batch, draw=np.zeros_like(batch.draw))
        restored = from_logits(latent_passage(net, still, device).logits)
        values = batch.target[0].size
        learn = affordable(self.examples, values)
        parts = (learn.pictures(np.arange(i, min(i + AT_ONCE, len(learn)))) for i in range(0, len(learn), AT_ONCE))
        return denoised_figure(
            batch.given, restored, batch.target, principal_components(parts, len(learn), values, self._latent)
        )

    @torch.no_grad()
    def describe(self, net: nn.Module, device: torch.device) -> dict[str, Any]:
        """Facts for the card and the certificate.

        mean, std: of the latents of training examples, by dimension.
        held_out: number of held-out examples.
        examples, example_labels: two held-out ones, uint8 2×H×W×C.
        """
        evenly = np.zeros(len(self.examples), bool)
        evenly[:: max(1, len(self.examples) // DESCRIBED)] = True
        latents = self._encode(cast(LatentNet, net), self.examples.where(evenly), device)
        two = self.held_out.pictures([0, len(self.held_out) // 2])
        return {
            **spread(latents),
            "held_out": len(self.held_out),
            "examples": torch.from_numpy(np.ascontiguousarray(two)),
            "example_labels": [int(self.held_out.labels[i]) for i in (0, len(self.held_out) // 2)],
        }
