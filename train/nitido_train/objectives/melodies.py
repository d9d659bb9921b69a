"""A variational autoencoder, trained on melodies."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from nitido.errors import RecipeError
from nitido.frames import Frame
from nitido.latent.melody import HOLD, piano_roll
from nitido_train.charts.figures import Figure
from nitido_train.checkpoint import Checkpoint
from nitido_train.data.batches import MelodyBatch
from nitido_train.data.epochs import batch_indices
from nitido_train.data.melodies import hold_out, read_melodies
from nitido_train.data.scores import BEAT
from nitido_train.evaluation.melodies import measure_melody_net, melody_passage
from nitido_train.evaluation.metrics import spread
from nitido_train.evaluation.nats import kl_nats, note_nats
from nitido_train.nets.melody import MelodyNet
from nitido_train.nets.registry import build
from nitido_train.objectives.held_out import validation_line
from nitido_train.objectives.options import RunOptions, refuse_qat
from nitido_train.objectives.warm_start import first_weights
from nitido_train.recipe.schema import LatentRecipe, Recipe

RECOMBINED = 0.5  # share of the phrases that get the second half of another phrase of the same tune
SETTLED = 2048  # phrases for the statistics of the averaged network
SHOWN = 6  # phrases on a sheet, and samples
WAY = 8  # phrases of an interpolation
COLUMNS = 2
AT_ONCE = 512  # phrases that pass through the network together outside training


class MelodyObjective:
    """An :class:`~nitido_train.objectives.objective.Objective`. The score is the share of codes in held-out phrases
    that are reconstructed correctly from the mean of the latent. Whole tunes are held out."""

    score, unit = "accuracy", "of 1"

    def __init__(self, recipe: Recipe, options: RunOptions) -> None:
        """Reads the tunes. Raises ``SourceUnavailable``, ``RecipeError``."""
        asked = recipe.latent
        assert asked is not None
        # Checkpoints hold the default of their time for ``adversary``, which no melody model uses.
        plain = LatentRecipe(beta=asked.beta, beta_warmup=asked.beta_warmup, adversary=asked.adversary)
        if asked != plain:
            raise RecipeError("[latent] of a melody-vae expects only beta and beta_warmup; leave out the other keys")
        net = cast(MelodyNet, build(recipe.net.kind, recipe.net.options))
        if recipe.data.batch < 2:
            raise RecipeError("[data] batch of a melody-vae expects at least 2, for its normalization; found 1")
        found = read_melodies(options.data, net.grid)
        if options.val:
            self.melodies, self.held_out = found, read_melodies(options.val, net.grid)
        else:
            self.melodies, self.held_out = hold_out(found)
        if not len(self.melodies):
            raise RecipeError("found a single tune; a training needs at least two")
        self.recipe, self._asked, self._latent = recipe, asked, net.latent
        self._size = min(recipe.data.batch, len(self.melodies))
        reasons = ", ".join(f"{count} {reason}" for reason, count in found.left_out.items()) or "none"
        count = len(self.held_out)
        self.validation_note = validation_line(count, count, len(self.melodies) + count, options, "phrases")
        self.summary = (
            f"{len(self.melodies)} phrases of {self.melodies.used} tunes, {len(self.held_out)} of "
            f"{self.held_out.used} others for validation; tunes left out: {reasons}"
        )

    def first_net(self, state: Checkpoint, options: RunOptions) -> nn.Module:
        """Random weights, or those of ``options.start``. Raises ``RecipeError``, ``CheckpointError``."""
        refuse_qat(options)
        return first_weights(state, options)

    def batches(self, first: int, rank: int, world: int, workers: int) -> Iterator[MelodyBatch]:
        """Every phrase once per epoch, in a different order in each epoch. Half of them get the second half of another
        phrase of their tune, because phrases of a tune often share their endings."""
        count, seed = len(self.melodies), self.recipe.seed
        tunes = self.melodies.tunes
        begin, end = np.searchsorted(tunes, tunes, "left"), np.searchsorted(tunes, tunes, "right")
        steps = range(first, self.recipe.schedule.steps)
        for step, numbers in batch_indices(count, self._size, seed, steps):
            rng = np.random.default_rng([seed, 2, step])
            others = np.where(
                rng.random(len(numbers)) < RECOMBINED, rng.integers(begin[numbers], end[numbers]), numbers
            )
            notes = self.melodies.notes[numbers]  # a copy
            half = notes.shape[1] // 2
            notes[:, half:] = self.melodies.notes[others, half:]
            draw = rng.standard_normal((len(numbers), self._latent), np.float32)
            share = len(numbers) // world
            own = slice(rank * share, (rank + 1) * share)
            yield MelodyBatch(notes[own], draw[own])

    def loss(self, net: nn.Module, batch: MelodyBatch, step: int, device: torch.device) -> Tensor:
        passage = melody_passage(net, batch, device)
        target = torch.from_numpy(batch.notes).to(device).long()  # N T
        factor = self._asked.warmup_factor(step)
        kl = kl_nats(passage.mean, passage.log_var).mean()
        nats = note_nats(passage, target).mean() + factor * self._asked.beta * kl
        return nats / target.shape[1]  # a scale that the gradient clipping and the learning rate know

    @torch.no_grad()
    def validate(self, net: nn.Module, device: torch.device) -> dict[str, float]:
        """Computes the statistics of the averaged network's batch normalization first: they differ from those of the
        networks that were averaged (Izmailov et al., Averaging Weights Leads to Wider Optima, 2018)."""
        numbers = np.linspace(0, len(self.melodies) - 1, min(SETTLED, len(self.melodies))).astype(np.int64)
        settle(net, list(self.fixed_batches(self.melodies.notes[numbers])), device)
        return measure_melody_net(net, self.fixed_batches(self.held_out.notes), device)

    @torch.no_grad()
    def pictures(self, net: nn.Module, device: torch.device) -> dict[str, Frame]:
        """Piano rolls: held-out phrases next to their reconstructions, decoded random latents, and the interpolation
        between two phrases."""
        melody = cast(MelodyNet, net)
        numbers = np.linspace(0, len(self.held_out) - 1, SHOWN).astype(np.int64)
        given = self.held_out.notes[numbers]
        latents = self._encode(net, given, device)
        draw = np.random.default_rng(self.recipe.seed).standard_normal((SHOWN, self._latent)).astype(np.float32)
        way = np.linspace(latents[0], latents[-1], WAY, dtype=np.float32)
        restored, samples, between = (decode_melodies(melody, z, device) for z in (latents, draw, way))
        pairs = np.stack([given, restored], axis=1).reshape(-1, given.shape[1])
        rows = {"given_restored": pairs, "samples": samples, "interpolation": between}
        return {name: piano_rolls(notes, melody) for name, notes in rows.items()}

    @torch.no_grad()
    def is_constant(self, net: nn.Module, device: torch.device) -> bool:
        """Whether all held-out phrases are reconstructed as the same phrase."""
        given = self.held_out.notes[:AT_ONCE]
        restored = decode_melodies(cast(MelodyNet, net), self._encode(net, given, device), device)
        return len(np.unique(restored, axis=0)) == 1 < len(np.unique(given, axis=0))

    def figures(self, net: nn.Module, device: torch.device) -> dict[str, Figure]:
        """Empty, because the piano rolls show everything."""
        return {}

    @torch.no_grad()
    def describe(self, net: nn.Module, device: torch.device) -> dict[str, Any]:
        """Facts for the card and the certificate.

        mean, std: of the latents of training phrases, by dimension.
        examples: two held-out phrases, uint8 2×T.
        held_out: number of held-out phrases.
        baseline: accuracy of a model that only continues the current note.
        """
        latents = self._encode(net, self.melodies.notes, device)
        return {
            **spread(latents),
            "examples": torch.from_numpy(self.held_out.notes[[0, len(self.held_out) // 2]]),
            "held_out": len(self.held_out),
            "baseline": round(float((self.held_out.notes == HOLD).mean()), 4),
        }

    def fixed_batches(self, notes: NDArray[np.uint8]) -> Iterator[MelodyBatch]:
        """All rows, in batches that are always the same."""
        rng = np.random.default_rng([self.recipe.seed, 3])
        for start in range(0, len(notes), AT_ONCE):
            part = notes[start : start + AT_ONCE]
            yield MelodyBatch(part, rng.standard_normal((len(part), self._latent), np.float32))

    def _encode(self, net: nn.Module, notes: NDArray[np.uint8], device: torch.device) -> NDArray[np.float32]:
        """Latent means N×d."""
        return np.concatenate(
            [melody_passage(net, batch, device).mean.cpu().numpy() for batch in self.fixed_batches(notes)]
        )


@torch.no_grad()
def decode_melodies(net: MelodyNet, z: NDArray[np.float32], device: torch.device) -> NDArray[np.uint8]:
    """Latents N×d as note codes uint8 N×T: the most likely code of each step."""
    logits = net.decoder(torch.from_numpy(z).to(device))  # N K T 1
    return logits.argmax(1)[..., 0].to(torch.uint8).cpu().numpy()


@torch.no_grad()
def settle(net: nn.Module, batches: list[MelodyBatch], device: torch.device) -> None:
    """Recomputes the means and variances of the batch normalization layers, each layer over all the batches."""
    norms = [module for module in net.modules() if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d))]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the plain mean over the batches
        norm.train()
    for batch in batches:
        melody_passage(net, batch, device)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
        norm.eval()


def piano_rolls(notes: NDArray[np.uint8], net: MelodyNet) -> Frame:
    """Rows of codes N×T as piano rolls on grey, two side by side."""
    rolls = [piano_roll(row, BEAT, net.grid.lowest, net.grid.pitches) for row in notes]
    framed = [np.pad(roll, ((0, 6), (0, 6), (0, 0)), constant_values=96) for roll in rolls]
    framed += [np.full_like(framed[0], 96)] * (-len(framed) % COLUMNS)
    return np.vstack([np.hstack(framed[i : i + COLUMNS]) for i in range(0, len(framed), COLUMNS)])
