"""Quality of a model file on clean pictures, measured with the usual protocols."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nitido.inference.model import Model
from nitido_train.evaluation.conditions import conditions_of
from nitido_train.recipe.tables import recipe_from_dict


def evaluate_model(model: Model, folders: Sequence[Path]) -> list[dict[str, Any]]:
    """One row {set, condition, metric, value, baseline, pictures} for each folder and condition."""
    recipe = model.card.training.get("recipe")
    purpose = recipe_from_dict(recipe).purpose if recipe else "plain"
    return [
        {
            "set": folder.name,
            "condition": condition.name,
            "metric": condition.metric,
            "value": round(condition.measure(model), 2),
            "baseline": round(condition.measure(condition.baseline), 2),
            "pictures": len(condition.clean),
        }
        for folder in folders
        for condition in conditions_of(folder, model.card.task, model.card.scale, purpose=purpose)
    ]
