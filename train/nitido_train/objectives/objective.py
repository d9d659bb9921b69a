"""What the training loop asks of a kind of training; everything else is the loop's own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from nitido.frames import Frame
from nitido_train.charts.figures import Figure
from nitido_train.checkpoint import Checkpoint
from nitido_train.recipe import Recipe
from nitido_train.training.setup import RunOptions


class Job(Protocol):
    """recipe: the given one, completed by what only the data tell. score: which of the validation's figures, the higher
    the better, chooses the best checkpoint. unit: of that figure. summary: the data in a line."""

    recipe: Recipe
    score: str
    unit: str
    summary: str

    def first_net(self, state: Checkpoint, options: RunOptions) -> nn.Module:
        """The network before its first step."""
        ...

    def batches(self, first: int, rank: int, world: int, workers: int) -> Iterator[Any]:
        """From step ``first`` on, this process's share of each step's batch: a pure function of seed and step, so that
        resumed and distributed trainings see what a single uninterrupted one sees."""
        ...

    def loss(self, net: nn.Module, batch: Any, step: int, device: torch.device) -> Tensor:
        """The mean loss of a batch, to be minimised."""
        ...

    def validate(self, net: nn.Module, device: torch.device) -> dict[str, float]:
        """Figures of the averaged network on data it does not see in training."""
        ...

    def pictures(self, net: nn.Module, device: torch.device) -> dict[str, Frame]:
        """Something to look at, uint8 H×W×3 BGR by name."""
        ...

    def figures(self, net: nn.Module, device: torch.device) -> dict[str, Figure]:
        """What is drawn only once, of the network to be kept; a name that ``pictures`` has too replaces that one."""
        ...

    def describe(self, net: nn.Module, device: torch.device) -> dict[str, Any]:
        """What the exported file should know of the data, for ``Checkpoint.facts``."""
        ...


def open_job(recipe: Recipe, options: RunOptions) -> Job:
    """The job of a recipe's task and network, its data read. Raises ``SourceUnavailable`` or ``RecipeError``."""
    if recipe.net.kind == "melody-vae":
        from nitido_train.objectives.melodies import MelodyJob

        return MelodyJob(recipe, options)
    if recipe.task == "autoencode":
        from nitido_train.objectives.latents import LatentJob

        return LatentJob(recipe, options)
    from nitido_train.objectives.frames import FrameJob

    return FrameJob(recipe, options)
