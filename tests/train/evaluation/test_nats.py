"""Likelihoods in nats."""

from __future__ import annotations

import pytest
import torch

from nitido_train.evaluation.nats import kl_nats, reconstruction_nats


def test_likelihoods_are_those_of_the_textbook() -> None:
    mean, log_var = torch.tensor([[0.3, -1.0]]), torch.tensor([[0.2, -0.5]])
    one, other = torch.distributions.Normal(mean, (0.5 * log_var).exp()), torch.distributions.Normal(0.0, 1.0)
    expected = torch.distributions.kl_divergence(one, other).sum()
    assert kl_nats(mean, log_var).item() == pytest.approx(expected.item(), rel=1e-5)
    logits, target = torch.randn(2, 1, 4, 4), torch.rand(2, 1, 4, 4).round()
    bernoulli = -torch.distributions.Bernoulli(logits=logits).log_prob(target).sum() / 2
    assert reconstruction_nats(logits, target, "bce", True).item() == pytest.approx(bernoulli.item(), rel=1e-5)
    error = torch.sigmoid(logits) - target
    gaussian = -torch.distributions.Normal(0.0, error.square().mean().sqrt()).log_prob(error).sum() / 2
    assert reconstruction_nats(logits, target, "mse", True).item() == pytest.approx(gaussian.item(), rel=1e-5)
