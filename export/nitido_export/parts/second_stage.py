"""Fits the second stage of a decoder, a flow or a mixture, to the training data of a checkpoint."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from nitido.errors import ExportError
from nitido_export.graph.second_stage import SecondStage
from nitido_train.checkpoint import Checkpoint
from nitido_train.objectives.latent_prior import fit_latent_mixture, fit_latent_prior
from nitido_train.objectives.latents import LatentObjective
from nitido_train.objectives.objective import open_objective
from nitido_train.objectives.options import RunOptions

log = logging.getLogger(__name__)


def second_stage(checkpoint: Checkpoint, data: Sequence[Path], kind: str = "flow") -> SecondStage:
    """A stage that turns standard normal numbers into latents like those of the training examples.

    kind: ``flow`` or ``mixture``.
    Raises ``SourceUnavailable``, ``RecipeError`` for a mixture of a conditional network, and ``ExportError`` for a
    checkpoint that is not an autoencoder of pictures.
    """
    objective = open_objective(checkpoint.recipe, RunOptions(out=Path(), data=tuple(data)))
    if not isinstance(objective, LatentObjective):
        raise ExportError(
            f"recipe '{checkpoint.recipe.name}' does not train an autoencoder of pictures: leave out --prior"
        )
    log.info("fitting the distribution of the latents …")
    if kind == "mixture":
        return fit_latent_mixture(checkpoint.latent_net(), objective)
    fitted = fit_latent_prior(checkpoint.latent_net(), objective)
    log.info("it is %.2f nats closer to held-out latents than independent normal distributions", fitted.gain)
    return fitted.flow
