"""A second stage comes closer to the latents of a data set than the distribution it begins with."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from nitido.errors import RecipeError
from nitido_train.nets.latent import LatentNet
from nitido_train.nets.latent_mixture import fit_mixture
from nitido_train.objectives.latent_prior import encode_examples, fit_latent_mixture, fit_latent_prior
from nitido_train.objectives.latents import LatentObjective
from nitido_train.objectives.options import RunOptions
from support.recipes import random_latent_checkpoint, tiny_latent, write_digits


def opened(kind: str, folder: Path) -> tuple[LatentNet, LatentObjective]:
    options = RunOptions(out=folder, data=(write_digits(folder / "digits", 200),))
    objective = LatentObjective(tiny_latent(kind), options)
    checkpoint = replace(random_latent_checkpoint("autoencoder"), recipe=objective.recipe)
    torch.manual_seed(0)
    net = checkpoint.fresh_net()
    assert isinstance(net, LatentNet)
    return net.eval(), objective


@pytest.mark.parametrize("kind", ["autoencoder", "cvae"])
def test_a_flow_gains_on_held_out_latents_and_leads_back(kind: str, tmp_path: Path) -> None:
    net, objective = opened(kind, tmp_path)
    fitted = fit_latent_prior(net, objective, steps=120)
    assert fitted.gain > 0.01 and fitted.step > 0
    found = encode_examples(net, objective, objective.held_out)
    normal, _ = fitted.flow.inverse(found.mean, found.condition)
    assert torch.allclose(fitted.flow(normal, found.condition), found.mean, atol=1e-3)


def test_a_mixture_has_the_shares_means_and_spread_of_its_clusters() -> None:
    rng = np.random.default_rng(3)
    left, right = rng.normal(-10, 1, (300, 2)), rng.normal(10, 2, (100, 2))
    mixture = fit_mixture(np.concatenate([left, right]).astype(np.float32), 2)
    order = mixture.means[:, 0].argsort()
    assert torch.allclose(mixture.shares[order], torch.tensor([0.75, 0.25]))
    assert torch.allclose(mixture.means[order], torch.tensor([[-10.0], [10.0]]).expand(2, 2), atol=0.6)
    assert torch.allclose(mixture.deviations[order], torch.tensor([[1.0], [2.0]]).expand(2, 2), atol=0.5)


def test_a_mixture_of_a_conditional_network_is_refused(tmp_path: Path) -> None:
    net, objective = opened("cvae", tmp_path)
    with pytest.raises(RecipeError, match="does not support classes"):
        fit_latent_mixture(net, objective)
