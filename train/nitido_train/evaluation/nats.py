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

    kind: ``bce`` takes each value as a probability. ``mse`` takes pixels as Gaussian. ``pyramid``: see
    :func:`pyramid_nats`.
    likelihood: with ``mse``, use the optimal variance for the batch (Rybkin, Daniilidis, Levine, "Simple and
    Effective VAE Training with Calibrated Decoders", 2021). It balances the error against the KL divergence without a
    weight to tune. Otherwise the result is the sum of squared errors.
    """
    values = target[0].numel()
    if kind == "bce":
        return F.binary_cross_entropy_with_logits(logits, target, reduction="sum") / len(target)
    if kind == "pyramid":
        return pyramid_nats(torch.sigmoid(logits), target)
    error = F.mse_loss(torch.sigmoid(logits), target)
    if not likelihood:
        return values * error
    return 0.5 * values * (torch.log(2 * math.pi * error.clamp_min(1e-8)) + 1)


def pyramid_nats(pictures: Tensor, target: Tensor) -> Tensor:
    """Mean negative log-likelihood of N×C×H×W targets, per picture, of a Laplace distribution around the pictures on
    each level of a Laplacian pyramid, with the optimal width for the batch.

    Versions of the picture at a half, a quarter and so on of its size weigh as much as its pixels, so shapes and edges
    count more than the exact colour of an area (Bojanowski and others, "Optimizing the Latent Space of Generative
    Networks", 2018, with fixed weights). The levels are not independent, so the sum is not a bound.
    """
    difference = pictures - target
    nats = difference.new_zeros(())
    while True:
        coarse = F.avg_pool2d(difference, 2) if min(difference.shape[2:]) >= 4 else None
        detail = difference if coarse is None else difference - F.interpolate(coarse, difference.shape[2:])
        width = detail.abs().mean().clamp_min(1e-4)
        nats = nats + detail[0].numel() * (torch.log(2 * width) + 1)
        if coarse is None:
            return nats
        difference = coarse


def note_nats(passage: MelodyPassage, target: Tensor) -> Tensor:
    """Negative log-likelihood of note codes N×T: N values."""
    return F.cross_entropy(passage.logits[..., 0], target, reduction="none").sum(1)
