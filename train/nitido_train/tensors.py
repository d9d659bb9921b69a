"""Small pictures between bytes and what autoencoders compute with, and many of them on one page."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from nitido_train.data.degrade import Picture
from nitido_train.data.examples import Bytes


def to_unit(pictures: Bytes) -> Tensor:
    """N×H×W×C bytes → N×C×H×W float32, 0..1."""
    return torch.from_numpy(pictures).permute(0, 3, 1, 2).to(torch.float32) / 255


def from_logits(logits: Tensor) -> Bytes:
    """N×C×H×W logits → N×H×W×C bytes, rounded as the exported graph does."""
    levels = (torch.sigmoid(logits) * 255).round().clamp(0, 255).to(torch.uint8)
    return levels.permute(0, 2, 3, 1).cpu().numpy()


def page(pictures: Bytes, columns: int) -> Picture:
    """N×H×W×C pictures row by row, N a multiple of ``columns``, as one BGR picture."""
    count, height, width, channels = pictures.shape
    rows = count // columns
    grid = pictures.reshape(rows, columns, height, width, channels).transpose(0, 2, 1, 3, 4)  # R H N W C
    whole = grid.reshape(rows * height, columns * width, channels)
    return np.ascontiguousarray(np.broadcast_to(whole, (*whole.shape[:2], 3)))
