"""A fixed validation set: always the same crops with the same degradation, scored as uint8, as users see them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn
from torchmetrics.functional.image import structural_similarity_index_measure

from nitido.frames import Frame
from nitido_train.data.pictures import PictureStore
from nitido_train.evaluation.conditions import validation_conditions
from nitido_train.evaluation.metrics import score, scored
from nitido_train.recipe.schema import Recipe
from nitido_train.tensors import to_frames, to_tensor

AT_ONCE = 4  # frames that pass through the network together


class ValidationSet:
    """Centre crops of the pictures in ``paths``, at most ``limit`` of them, ``side`` pixels wide and high.

    They are degraded and scored as :mod:`nitido_train.evaluation.conditions` defines for the recipe's task. Denoisers
    that are not trained on developed noise are validated on white noise, even those for cameras.
    """

    def __init__(self, paths: Sequence[Path], recipe: Recipe, *, side: int = 256, limit: int = 24) -> None:
        store = PictureStore(list(paths)[:limit], smallest=side, purpose="validation")
        crops = [_centre(store[i], side) for i in range(len(store))]
        self._conditions = validation_conditions(recipe, crops)

    def __len__(self) -> int:
        """The number of pictures."""
        return len(self._conditions[0].clean)

    @torch.no_grad()
    def score(self, net: nn.Module, device: torch.device | str = "cpu") -> dict[str, float]:
        """Mean PSNR in dB of each condition, their mean as ``psnr``, and the mean SSIM of all frames as ``ssim``."""
        scores: dict[str, float] = {}
        similar: list[float] = []
        for condition in self._conditions:
            values: list[float] = []
            for start in range(0, len(condition.given), AT_ONCE):
                batch = np.stack(condition.given[start : start + AT_ONCE])  # n h w 3
                restored = to_frames(net(to_tensor(torch.from_numpy(batch)).to(device)))
                pairs = list(zip(restored, condition.clean[start : start + AT_ONCE], strict=True))
                values += [score(r, c, condition.scale) for r, c in pairs]
                similar += [_ssim(r, c, condition.scale) for r, c in pairs]
            scores[f"psnr_{condition.key}"] = float(np.mean(values))
        scores["psnr"] = float(np.mean(list(scores.values())))
        scores["ssim"] = float(np.mean(similar))
        return scores

    def examples(self, count: int = 4) -> tuple[Tensor, list[Frame]]:
        """Network inputs n×3×h×w and their clean frames, for pictures during the training. The noise has the middle
        σ."""
        condition = self._conditions[len(self._conditions) // 2]
        return to_tensor(torch.from_numpy(np.stack(condition.given[:count]))), condition.clean[:count]


def _ssim(restored: Frame, clean: Frame, scale: int) -> float:
    """Structural similarity of the parts that :func:`nitido_train.evaluation.metrics.score` compares."""
    pair = np.stack([scored(frame, scale) for frame in (restored, clean)]).astype(np.float32)  # 2 h w c
    a, b = torch.from_numpy(pair).permute(0, 3, 1, 2).split(1)  # 1 c h w each
    return float(cast(Tensor, structural_similarity_index_measure(a, b, data_range=255.0)))


def _centre(frame: Frame, side: int) -> Frame:
    h, w = frame.shape[:2]
    top, left = (h - side) // 2, (w - side) // 2
    return frame[top : top + side, left : left + side]
