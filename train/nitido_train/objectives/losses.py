"""Losses, by their names in a recipe. All take float tensors of equal shape and return a scalar mean."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor
from torchmetrics.functional.image import structural_similarity_index_measure

from nitido_train.data.degrade import BT601_BGR
from nitido_train.tensors import ZERO_POINT

SSIM_SHARE = 0.84
CHANNEL_SHARE = 0.1


def charbonnier(output: Tensor, target: Tensor) -> Tensor:
    """√(d² + ε²), ε = 1e-3: L1 that is smooth at zero (Charbonnier et al., 1994; LapSRN, 2017)."""
    return torch.sqrt((output - target) ** 2 + 1e-6).mean()


def l1_ssim(output: Tensor, target: Tensor) -> Tensor:
    """0.84 · (1 - SSIM) + 0.16 · L1, for frames of -0.5..0.5: sharper than L1, with the colours and brightness of L1.

    The weights are those of Zhao, Gallo, Frosio and Kautz, "Loss Functions for Image Restoration with Neural Networks"
    (2017). They use SSIM at five scales, for which patches are too small. SSIM has Gaussian windows of 11×11, so frames
    must be at least that large.
    """
    # SSIM compares luminance and contrast with black as zero.
    light = ZERO_POINT / 255
    ssim = cast(Tensor, structural_similarity_index_measure(output + light, target + light, data_range=1.0))
    return SSIM_SHARE * (1 - ssim) + (1 - SSIM_SHARE) * F.l1_loss(output, target)


def rmse(output: Tensor, target: Tensor) -> Tensor:
    """Root mean squared error of each frame N×3×H×W, then the mean over frames. Softened below one 8-bit level.

    PSNR measures the squared error of a frame. A plain mean of squared errors would be dominated by the noisiest
    frames.
    """
    return _root(((output - target) ** 2).mean((1, 2, 3)))


def rmse_luma(output: Tensor, target: Tensor) -> Tensor:
    """:func:`rmse` of the luma (BT.601), on which upscalers are compared, plus a tenth of the squared error of all
    channels, which keeps colours right."""
    off = output - target
    luma = torch.einsum("nchw,c->nhw", off, off.new_tensor(BT601_BGR))
    return _root((luma**2).mean((1, 2)) + CHANNEL_SHARE * (off**2).mean((1, 2, 3)))


def _root(squared_errors: Tensor) -> Tensor:
    return torch.sqrt(squared_errors + 1 / 255**2).mean()


LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "charbonnier": charbonnier,
    "l1": F.l1_loss,
    "l1+ssim": l1_ssim,
    "mse": F.mse_loss,
    "rmse": rmse,
    "rmse-luma": rmse_luma,
}
