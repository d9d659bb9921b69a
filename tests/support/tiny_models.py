"""Recipes and checkpoints small enough to train or export within a test."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nitido_train.checkpoint import Checkpoint


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


def random_live_checkpoint() -> Checkpoint:
    """An untrained recurrent denoiser whose past shows in its output."""
    import torch

    from nitido_train.checkpoint import Checkpoint
    from nitido_train.nets.registry import build
    from nitido_train.recipe.tables import recipe_from_dict

    torch.manual_seed(5)
    plain = tiny_recipe("denoise")
    net_recipe = {"kind": "live-denoiser", "options": {"channels": 8, "layers": 3, "gate": 8}}
    recipe = recipe_from_dict(
        {**plain, "name": "tiny-live", "net": net_recipe, "noise": {"camera": 0.3, "developed": 0.5}}
    )
    net = build(recipe.net.kind, recipe.net.options)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.03)
        net.gate.convs[-1].bias.fill_(2.0)
        net.estimator.level.bias.fill_(1.5)
    return Checkpoint(recipe=recipe, step=0, net=net.state_dict(), ema=net.state_dict())
