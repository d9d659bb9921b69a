"""Negative log-likelihoods and divergences in nats, for training and measuring variational autoencoders."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from nitido_train.nets.melody import MelodyPassage


def kl_nats(mean: Tensor, log_var: Tensor) -> Tensor:
    """KL divergence from N(mean, exp(log_var)), each N×d, to the standard normal prior: N values."""
    return 0.5 * (mean**2 + log_var.exp() - 1 - log_var).sum(1)


def reconstruction_nats(logits: Tensor, target: Tensor, kind: str, likelihood: bool) -> Tensor:
    """Mean negative log-likelihood of N×C×H×W targets (0..1), per picture.

    kind: ``bce`` takes each value as a probability. ``mse`` takes pixels as Gaussian.
    likelihood: with ``mse``, use the variance that suits the batch best (Rybkin, Daniilidis, Levine, "Simple and
    Effective VAE Training with Calibrated Decoders", 2021). It balances the error against the KL divergence without a
    weight to tune. Otherwise the result is the sum of squared errors.
    """
    values = target[0].numel()
    if kind == "bce":
        return F.binary_cross_entropy_with_logits(logits, target, reduction="sum") / len(target)
    error = F.mse_loss(torch.sigmoid(logits), target)
    if not likelihood:
        return values * error
    return 0.5 * values * (torch.log(2 * math.pi * error.clamp_min(1e-8)) + 1)


def note_nats(passage: MelodyPassage, target: Tensor) -> Tensor:
    """Negative log-likelihood of note codes N×T: N values."""
    return F.cross_entropy(passage.logits[..., 0], target, reduction="none").sum(1)
