"""Networks from frame to frame, trained to restore degraded patches of pictures."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from nitido.errors import CheckpointError, RecipeError, SourceUnavailable
from nitido.frames import Frame
from nitido_train.charts.figures import Figure
from nitido_train.checkpoint import Checkpoint
from nitido_train.data.loading import load_batches
from nitido_train.data.patches import PatchStream
from nitido_train.data.pictures import PictureStore, find_pictures
from nitido_train.evaluation.validation import ValidationSet
from nitido_train.nets.frame import FrameNet
from nitido_train.nets.planes import in_planes
from nitido_train.objectives.held_out import require_others, validation_line
from nitido_train.objectives.losses import LOSSES
from nitido_train.objectives.options import RunOptions
from nitido_train.objectives.warm_start import first_weights, other_network
from nitido_train.quantization.equalization import equalize
from nitido_train.quantization.imitation import quantize_net
from nitido_train.quantization.ranges import percentile_ranges
from nitido_train.recipe.schema import Recipe
from nitido_train.tensors import to_frames, to_tensor

HELD_OUT = 16  # pictures kept for validation when no validation folder is given
CALIBRATION_BATCHES = 8


class FrameObjective:
    """An :class:`~nitido_train.objectives.objective.Objective`. The score is the PSNR in dB."""

    score, unit = "psnr", "dB"

    def __init__(self, recipe: Recipe, options: RunOptions) -> None:
        """Reads the pictures. Raises ``SourceUnavailable``, ``RecipeError``."""
        self.recipe = recipe
        paths, held_out = _split(options)
        self._store = PictureStore(paths, smallest=recipe.data.patch + 8 * recipe.scale)
        self._validation = ValidationSet(held_out, recipe)
        if recipe.schedule.loss not in LOSSES:
            raise RecipeError(f"[schedule] loss expects one of {', '.join(LOSSES)}; found '{recipe.schedule.loss}'")
        self._loss = LOSSES[recipe.schedule.loss]
        count = len(self._validation)
        self.summary = f"{len(self._store)} pictures, {self._store.skipped} left out, {count} for validation"
        self.validation_note = validation_line(count, len(held_out), len(paths) + len(held_out), options, "pictures")

    def first_net(self, state: Checkpoint, options: RunOptions) -> nn.Module:
        """Random weights, or those of ``options.start``. A quantization-aware training measures the ranges of
        activations on its first patches and stores them in ``state``.

        Raises ``CheckpointError`` when the two networks have too little in common, ``RecipeError`` when patches do not
        fit the network's grid.
        """
        net = cast(FrameNet, self._start(state, options))
        if self.recipe.data.patch % (net.multiple * net.scale):
            raise RecipeError(
                f"[data] patch must be a multiple of {net.multiple * net.scale} for this network; "
                f"found {self.recipe.data.patch}"
            )
        return net

    def _start(self, state: Checkpoint, options: RunOptions) -> nn.Module:
        if options.start is not None and options.start.quantization and not state.step:
            raise CheckpointError(
                "--from is a network that was trained for 8 bits; choose the float one that it was made from"
            )
        if state.step or options.start is None or not options.qat:
            return first_weights(state, options)
        if state.recipe.net != options.start.recipe.net:
            raise other_network(state.recipe, options.start.recipe)
        net = in_planes(options.start.frame_net())
        stream, size = PatchStream(self._store, state.recipe), state.recipe.data.batch
        batches = [_given(stream, range(n * size, (n + 1) * size)) for n in range(CALIBRATION_BATCHES)]
        cells = [net.body_input(batch) for batch in batches]
        net.body = equalize(net.body, cells)
        state.quantization = percentile_ranges(net.body, cells)
        return quantize_net(net, state.quantization).requires_grad_(True).train()

    def batches(self, first: int, rank: int, world: int, workers: int) -> Iterator[Any]:
        return load_batches(PatchStream(self._store, self.recipe), self.recipe, first, rank, world, workers)

    def loss(self, net: nn.Module, batch: Any, step: int, device: torch.device) -> Tensor:
        given, target = (to_tensor(part).to(device) for part in batch)  # N 3 H W
        return self._loss(net(given), target)

    def validate(self, net: nn.Module, device: torch.device) -> dict[str, float]:
        return self._validation.score(net, device)

    @torch.no_grad()
    def pictures(self, net: nn.Module, device: torch.device) -> dict[str, Frame]:
        """Rows of input, restored and clean pictures."""
        given, clean = self._validation.examples()
        restored = to_frames(net(given.to(device)))
        shown = [np.repeat(np.repeat(p, self.recipe.scale, 0), self.recipe.scale, 1) for p in to_frames(given)]
        rows = [np.hstack(row) for row in zip(shown, restored, clean, strict=True)]  # H 3W 3
        return {"given_restored_clean": np.vstack(rows)}

    @torch.no_grad()
    def is_constant(self, net: nn.Module, device: torch.device) -> bool:
        """Whether every restored picture has a single colour."""
        given, _ = self._validation.examples()
        pairs = zip(to_frames(given), to_frames(net(given.to(device))), strict=True)
        return all(_contrast(frame) <= 1 < _contrast(before) for before, frame in pairs)

    def figures(self, net: nn.Module, device: torch.device) -> dict[str, Figure]:
        return {}

    def describe(self, net: nn.Module, device: torch.device) -> dict[str, Any]:
        return {}


def _split(options: RunOptions) -> tuple[list[Path], list[Path]]:
    """Files for training and for validation. Without a validation folder, evenly spaced files are held out. Raises
    ``SourceUnavailable`` when all pictures would be in both."""
    paths = find_pictures(options.data)
    if options.val:
        held_out = find_pictures(options.val)
        require_others(paths, held_out)
        return paths, held_out
    if len({path.resolve() for path in paths}) == 1:
        raise SourceUnavailable(
            f"found one picture, {paths[0]}: training and validation need different ones; add pictures to --data, or "
            "name others with --val"
        )
    held_out = paths[:: max(2, len(paths) // HELD_OUT)]
    apart = set(held_out)
    return [p for p in paths if p not in apart], held_out


def _given(stream: PatchStream, indices: range) -> Tensor:
    return to_tensor(torch.stack([torch.from_numpy(stream[i][0]) for i in indices]))  # n 3 h w


def _contrast(frame: Frame) -> int:
    """The largest difference between two pixels, in 8-bit levels."""
    return int(np.ptp(frame, axis=(0, 1)).max())
