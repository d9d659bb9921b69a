"""Fits the distribution for drawing samples to the latents that an encoder actually uses.

A variational autoencoder's latents fill their prior only roughly, so samples from the prior fall between them. A second
model, only of the latents, closes this gap (Dai and Wipf, "Diagnosing and Enhancing VAE Models", 2019). They use
another autoencoder. Here it is a flow, which is invertible and has a likelihood that selects the best step.
"""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from nitido.errors import RecipeError
from nitido_train.data.examples import Examples
from nitido_train.data.melodies import Melodies
from nitido_train.evaluation.latents import latent_passage
from nitido_train.evaluation.melodies import melody_passage
from nitido_train.nets.latent import LatentNet
from nitido_train.nets.latent_flow import LatentFlow
from nitido_train.nets.latent_mixture import LatentMixture, fit_mixture
from nitido_train.nets.melody import MelodyNet
from nitido_train.objectives.latents import LatentObjective
from nitido_train.objectives.melodies import MelodyObjective

MOST = 20_000  # largest number of training examples whose latents are fitted
STEPS = 2500
BATCH = 512
RATE = 2e-3
COMPONENTS = 256  # of a mixture
LOOKS = 10  # number of evaluations on held-out latents


@dataclass(frozen=True)
class FittedPrior:
    """flow: of the step with the best likelihood. gain: advantage on held-out latents, in nats, over a normal
    distribution for each dimension. step: the number of the step."""

    flow: LatentFlow
    gain: float
    step: int


@dataclass(frozen=True)
class EncodedExamples:
    """mean N×d, std N×d (0 of an encoder that is not variational), condition N×K one-hot or ``None``."""

    mean: Tensor
    std: Tensor
    condition: Tensor | None

    def draw(self, numbers: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor | None]:
        """Latents as the encoder uses them, with their condition."""
        noise = torch.randn(len(numbers), self.mean.shape[1], generator=generator)
        condition = None if self.condition is None else self.condition[numbers]
        return self.mean[numbers] + self.std[numbers] * noise, condition


def fit_latent_mixture(net: LatentNet, objective: LatentObjective, components: int = COMPONENTS) -> LatentMixture:
    """Fits a mixture to the latents of the objective's training examples. It is for few examples of many kinds, which a
    flow fits only roughly. Raises ``RecipeError`` for a conditional network."""
    if net.kind == "cvae":
        raise RecipeError("a mixture does not support classes: a cvae expects a flow as its second stage")
    return fit_mixture(encode_examples(net, objective, objective.examples).mean.numpy(), components)


def fit_latent_prior(net: LatentNet, objective: LatentObjective, steps: int = STEPS) -> FittedPrior:
    """Fits a flow to the latents of the objective's training examples. net: in eval mode."""
    every = math.ceil(len(objective.examples) / MOST)
    chosen = np.arange(len(objective.examples)) % every == 0
    train = encode_examples(net, objective, objective.examples.where(chosen))
    return fit_flow(train, encode_examples(net, objective, objective.held_out), steps)


def fit_melody_mixture(net: MelodyNet, objective: MelodyObjective, components: int = COMPONENTS) -> LatentMixture:
    """:func:`fit_latent_mixture` of a network of melodies."""
    return fit_mixture(encode_phrases(net, objective, objective.melodies).mean.numpy(), components)


def fit_melody_prior(net: MelodyNet, objective: MelodyObjective, steps: int = STEPS) -> FittedPrior:
    """:func:`fit_latent_prior` of a network of melodies."""
    train, held_out = (encode_phrases(net, objective, found) for found in (objective.melodies, objective.held_out))
    return fit_flow(train, held_out, steps)


def fit_flow(train: EncodedExamples, held_out: EncodedExamples, steps: int = STEPS) -> FittedPrior:
    """The flow of the step at which held-out latents are most likely."""
    generator = torch.Generator().manual_seed(0)
    some, _ = train.draw(torch.arange(len(train.mean)), generator)
    size, classes = train.mean.shape[1], 0 if train.condition is None else train.condition.shape[1]
    flow = LatentFlow(size, classes, hidden=max(48, size))
    flow.mean.copy_(some.mean(0))
    flow.std.copy_(some.std(0).clamp_min(1e-3))
    asked, condition = held_out.draw(torch.arange(len(held_out.mean)), generator)
    first = _nats(flow, asked, condition).item()
    best, kept, step_of_best = first, copy.deepcopy(flow), 0
    optimizer = torch.optim.Adam(flow.parameters(), RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for step in range(1, steps + 1):
        numbers = torch.randint(len(train.mean), (BATCH,), generator=generator)
        loss = _nats(flow, *train.draw(numbers, generator))
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(flow.parameters(), 5.0)
        optimizer.step()
        schedule.step()
        if step % max(1, steps // LOOKS) == 0:
            with torch.no_grad():
                found = _nats(flow, asked, condition).item()
            if found < best:
                best, kept, step_of_best = found, copy.deepcopy(flow), step
    return FittedPrior(kept.eval().requires_grad_(False), first - best, step_of_best)


@torch.no_grad()
def encode_examples(net: LatentNet, objective: LatentObjective, examples: Examples) -> EncodedExamples:
    """Means and standard deviations of the encoder's latents for examples."""
    means: list[Tensor] = []
    deviations: list[Tensor] = []
    for batch in objective.fixed_batches(examples):
        passage = latent_passage(net, batch, torch.device("cpu"))
        means.append(passage.mean)
        spread = torch.zeros_like(passage.mean) if passage.log_var is None else torch.exp(0.5 * passage.log_var)
        deviations.append(spread)
    condition = net.condition(torch.from_numpy(examples.labels))
    return EncodedExamples(torch.cat(means), torch.cat(deviations), condition)


@torch.no_grad()
def encode_phrases(net: MelodyNet, objective: MelodyObjective, melodies: Melodies) -> EncodedExamples:
    """:func:`encode_examples` of phrases. net: in eval mode."""
    passages = [melody_passage(net, b, torch.device("cpu")) for b in objective.fixed_batches(melodies.notes)]
    deviations = [torch.exp(0.5 * passage.log_var) for passage in passages]
    return EncodedExamples(torch.cat([passage.mean for passage in passages]), torch.cat(deviations), None)


def _nats(flow: LatentFlow, latents: Tensor, condition: Tensor | None) -> Tensor:
    """Mean negative log-likelihood."""
    normal, logarithm = flow.inverse(latents, condition)
    return (0.5 * (normal**2).sum(1) - logarithm).mean() + 0.5 * flow.size * math.log(2 * math.pi)
