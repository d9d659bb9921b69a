"""Checkpoints: everything a training needs to go on, in one file written whole or not at all."""

from __future__ import annotations

import os
import pickle
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from nitido.errors import CheckpointError, RecipeError
from nitido_train.nets import FrameNet, build
from nitido_train.recipe import Recipe, recipe_from_dict

FORMAT = 1


@dataclass
class Checkpoint:
    """``net``: weights being trained. ``ema``: their moving average, the ones to use. ``step``: steps done.
    ``best``: best validation PSNR in dB so far. ``history``: one dict per validation."""

    recipe: Recipe
    step: int
    net: dict[str, Any]
    ema: dict[str, Any]
    optimizer: dict[str, Any] = field(default_factory=dict)
    best: float = float("-inf")
    history: list[dict[str, float]] = field(default_factory=list)
    provenance: dict[str, Any] = field(default_factory=dict)

    def averaged_net(self) -> FrameNet:
        """The network with the averaged weights, in eval mode, still with its training-time branches."""
        net = build(self.recipe.net.kind, self.recipe.net.options)
        net.load_state_dict(self.ema)
        return net.eval()


def save(checkpoint: Checkpoint, path: Path) -> None:
    """Writes atomically: a crash or full disk leaves the previous file as it was."""
    partial = path.with_name(path.name + ".partial")
    plain = {**checkpoint.__dict__, "recipe": asdict(checkpoint.recipe), "format": FORMAT}
    try:
        with partial.open("wb") as file:
            torch.save(plain, file)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except (OSError, RuntimeError) as error:
        partial.unlink(missing_ok=True)
        raise CheckpointError(f"cannot write {path}: {error}; the previous checkpoint is untouched") from error


def load(path: Path) -> Checkpoint:
    """Reads a checkpoint file, or a run folder's ``best.pt`` or else ``last.pt``. Raises ``CheckpointError``."""
    if path.is_dir():
        found = [path / name for name in ("best.pt", "last.pt") if (path / name).is_file()]
        if not found:
            raise CheckpointError(
                f"no checkpoint in {path}: expected best.pt or last.pt, as 'nitido train' writes them"
            )
        path = found[0]
    if not path.is_file():
        raise CheckpointError(f"no such checkpoint: {path}")
    try:
        # weights_only: a checkpoint from a stranger must not run code.
        plain = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError, KeyError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise CheckpointError(f"{path} is not a checkpoint of 'nitido train': {reason}") from error
    if not isinstance(plain, dict) or plain.pop("format", None) != FORMAT:
        raise CheckpointError(f"{path} is not a checkpoint of 'nitido train' (format {FORMAT})")
    try:
        recipe = recipe_from_dict(plain.pop("recipe"))
        return Checkpoint(recipe=recipe, **plain)
    except (RecipeError, TypeError, KeyError) as error:
        raise CheckpointError(f"{path} was written by another version: {error}") from error
