"""Quality of an autoencoder of melodies: the share of right codes and the evidence lower bound."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import nn

from nitido.latent.melody import FIRST
from nitido_train.data.batches import MelodyBatch
from nitido_train.evaluation.nats import kl_nats, note_nats
from nitido_train.nets.melody import MelodyPassage


def melody_passage(net: nn.Module, batch: MelodyBatch, device: torch.device) -> MelodyPassage:
    return net(torch.from_numpy(batch.notes).to(device), torch.from_numpy(batch.draw).to(device))


@torch.no_grad()
def measure_melody_net(net: nn.Module, batches: Iterator[MelodyBatch], device: torch.device) -> dict[str, float]:
    """Means over all phrases.

    accuracy: share of the codes that are reconstructed correctly from the mean of the latent.
    notes: the same for codes where a note begins, which are harder.
    elbo, reconstruction, kl: the evidence lower bound and its two parts, in nats per phrase, with one draw each.
    """
    sums: dict[str, float] = {}
    count = codes = begun = 0
    for batch in batches:
        target = torch.from_numpy(batch.notes).to(device).long()
        passage = melody_passage(net, batch, device)
        nats, kl = note_nats(passage, target), kl_nats(passage.mean, passage.log_var)
        still = melody_passage(net, batch._replace(draw=np.zeros_like(batch.draw)), device)
        right = still.logits.argmax(1)[..., 0] == target  # N T
        found = {"accuracy": right, "notes": right & (target >= FIRST), "elbo": -nats - kl, "reconstruction": nats}
        for name, values in {**found, "kl": kl}.items():
            sums[name] = sums.get(name, 0.0) + float(values.sum())
        count, codes, begun = count + len(target), codes + target.numel(), begun + int((target >= FIRST).sum())
    each = {"accuracy": codes, "notes": begun}
    return {name: total / max(1, each.get(name, count)) for name, total in sums.items()}
