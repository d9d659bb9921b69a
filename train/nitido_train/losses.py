"""Losses by the name a recipe calls them. All take float tensors of equal shape and return a scalar mean."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor


def charbonnier(output: Tensor, target: Tensor) -> Tensor:
    """√(d² + ε²), ε = 1e-3: L1 that is smooth at zero (Charbonnier et al., 1994; LapSRN, 2017)."""
    return torch.sqrt((output - target) ** 2 + 1e-6).mean()


LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "charbonnier": charbonnier,
    "l1": F.l1_loss,
    "mse": F.mse_loss,
}
