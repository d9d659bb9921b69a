"""The interface between the training loop and the kinds of training, and the choice of the kind for a recipe."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from nitido.errors import RecipeError
from nitido.frames import Frame
from nitido_train.charts.figures import Figure
from nitido_train.checkpoint import Checkpoint
from nitido_train.nets.frame import FrameNet, LevelFrameNet
from nitido_train.nets.live import LiveFrameNet
from nitido_train.nets.registry import build
from nitido_train.objectives.artefacts import ArtefactObjective
from nitido_train.objectives.clips import ClipObjective
from nitido_train.objectives.frames import FrameObjective
from nitido_train.objectives.latents import LatentObjective
from nitido_train.objectives.levels import LevelObjective
from nitido_train.objectives.melodies import MelodyObjective
from nitido_train.objectives.options import RunOptions
from nitido_train.recipe.schema import Recipe


class Objective(Protocol):
    """What a training run optimises and measures.

    recipe: the given recipe, completed with values that depend on the data.
    score: name of the validation figure that chooses the best checkpoint. Higher is better.
    unit: unit of that figure.
    summary: the data in one line.
    validation_note: the validation data in one line, and how to choose others.
    """

    recipe: Recipe
    score: str
    unit: str
    summary: str
    validation_note: str

    def first_net(self, state: Checkpoint, options: RunOptions) -> nn.Module:
        """The network before its first step."""
        ...

    def batches(self, first: int, rank: int, world: int, workers: int) -> Iterator[Any]:
        """This process's share of each step's batch, from step ``first`` on.

        It depends only on seed and step, so resumed and distributed trainings get the same batches as a single
        uninterrupted one.
        """
        ...

    def loss(self, net: nn.Module, batch: Any, step: int, device: torch.device) -> Tensor:
        """The mean loss of a batch, to be minimised."""
        ...

    def validate(self, net: nn.Module, device: torch.device) -> dict[str, float]:
        """Figures of the averaged network on data that it does not see in training."""
        ...

    def pictures(self, net: nn.Module, device: torch.device) -> dict[str, Frame]:
        """Pictures for people to look at, by name."""
        ...

    def is_constant(self, net: nn.Module, device: torch.device) -> bool:
        """Whether the network returns the same, such as black, for inputs that differ."""
        ...

    def figures(self, net: nn.Module, device: torch.device) -> dict[str, Figure]:
        """Pictures that are drawn only once, for the final network. They replace pictures of the same names."""
        ...

    def describe(self, net: nn.Module, device: torch.device) -> dict[str, Any]:
        """Facts about the data for the exported file, for ``Checkpoint.facts``."""
        ...


def open_objective(recipe: Recipe, options: RunOptions) -> Objective:
    """The objective of a recipe's task and network, with its data read. Raises ``SourceUnavailable`` or
    ``RecipeError``."""
    net = _checked_net(recipe)
    if recipe.net.kind == "melody-vae":
        return MelodyObjective(recipe, options)
    if recipe.task == "autoencode":
        return LatentObjective(recipe, options)
    if isinstance(net, LiveFrameNet):
        return ClipObjective(recipe, options)
    if recipe.purpose == "jpeg":
        return ArtefactObjective(recipe, options)
    if isinstance(net, LevelFrameNet):
        return LevelObjective(recipe, options)
    return FrameObjective(recipe, options)


def _checked_net(recipe: Recipe) -> nn.Module:
    """The untrained network. Raises ``RecipeError``, before any data is read, for a network whose options do not fit or
    that is for another task."""
    net = build(recipe.net.kind, recipe.net.options)
    if isinstance(net, FrameNet) == (recipe.task == "autoencode"):
        raise RecipeError(f"[net] kind '{recipe.net.kind}' is not a network for the task '{recipe.task}'")
    if isinstance(net, FrameNet) and (net.scale != recipe.scale or (net.scale > 1) != (recipe.task == "upscale")):
        raise RecipeError(f"[net] '{recipe.net.kind}' enlarges by {net.scale}, the task is '{recipe.task}'")
    if recipe.purpose == "jpeg" and not isinstance(net, LevelFrameNet):
        raise RecipeError(f"[noise] compressed needs a network that takes a level, found '{recipe.net.kind}'")
    if isinstance(net, (LevelFrameNet, LiveFrameNet)) and recipe.task != "denoise":
        raise RecipeError(
            f"[net] '{recipe.net.kind}' estimates noise; expected the task 'denoise', found '{recipe.task}'"
        )
    return net
