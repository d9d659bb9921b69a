"""Converts between bytes and tensors, for frame networks and for autoencoders of pictures."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nitido.frames import Frame
from nitido_train.finite import require_finite

ZERO_POINT = 128  # the byte that networks see as 0


def to_tensor(frames: Tensor) -> Tensor:
    """N×H×W×C uint8 → N×C×H×W float32, ``(byte - 128) / 255``: what networks see and return.

    The values are centred, because networks without normalisation die on inputs that are all positive. The centre is
    128, because quantization operators can subtract that zero point at no cost. The memory layout does not change, so
    the result is channels_last without a copy.
    """
    return (frames.permute(0, 3, 1, 2).to(torch.float32) - ZERO_POINT) / 255  # N C H W


def to_frames(restored: Tensor) -> list[Frame]:
    """N×3×H×W float32 of a network → N frames H×W×3 uint8, rounded and clipped as in the exported graph. Raises
    ``TrainingError`` for values that are not finite."""
    require_finite(restored)
    bytes_ = (restored * 255 + ZERO_POINT).round().clamp(0, 255).to(torch.uint8)
    return list(bytes_.permute(0, 2, 3, 1).cpu().numpy())  # N H W 3


def to_unit(pictures: NDArray[np.uint8]) -> Tensor:
    """N×H×W×C bytes → N×C×H×W float32, 0..1."""
    return torch.from_numpy(pictures).permute(0, 3, 1, 2).to(torch.float32) / 255


def from_logits(logits: Tensor) -> NDArray[np.uint8]:
    """N×C×H×W logits → N×H×W×C bytes, rounded as in the exported graph. Raises ``TrainingError`` for values that are
    not finite."""
    require_finite(logits)
    levels = (torch.sigmoid(logits) * 255).round().clamp(0, 255).to(torch.uint8)
    return levels.permute(0, 2, 3, 1).cpu().numpy()
