"""Networks with thin layers: far fewer weights, begun close to the network whose layers were wide."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from nitido_export.draft import ReleaseInfo, draft_part
from nitido_train.checkpoint import Checkpoint
from nitido_train.nets.latent import LatentNet
from nitido_train.nets.registry import build
from nitido_train.nets.thin import ThinLinear, thinned
from nitido_train.objectives.warm_start import warm_started
from support.recipes import SIDE, random_latent_checkpoint

RANK = 8


def begun(start: Checkpoint, rank: int) -> LatentNet:
    options = {**start.recipe.net.options, "rank": rank}
    net = warm_started(build(start.recipe.net.kind, options), start.recipe, start)
    assert isinstance(net, LatentNet)
    return net.eval()


@pytest.mark.parametrize("kind", ["autoencoder", "cvae"])
def test_a_thin_network_begins_close_to_the_wide_one(kind: str) -> None:
    start = random_latent_checkpoint(kind)
    wide = start.latent_net()
    pictures, label = torch.rand(4, 1, SIDE, SIDE) - 0.5, torch.tensor([0, 1, 2, 0])
    draw = torch.zeros(4, wide.latent)
    with torch.no_grad():
        wanted = wide(pictures, label, draw).logits
        gaps = [
            float((begun(start, rank)(pictures, label, draw).logits - wanted).square().mean()) for rank in (4, 8, 15)
        ]
    assert gaps[0] > gaps[1] > gaps[2]
    assert gaps[2] < 0.05 * float(wanted.var())


def test_a_product_of_full_rank_is_the_layer_itself() -> None:
    wide = torch.nn.Linear(12, 20)
    thin = torch.nn.Sequential(ThinLinear(12, 20, 12))
    thin.load_state_dict(thinned(thin, {"0.weight": wide.weight.detach(), "0.bias": wide.bias.detach()}))
    rows = torch.randn(5, 12)
    assert torch.allclose(thin(rows), wide(rows), atol=1e-5)


def test_the_two_large_layers_shrink_and_the_rest_stays() -> None:
    start = random_latent_checkpoint("vae")
    wide, thin = start.latent_net().state_dict(), begun(start, RANK).state_dict()
    assert set(wide) - set(thin) == {f"{layer}.{kind}" for layer in LARGE for kind in ("weight", "bias")}
    assert all(torch.equal(thin[name], value) for name, value in wide.items() if name in thin)
    assert thin["encoder.hidden.0.0.weight"].shape == (RANK, 128)


LARGE = ("encoder.hidden.0", "decoder.hidden.2")


@pytest.mark.parametrize("part", ["encoder", "decoder"])
def test_parts_of_a_thin_network_are_exported(part: str) -> None:
    start = random_latent_checkpoint("vae")
    net = begun(start, RANK)
    recipe = replace(start.recipe, net=replace(start.recipe.net, options={**start.recipe.net.options, "rank": RANK}))
    found = draft_part(replace(start, recipe=recipe, ema=net.state_dict()), part, "m", ReleaseInfo("none", "none"))
    assert found.card.parameters < draft_part(start, part, "m", ReleaseInfo("none", "none")).card.parameters


@pytest.mark.parametrize("rank", [-1, 16, 300])
def test_a_rank_that_makes_nothing_thinner_is_refused(rank: int) -> None:
    with pytest.raises(ValueError, match="rank must be below hidden"):
        LatentNet("vae", SIDE, SIDE, 1, 3, [4, 8], hidden=16, rank=rank)
