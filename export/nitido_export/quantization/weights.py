"""Rounds an autoencoder's weights to 8 bits, for files of a quarter of the size, and measures the loss.

Autoencoders of small pictures consist mostly of weights and compute little. So only the weights are rounded, and the
graph still computes in float32.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn

from nitido.errors import ExportError
from nitido_export.graph.weights import LEAST, to_int8
from nitido_train.checkpoint import Checkpoint

MAX_LOSS = 0.01  # of each score

Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class RoundedWeights:
    """checkpoint: with weights that int8 values and scales can represent. evaluation: its rows for the card. report:
    the card's ``quantization``."""

    checkpoint: Checkpoint
    evaluation: Rows
    report: dict[str, Any]


def round_weights(checkpoint: Checkpoint, measure: Callable[[Checkpoint], Rows]) -> RoundedWeights:
    """Rounds the averaged weights of an autoencoder and measures the loss.

    measure: the rows of an evaluation, as a card has them.
    Raises ``ExportError`` when a score loses more than ``MAX_LOSS`` of itself.
    """
    rounded = _rounded(checkpoint)
    evaluation = measure(rounded)
    scores = compared(measure(checkpoint), evaluation)
    worst = max(scores, key=lambda row: row["loss"])
    if worst["loss"] > MAX_LOSS:
        raise ExportError(
            f"with weights in 8 bits {worst['metric']} on {worst['set']} falls from {worst['reference']} to "
            f"{worst['value']}, by {worst['loss']:.1%}; allowed is {MAX_LOSS:.0%}; export it without --int8-weights"
        )
    report = {
        "kind": "weights only",
        "weights": f"int8, one scale per output channel, in tensors of {LEAST} values or more",
        "activations": "fp32",
        "max_loss": MAX_LOSS,
        "loss": worst["loss"],
        "scores": scores,
    }
    return RoundedWeights(rounded, evaluation, report)


def compared(before: Sequence[dict[str, Any]], after: Sequence[dict[str, Any]]) -> Rows:
    """Rows {set, condition, metric, value, reference, loss} of two evaluations of the same kind. loss: relative to the
    first; below 0 if the second is better."""
    return [
        {
            "set": row["set"],
            "condition": row["condition"],
            "metric": row["metric"],
            "value": row["value"],
            "reference": known["value"],
            "loss": round((known["value"] - row["value"]) / max(abs(known["value"]), 1e-9), 5),
        }
        for known, row in zip(before, after, strict=True)
    ]


def _rounded(checkpoint: Checkpoint) -> Checkpoint:
    """A checkpoint whose averaged weights have the values that the graph will store, so that proofs and measurements of
    the network are valid for the file."""
    return replace(checkpoint, ema={**checkpoint.ema, **rounded_layers(checkpoint.averaged_net())})


def rounded_layers(net: nn.Module) -> dict[str, torch.Tensor]:
    """The rounded weights of a network's layers, by name, with the values that the graph will store. Layers that are
    not rounded are left out."""
    weights: dict[str, torch.Tensor] = {}
    for name, layer in net.named_modules():
        if isinstance(layer, (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)) and layer.weight.numel() >= LEAST:
            values, scales = to_int8(layer.weight.detach().numpy(), isinstance(layer, nn.ConvTranspose2d))
            weights[f"{name}.weight"] = torch.from_numpy(values * scales)
    return weights
