"""Networks by the names that recipes use."""

from __future__ import annotations

import pytest
import torch

from nitido_train.nets.blocks import collapse
from nitido_train.nets.registry import build
from nitido_train.recipe.files import load_recipe, recipe_names


@pytest.mark.parametrize("name", [name for name in recipe_names() if load_recipe(name).task != "autoencode"])
def test_shipped_recipes_build_and_collapse_to_the_same(name: str) -> None:
    recipe = load_recipe(name)
    torch.manual_seed(0)
    net = build(recipe.net.kind, recipe.net.options)
    frames = torch.rand(1, 3, 32, 16) - 0.5
    restored, collapsed = (_picture(some(frames)) for some in (net, collapse(net)))
    assert (restored - collapsed).abs().max() < 1e-5
    assert not torch.equal(restored[..., :32, :16], frames)


def _picture(result: torch.Tensor | tuple[torch.Tensor, tuple[torch.Tensor, ...]]) -> torch.Tensor:
    """The frames that a network returns, without the states of a recurrent one."""
    return result[0] if isinstance(result, tuple) else result
