"""Moves states along with the motion, as the runtime does, but with gradients."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from nitido_train.nets.live import StateSpec


def align_states(states: Sequence[Tensor], specs: Sequence[StateSpec], flow: Tensor) -> tuple[Tensor, ...]:
    """States N×C×h×w of a recurrent network, aligned with the next frames. flow: N×2×H×W, (dx, dy) in pixels."""
    if not flow.any():
        return tuple(states)
    return tuple(warp(state, flow, spec.grid, spec.warp) for state, spec in zip(states, specs, strict=True))


def warp(state: Tensor, flow: Tensor, grid: int, how: str) -> Tensor:
    """Does the same as :func:`nitido.inference.alignment.warp_state`, for a batch. H and W are those of the state,
    times ``grid``."""
    height, width = state.shape[2:]
    with torch.autocast(state.device.type, enabled=False):
        moved = (F.avg_pool2d(flow, grid) if grid > 1 else flow) / grid
        down, across = torch.meshgrid(
            torch.arange(height, dtype=flow.dtype, device=flow.device),
            torch.arange(width, dtype=flow.dtype, device=flow.device),
            indexing="ij",
        )
        x, y = across + moved[:, 0], down + moved[:, 1]
        if how == "nearest":
            x, y = x.round(), y.round()
        # The middles of the outermost positions are half a position from -1 and 1.
        places = torch.stack([(2 * x + 1) / width - 1, (2 * y + 1) / height - 1], -1)
        mode = "bilinear" if how == "linear" else "nearest"
        return F.grid_sample(state.float(), places, mode=mode, padding_mode="zeros", align_corners=False)
