"""Recurrent denoisers, trained on clips: each frame is restored with what is left of the frames before it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from nitido.errors import CheckpointError, RecipeError, SourceUnavailable
from nitido.frames import Frame
from nitido_train.charts.figures import Figure
from nitido_train.checkpoint import Checkpoint
from nitido_train.data.clips import ClipStore, ClipStream, find_sources
from nitido_train.data.loading import load_batches
from nitido_train.data.motion import Clip, moving_clip
from nitido_train.data.pictures import PictureStore
from nitido_train.evaluation.clips import ClipValidation, Playback
from nitido_train.nets.frame import LevelFrameNet
from nitido_train.nets.live import LiveFrameNet, begin_with
from nitido_train.objectives.held_out import require_others, validation_line
from nitido_train.objectives.levels import told_levels, true_level
from nitido_train.objectives.options import RunOptions
from nitido_train.objectives.warm_start import first_weights
from nitido_train.recipe.schema import ClipRecipe, NoiseRecipe, Recipe
from nitido_train.tensors import to_tensor

log = logging.getLogger(__name__)

VALIDATED = 8  # clips
FRAMES, SIDE = 12, 160  # of each
BLOCK = 12  # pixels of a side: small enough for the edge of a moving thing
TYPICAL = 0.02  # error of a first frame; it only sets the size of the loss


class ClipObjective:
    """An :class:`~nitido_train.objectives.objective.Objective`. The score is the PSNR in dB of the last frames of
    clips."""

    score, unit = "psnr", "dB"

    def __init__(self, recipe: Recipe, options: RunOptions) -> None:
        """Reads pictures and videos. Raises ``SourceUnavailable``, ``RecipeError``."""
        if recipe.clips is None:
            raise RecipeError(f"[net] '{recipe.net.kind}' is trained on clips; the recipe lacks a [clips] table")
        self.recipe, self._asked = recipe, recipe.clips
        side, length = recipe.data.patch, recipe.clips.length
        pictures, videos = find_sources(options.data)
        if options.val:
            held = find_sources(options.val)
            require_others(pictures + videos, held[0] + held[1])
        else:
            held = pictures[:: max(2, len(pictures) // VALIDATED)], videos[:: max(4, len(videos) // VALIDATED)]
        kept = [
            [p for p in paths if options.val or p not in set(out)]
            for paths, out in zip((pictures, videos), held, strict=True)
        ]
        self._pictures = PictureStore(kept[0], smallest=side) if kept[0] else None
        self._clips = ClipStore(kept[1], smallest=side, shortest=2 * length)
        if self._pictures is None and not len(self._clips):
            raise SourceUnavailable("neither pictures nor videos are left to train on; add some to --data")
        clips = _validation_clips(*held)
        self._validation = ClipValidation(clips)
        count = 0 if self._pictures is None else len(self._pictures)
        self.summary = f"{count} pictures and {len(self._clips)} videos, {len(clips)} clips for validation"
        out = len(held[0]) + len(held[1])
        together = len(pictures) + len(videos) + out
        self.validation_note = validation_line(len(clips), out, together, options, "pictures and videos")

    def first_net(self, state: Checkpoint, options: RunOptions) -> nn.Module:
        """Random weights, or those of ``options.start``, which may be a denoiser of single frames.

        Raises ``CheckpointError`` when the two networks have too little in common, ``RecipeError`` when patches do not
        fit the network's grid.
        """
        net = cast(LiveFrameNet, state.fresh_net())
        if self.recipe.data.patch % net.multiple:
            raise RecipeError(
                f"[data] patch must be a multiple of {net.multiple} for this network; found {self.recipe.data.patch}"
            )
        single = None if state.step or options.start is None else options.start.averaged_net()
        if not isinstance(single, LevelFrameNet):
            return first_weights(state, options)
        try:
            begin_with(net, single)
        except (ValueError, RuntimeError) as error:
            raise CheckpointError(f"--from holds a network of other layers: {error}") from error
        log.info("starting from %s, with an untrained gate", cast(Checkpoint, options.start).recipe.name)
        return net.requires_grad_(True).train()

    def batches(self, first: int, rank: int, world: int, workers: int) -> Iterator[Any]:
        stream = ClipStream(self._pictures, self._clips, self.recipe)
        return load_batches(stream, self.recipe, first, rank, world, workers)

    def loss(self, net: nn.Module, batch: Any, step: int, device: torch.device) -> Tensor:
        given, target = batch  # N T H W 3 bytes
        noise = cast(NoiseRecipe, self.recipe.noise)
        truth = [to_tensor(target[:, t]).to(device) for t in range(target.shape[1])]
        level = true_level(to_tensor(given[:, 0]).to(device), truth[0])
        told = told_levels(level, noise, torch.Generator().manual_seed(1_000_003 * self.recipe.seed + step))
        return unrolled_loss(cast(LiveFrameNet, net), given.numpy(), truth, told, self._asked)

    def validate(self, net: nn.Module, device: torch.device) -> dict[str, float]:
        return self._validation.score(cast(LiveFrameNet, net))

    @torch.no_grad()
    def pictures(self, net: nn.Module, device: torch.device) -> dict[str, Frame]:
        """Rows of given, restored without and with a past, and clean frames."""
        rows = [np.hstack(row) for row in self._validation.examples(cast(LiveFrameNet, net))]
        return {"given_first_live_clean": np.vstack(rows)}

    def is_constant(self, net: nn.Module, device: torch.device) -> bool:
        """Whether every restored frame is of a single colour."""
        rows = self._validation.examples(cast(LiveFrameNet, net), 2)
        return all(np.ptp(live) <= 1 < np.ptp(given) for given, _, live, _ in rows)

    def figures(self, net: nn.Module, device: torch.device) -> dict[str, Figure]:
        return {}

    def describe(self, net: nn.Module, device: torch.device) -> dict[str, Any]:
        return {}


def unrolled_loss(
    net: LiveFrameNet, given: NDArray[np.uint8], truth: list[Tensor], told: Tensor, asked: ClipRecipe
) -> Tensor:
    """The loss of clips: the root mean squared error of each frame, that of its change, and what the past spoils.

    The last is by how much a block of a frame is worse than the same network makes it without a past: a past that helps
    in one place must not be paid for in another. All are relative to the error of the clip's first frame: the PSNR of a
    clean clip then counts as much as that of a noisy one.

    given: uint8 N×T×H×W×3. truth: T times N×3×H×W. told: noise levels N, -1 where they are estimated.
    """
    play = Playback(net)
    total, weights = torch.zeros((), device=truth[0].device), 0.0
    last = unit = torch.empty(0)
    for t, clean in enumerate(truth):
        if t and t % asked.back == 0:
            play.forget_gradients()
        off = play(np.ascontiguousarray(given[:, t]), told).float() - clean
        error = _root(off)
        if t == 0:
            unit = error.detach() / TYPICAL
        weight = asked.first if t == 0 else 1.0
        total = total + weight * (error / unit).mean()
        if t:
            total = total + asked.flicker * (_root(off - last) / unit).mean()
        if t and asked.worse:
            spoiled = (_roots(off) - _roots(play.without_past().float() - clean)).clamp(min=0).mean((1, 2, 3))
            total = total + asked.worse * (spoiled / unit).mean()
        last = off
        weights += weight
    return total / weights


def _root(off: Tensor) -> Tensor:
    """Root mean squares of N×3×H×W, N, softened below one 8-bit level."""
    return torch.sqrt((off * off).mean((1, 2, 3)) + 1 / 255**2)


def _roots(off: Tensor) -> Tensor:
    """As :func:`_root`, of blocks: N×1×h×w."""
    return torch.sqrt(F.avg_pool2d((off * off).mean(1, keepdim=True), BLOCK) + 1 / 255**2)


def _validation_clips(pictures: list[Path], videos: list[Path]) -> list[Clip]:
    """The middles of held-out videos, or else clips made from held-out pictures. Raises ``SourceUnavailable``."""
    if videos:
        store = ClipStore(videos, smallest=SIDE, shortest=FRAMES)
        if len(store):
            return [_middle(store[i]) for i in range(min(VALIDATED, len(store)))]
    if not pictures:
        raise SourceUnavailable(
            "nothing is left for validation; add pictures or videos to --data, or name some with --val"
        )
    store = PictureStore(pictures, smallest=SIDE, purpose="validation")
    return [moving_clip(store.draw, FRAMES, SIDE, np.random.default_rng([4000, i])) for i in range(VALIDATED)]


def _middle(clip: Clip) -> Clip:
    start, top, left = (n // 2 - size // 2 for n, size in zip(clip.shape, (FRAMES, SIDE, SIDE), strict=False))
    return clip[start : start + FRAMES, top : top + SIDE, left : left + SIDE]
