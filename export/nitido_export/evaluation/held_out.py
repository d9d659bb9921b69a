"""Quality of an autoencoder on the examples that its training held out, measured again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from nitido.errors import RecipeError
from nitido_export.evaluation.latents import held_out_rows
from nitido_train.checkpoint import Checkpoint
from nitido_train.evaluation.latents import measure_latent_net
from nitido_train.evaluation.melodies import measure_melody_net
from nitido_train.objectives.latents import LatentObjective
from nitido_train.objectives.melodies import MelodyObjective
from nitido_train.objectives.objective import open_objective
from nitido_train.objectives.options import RunOptions
from nitido_train.recipe.schema import Recipe


class HeldOut:
    """The examples that a training with ``recipe`` on ``data`` holds out. Raises ``SourceUnavailable``, and
    ``RecipeError`` for a recipe that does not train an autoencoder."""

    def __init__(self, recipe: Recipe, data: Sequence[Path]) -> None:
        self._objective = open_objective(recipe, RunOptions(out=Path(), data=tuple(data)))

    def evaluate(self, checkpoint: Checkpoint) -> list[dict[str, Any]]:
        """Rows {set, condition, metric, value, baseline, pictures}. The bound of a variational network uses one draw
        per example, the same in every run."""
        net, objective, device = checkpoint.averaged_net(), self._objective, torch.device("cpu")
        if isinstance(objective, MelodyObjective):
            measured = measure_melody_net(net, objective.fixed_batches(objective.held_out.notes), device)
        elif isinstance(objective, LatentObjective):
            assert objective.recipe.latent is not None
            batches = objective.fixed_batches(objective.held_out)
            measured = measure_latent_net(net, batches, objective.recipe.latent, device)
        else:
            raise RecipeError(f"recipe '{objective.recipe.name}' does not train an autoencoder")
        return held_out_rows(measured, len(objective.held_out))
