"""Finds values that are not finite, the sign of a training that has diverged."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor

from nitido.errors import TrainingError

ADVICE = "train again with a lower learning rate (--set schedule.lr=…)"


def all_finite(tensors: Iterable[Tensor]) -> bool:
    """Whether no value is NaN or infinite."""
    found = [tensor.isfinite().all() for tensor in tensors]
    return not found or bool(torch.stack(found).all())


def first_not_finite(weights: Mapping[str, Any]) -> str | None:
    """The name of the first tensor with a NaN or infinite value."""
    tensors = {name: value for name, value in weights.items() if isinstance(value, Tensor)}
    return next((name for name, value in tensors.items() if not all_finite([value])), None)


def require_finite(outputs: Tensor) -> None:
    """Raises ``TrainingError`` when a network's outputs are not finite, because they would become a black picture."""
    if not all_finite([outputs]):
        raise TrainingError(f"the network returns values that are not finite: its training has diverged; {ADVICE}")
