"""A fixed validation set: the same crops with the same degradation every time, scored on uint8 as a user sees them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn
from torchmetrics.functional.image import structural_similarity_index_measure

from nitido.frames import Frame
from nitido_train.data import defects as blots
from nitido_train.data import degrade
from nitido_train.data.pictures import PictureStore
from nitido_train.evaluation.metrics import luma, psnr, psnr_y
from nitido_train.recipe.schema import Recipe
from nitido_train.tensors import to_frames, to_tensor


class ValidationSet:
    """Centre crops of the pictures in ``paths``, at most ``limit`` of them, ``side`` pixels wide and high.

    A denoiser is scored at Gaussian σ 15, 25 and 50 (PSNR of all channels), a net that takes blots away on pictures
    with blots, an upscaler against antialiased bicubic shrinking (PSNR of luma, border = scale).
    """

    def __init__(self, paths: Sequence[Path], recipe: Recipe, *, side: int = 256, limit: int = 24) -> None:
        self.recipe = recipe
        store = PictureStore(list(paths)[:limit], smallest=side)
        self._clean = [degrade.crop_to_multiple(_centre(store[i], side), recipe.scale) for i in range(len(store))]
        self._given: dict[str, list[Frame]] = {}
        if recipe.task == "denoise":
            for sigma in degrade.SIGMAS:
                self._given[f"psnr_s{sigma}"] = degrade.noisy(self._clean, sigma)
        elif recipe.blots is not None:
            self._given["psnr_blots"] = blots.blemished(self._clean, recipe.blots)
        else:
            self._given["psnr_y"] = [degrade.shrink(p, recipe.scale) for p in self._clean]

    @torch.no_grad()
    def score(self, net: nn.Module, device: torch.device | str = "cpu") -> dict[str, float]:
        """Mean PSNR in dB by name, their mean under ``psnr``, and the mean SSIM of the same pictures under ``ssim``."""
        scores: dict[str, float] = {}
        similar: list[float] = []
        for name, given in self._given.items():
            values: list[float] = []
            for start in range(0, len(given), 4):
                batch = np.stack(given[start : start + 4])  # n h w 3
                restored = to_frames(net(to_tensor(torch.from_numpy(batch)).to(device)))
                clean = self._clean[start : start + 4]
                values += [self._psnr(r, c) for r, c in zip(restored, clean, strict=True)]
                similar += [self._ssim(r, c) for r, c in zip(restored, clean, strict=True)]
            scores[name] = float(np.mean(values))
        scores["psnr"] = float(np.mean(list(scores.values())))
        scores["ssim"] = float(np.mean(similar))
        return scores

    def examples(self, count: int = 4) -> tuple[Tensor, list[Frame]]:
        """Network inputs n×3×h×w and their clean pictures, for a look while training; noise at the middle σ."""
        given = list(self._given.values())[len(self._given) // 2][:count]
        return to_tensor(torch.from_numpy(np.stack(given))), self._clean[:count]

    def _psnr(self, restored: Frame, clean: Frame) -> float:
        return psnr(restored, clean) if self.recipe.scale == 1 else psnr_y(restored, clean, self.recipe.scale)

    def _ssim(self, restored: Frame, clean: Frame) -> float:
        """Of what :meth:`_psnr` looks at, see :func:`nitido_train.evaluation.metrics.psnr_y`."""
        pair = np.stack([restored, clean]).astype(np.float32)  # 2 h w 3
        if self.recipe.scale > 1:
            border = self.recipe.scale
            inner = [luma(p)[border:-border, border:-border, None] for p in (restored, clean)]
            pair = np.stack(inner).astype(np.float32)  # 2 h w 1
        a, b = torch.from_numpy(pair).permute(0, 3, 1, 2).split(1)  # 1 c h w each
        return float(cast(Tensor, structural_similarity_index_measure(a, b, data_range=255.0)))


def _centre(picture: Frame, side: int) -> Frame:
    h, w = picture.shape[:2]
    top, left = (h - side) // 2, (w - side) // 2
    return picture[top : top + side, left : left + side]
