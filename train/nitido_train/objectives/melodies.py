"""Training a variational autoencoder of melodies."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple, cast

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from nitido.errors import RecipeError
from nitido.frames import Frame
from nitido.latent.melody import FIRST, HOLD, piano_roll
from nitido_train.charts.figures import Figure
from nitido_train.checkpoint import Checkpoint
from nitido_train.data.epochs import batch_indices
from nitido_train.data.melodies import hold_out, read_melodies
from nitido_train.data.scores import BEAT
from nitido_train.evaluation.metrics import spread
from nitido_train.nets.melody import MelodyNet, Passage
from nitido_train.nets.registry import build
from nitido_train.objectives.losses import kl_nats
from nitido_train.recipe import LatentRecipe, Recipe
from nitido_train.training.setup import RunOptions, first_weights, refuse_qat

RECOMBINED = 0.5  # share of the phrases whose second half is that of another phrase of the same tune
SETTLED = 2048  # phrases that the statistics of the averaged network are taken from
SHOWN = 6  # phrases on a sheet, and samples
WAY = 8  # phrases of an interpolation
COLUMNS = 2
AT_ONCE = 512  # phrases that pass through the network together outside training


class Batch(NamedTuple):
    """notes: uint8 N×T. draw: N×d from a standard normal distribution; zeros take the mean."""

    notes: NDArray[np.uint8]
    draw: NDArray[np.float32]


class MelodyJob:
    """See :class:`nitido_train.objectives.objective.Job`. Scored by the share of a held-out phrase's codes
    that come back right through the mean of its latent; held out are whole tunes."""

    score, unit = "accuracy", "of 1"

    def __init__(self, recipe: Recipe, options: RunOptions) -> None:
        """Reads the tunes. Raises ``SourceUnavailable``, ``RecipeError``."""
        asked = recipe.latent
        assert asked is not None
        plain = LatentRecipe(beta=asked.beta, beta_warmup=asked.beta_warmup)
        if asked != plain:
            raise RecipeError("[latent] of a melody-vae expects beta and beta_warmup; leave out what else is in it")
        try:
            net = cast(MelodyNet, build(recipe.net.kind, recipe.net.options))
        except TypeError as error:
            raise RecipeError(f"[net.options] {recipe.net.options} make no melody-vae: {error}") from error
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
        self.summary = (
            f"{len(self.melodies)} phrases of {self.melodies.used} tunes, {len(self.held_out)} of "
            f"{self.held_out.used} others for validation; tunes left out: {reasons}"
        )

    def first_net(self, state: Checkpoint, options: RunOptions) -> nn.Module:
        """Drawn, or with the weights of ``options.start``. Raises ``RecipeError``, ``CheckpointError``."""
        refuse_qat(options)
        return first_weights(state, options)

    def batches(self, first: int, rank: int, world: int, workers: int) -> Iterator[Batch]:
        """Every phrase once an epoch, in an order of the epoch's own; to half of them falls the second half of another
        phrase of their tune, as tunes share theirs anyway."""
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
            yield Batch(notes[own], draw[own])

    def loss(self, net: nn.Module, batch: Batch, step: int, device: torch.device) -> Tensor:
        passage = run(net, batch, device)
        target = torch.from_numpy(batch.notes).to(device).long()  # N T
        warm = self._asked.warmth(step)
        kl = kl_nats(passage.mean, passage.log_var).mean()
        nats = wrong_nats(passage, target).mean() + warm * self._asked.beta * kl
        return nats / target.shape[1]  # a scale that the gradient clipping and the learning rate know

    @torch.no_grad()
    def validate(self, net: nn.Module, device: torch.device) -> dict[str, float]:
        """Takes the statistics of the averaged network's batch normalization first: averaged weights have others than
        those that were averaged (Izmailov et al., Averaging Weights Leads to Wider Optima, 2018)."""
        numbers = np.linspace(0, len(self.melodies) - 1, min(SETTLED, len(self.melodies))).astype(np.int64)
        settle(net, list(self._passes(self.melodies.notes[numbers])), device)
        return measure(net, self._passes(self.held_out.notes), device)

    @torch.no_grad()
    def pictures(self, net: nn.Module, device: torch.device) -> dict[str, Frame]:
        """Piano rolls: held-out phrases beside what comes back, what random latents decode to, and the way from one
        phrase to another."""
        melody = cast(MelodyNet, net)
        numbers = np.linspace(0, len(self.held_out) - 1, SHOWN).astype(np.int64)
        given = self.held_out.notes[numbers]
        latents = self._encode(net, given, device)
        draw = np.random.default_rng(self.recipe.seed).standard_normal((SHOWN, self._latent)).astype(np.float32)
        way = np.linspace(latents[0], latents[-1], WAY, dtype=np.float32)
        restored, samples, between = (decode(melody, z, device) for z in (latents, draw, way))
        pairs = np.stack([given, restored], axis=1).reshape(-1, given.shape[1])
        rows = {"given_restored": pairs, "samples": samples, "interpolation": between}
        return {name: sheet(notes, melody) for name, notes in rows.items()}

    def figures(self, net: nn.Module, device: torch.device) -> dict[str, Figure]:
        """None: the piano rolls say it all."""
        return {}

    @torch.no_grad()
    def describe(self, net: nn.Module, device: torch.device) -> dict[str, Any]:
        """``mean`` and ``std``: of the latents of training phrases, by dimension. ``examples``: two held-out ones uint8
        2×T, for the certificate. ``held_out``: how many there are; ``baseline``: what accuracy they would have if every
        note were to go on for ever."""
        latents = self._encode(net, self.melodies.notes, device)
        return {
            **spread(latents),
            "examples": torch.from_numpy(self.held_out.notes[[0, len(self.held_out) // 2]]),
            "held_out": len(self.held_out),
            "baseline": round(float((self.held_out.notes == HOLD).mean()), 4),
        }

    def _passes(self, notes: NDArray[np.uint8]) -> Iterator[Batch]:
        """All of the rows, in batches that are the same every time."""
        rng = np.random.default_rng([self.recipe.seed, 3])
        for start in range(0, len(notes), AT_ONCE):
            part = notes[start : start + AT_ONCE]
            yield Batch(part, rng.standard_normal((len(part), self._latent), np.float32))

    def _encode(self, net: nn.Module, notes: NDArray[np.uint8], device: torch.device) -> NDArray[np.float32]:
        """Latent means N×d."""
        return np.concatenate([run(net, batch, device).mean.cpu().numpy() for batch in self._passes(notes)])


def run(net: nn.Module, batch: Batch, device: torch.device) -> Passage:
    return net(torch.from_numpy(batch.notes).to(device), torch.from_numpy(batch.draw).to(device))


@torch.no_grad()
def decode(net: MelodyNet, z: NDArray[np.float32], device: torch.device) -> NDArray[np.uint8]:
    """Latents N×d as note codes uint8 N×T: the likeliest code of each step."""
    logits = net.decoder(torch.from_numpy(z).to(device))  # N K T 1
    return logits.argmax(1)[..., 0].to(torch.uint8).cpu().numpy()


@torch.no_grad()
def settle(net: nn.Module, batches: list[Batch], device: torch.device) -> None:
    """Means and variances of the batch normalization layers anew, each layer over all the batches."""
    norms = [module for module in net.modules() if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d))]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the plain mean of what the batches say
        norm.train()
    for batch in batches:
        run(net, batch, device)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
        norm.eval()


@torch.no_grad()
def measure(net: nn.Module, batches: Iterator[Batch], device: torch.device) -> dict[str, float]:
    """Means over all phrases. accuracy: share of the codes that come back through the mean of the latent; notes: the
    same of the codes where a note begins, which are the harder ones; elbo, reconstruction, kl: the evidence lower bound
    and its two parts in nats a phrase, with one draw each."""
    sums: dict[str, float] = {}
    count = codes = begun = 0
    for batch in batches:
        target = torch.from_numpy(batch.notes).to(device).long()
        passage = run(net, batch, device)
        nats, kl = wrong_nats(passage, target), kl_nats(passage.mean, passage.log_var)
        still = run(net, batch._replace(draw=np.zeros_like(batch.draw)), device)
        right = still.logits.argmax(1)[..., 0] == target  # N T
        found = {"accuracy": right, "notes": right & (target >= FIRST), "elbo": -nats - kl, "reconstruction": nats}
        for name, values in {**found, "kl": kl}.items():
            sums[name] = sums.get(name, 0.0) + float(values.sum())
        count, codes, begun = count + len(target), codes + target.numel(), begun + int((target >= FIRST).sum())
    each = {"accuracy": codes, "notes": begun}
    return {name: total / max(1, each.get(name, count)) for name, total in sums.items()}


def wrong_nats(passage: Passage, target: Tensor) -> Tensor:
    """Negative log-likelihood of codes N×T: N values in nats."""
    return F.cross_entropy(passage.logits[..., 0], target, reduction="none").sum(1)


def sheet(notes: NDArray[np.uint8], net: MelodyNet) -> Frame:
    """Rows of codes N×T as piano rolls, two beside each other, on grey."""
    rolls = [piano_roll(row, BEAT, net.grid.lowest, net.grid.pitches) for row in notes]
    framed = [np.pad(roll, ((0, 6), (0, 6), (0, 0)), constant_values=96) for roll in rolls]
    framed += [np.full_like(framed[0], 96)] * (-len(framed) % COLUMNS)
    return np.vstack([np.hstack(framed[i : i + COLUMNS]) for i in range(0, len(framed), COLUMNS)])
