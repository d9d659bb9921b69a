"""Recipes and checkpoints small enough to train or export within a test."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nitido_train.checkpoint import Checkpoint
    from nitido_train.nets.frame import RecurrentFrameNet


def tiny_recipe(task: str = "denoise", **schedule: object) -> dict[str, object]:
    """A recipe small enough to train within a test."""
    recipe: dict[str, object] = {
        "name": f"tiny-{task}",
        "task": task,
        "summary": "for tests",
        "net": {
            "kind": "denoiser" if task == "denoise" else "superres",
            "options": {"channels": 8, "layers": 3, "grid": 2, **({} if task == "denoise" else {"scale": 2})},
        },
        "data": {"patch": 32, "batch": 2},
        "schedule": {"steps": 6, "warmup": 2, "validate_every": 3, **schedule},
    }
    return recipe | ({"noise": {}} if task == "denoise" else {})


def random_checkpoint(task: str) -> Checkpoint:
    """Untrained weights, with a last layer large enough that every layer shows in the output."""
    import torch

    from nitido_train.checkpoint import Checkpoint
    from nitido_train.nets.registry import build
    from nitido_train.recipe.tables import recipe_from_dict

    torch.manual_seed(3)
    recipe = recipe_from_dict(tiny_recipe(task))
    net = build(recipe.net.kind, recipe.net.options)
    with torch.no_grad():
        net.body.convs[-1].plain.add_(torch.randn_like(net.body.convs[-1].plain) * 0.05)
    return Checkpoint(recipe=recipe, step=0, net=net.state_dict(), ema=net.state_dict())


def random_level_checkpoint() -> Checkpoint:
    """An untrained denoiser that is given the noise level, or estimates it: both show in its output."""
    import torch

    from nitido_train.checkpoint import Checkpoint
    from nitido_train.nets.registry import build
    from nitido_train.recipe.tables import recipe_from_dict

    torch.manual_seed(4)
    plain = tiny_recipe("denoise")
    net_recipe = {"kind": "level-denoiser", "options": {"channels": 8, "layers": 4, "grid": 2, "expansion": 0}}
    recipe = recipe_from_dict({**plain, "net": net_recipe, "noise": {"camera": 0.3, "developed": 0.5}})
    net = build(recipe.net.kind, recipe.net.options)
    with torch.no_grad():
        for conv in net.body.convs[:-1]:
            conv.shift.add_(torch.randn_like(conv.shift) * 0.05)
        net.body.convs[-1].plain.add_(torch.randn_like(net.body.convs[-1].plain) * 0.05)
        net.estimator.level.weight.mul_(3)
        net.estimator.level.bias.fill_(1.5)
    return Checkpoint(recipe=recipe, step=0, net=net.state_dict(), ema=net.state_dict())


def remembering_net(**options: int) -> RecurrentFrameNet:
    """A recurrent network whose state is the features of the frame before. options: of ``RecurrentFrameNet``."""
    import torch
    from torch import Tensor, nn

    from nitido_train.nets.blocks import CollapsibleConv2d
    from nitido_train.nets.frame import RecurrentFrameNet

    class RememberingBody(nn.Module):
        """12 and 8 channels in, 12 and 8 out."""

        def __init__(self) -> None:
            super().__init__()
            self.take = CollapsibleConv2d(12 + 8, 8)
            self.give = CollapsibleConv2d(8, 12)

        def forward(self, cells: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
            features = torch.relu(self.take(torch.cat([cells, state], dim=1)))
            return self.give(features), features

    torch.manual_seed(0)
    return RecurrentFrameNet(RememberingBody(), cell=2, state_channels=8, **options).eval()
