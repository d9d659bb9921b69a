"""Fits the second stage of a decoder, a flow or a mixture, to the training data of a checkpoint."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from nitido.errors import ExportError
from nitido_export.graph.second_stage import SecondStage
from nitido_train.checkpoint import Checkpoint
from nitido_train.nets.latent_mixture import LatentMixture
from nitido_train.nets.melody import MelodyNet
from nitido_train.objectives.latent_prior import (
    FittedPrior,
    fit_latent_mixture,
    fit_latent_prior,
    fit_melody_mixture,
    fit_melody_prior,
)
from nitido_train.objectives.latents import LatentObjective
from nitido_train.objectives.melodies import MelodyObjective
from nitido_train.objectives.objective import open_objective
from nitido_train.objectives.options import RunOptions

log = logging.getLogger(__name__)


def second_stage(checkpoint: Checkpoint, data: Sequence[Path], kind: str = "flow") -> SecondStage:
    """A stage that turns standard normal numbers into latents like those of the training examples.

    kind: ``flow`` or ``mixture``.
    Raises ``SourceUnavailable``, ``RecipeError`` for a mixture of a conditional network, and ``ExportError`` for a
    checkpoint that is not an autoencoder.
    """
    objective = open_objective(checkpoint.recipe, RunOptions(out=Path(), data=tuple(data)))
    fitted: LatentMixture | FittedPrior
    log.info("fitting the distribution of the latents …")
    if isinstance(objective, MelodyObjective):
        melody_net = checkpoint.averaged_net()
        assert isinstance(melody_net, MelodyNet)  # as its objective has it
        fit = fit_melody_mixture if kind == "mixture" else fit_melody_prior
        fitted = fit(melody_net, objective)
    elif isinstance(objective, LatentObjective):
        fit = fit_latent_mixture if kind == "mixture" else fit_latent_prior
        fitted = fit(checkpoint.latent_net(), objective)
    else:
        raise ExportError(f"recipe '{checkpoint.recipe.name}' does not train an autoencoder: leave out --prior")
    if isinstance(fitted, LatentMixture):
        return fitted
    log.info("it is %.2f nats closer to held-out latents than independent normal distributions", fitted.gain)
    return fitted.flow
