"""Quality of an autoencoder of pictures: errors of reconstructions and the evidence lower bound."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn
from torchmetrics.functional.image import peak_signal_noise_ratio, structural_similarity_index_measure

from nitido_train.data.batches import LatentBatch
from nitido_train.evaluation.nats import kl_nats, reconstruction_nats
from nitido_train.nets.latent import LatentPassage
from nitido_train.recipe.schema import LatentRecipe
from nitido_train.tensors import to_tensor, to_unit


def latent_passage(net: nn.Module, batch: LatentBatch, device: torch.device) -> LatentPassage:
    given = to_tensor(torch.from_numpy(batch.given)).to(device)
    return net(given, torch.from_numpy(batch.label).to(device), torch.from_numpy(batch.draw).to(device))


@torch.no_grad()
def measure_latent_net(
    net: nn.Module, batches: Iterable[LatentBatch], asked: LatentRecipe, device: torch.device
) -> dict[str, float]:
    """Means over all examples.

    psnr (dB), ssim: of reconstructions from the mean of the latent.
    elbo, reconstruction, kl: for variational kinds the evidence lower bound and its two parts, in nats per picture,
    with one draw each.
    """
    sums: dict[str, float] = {}
    count = 0
    for batch in batches:
        target = to_unit(batch.target).to(device)
        passage = latent_passage(net, batch, device)
        found: dict[str, Tensor] = {}
        if passage.log_var is not None:
            nats = reconstruction_nats(passage.logits, target, asked.reconstruction, True)
            kl = kl_nats(passage.mean, passage.log_var).mean()
            found = {"elbo": -nats - kl, "reconstruction": nats, "kl": kl}
            passage = latent_passage(net, replace(batch, draw=np.zeros_like(batch.draw)), device)
        restored = torch.sigmoid(passage.logits)
        each = peak_signal_noise_ratio(restored, target, 1.0, reduction="none", dim=(1, 2, 3))
        found["psnr"] = each.clamp(max=100).mean()  # a perfect picture would make the mean infinite
        found["ssim"] = cast(Tensor, structural_similarity_index_measure(restored, target, data_range=1.0))
        for name, value in found.items():
            sums[name] = sums.get(name, 0.0) + float(value) * len(target)
        count += len(target)
    return {name: value / count for name, value in sums.items()}
