"""Fitting a denoiser's noise estimator to what the denoiser makes of its estimates.

In a training, the estimator sees small patches and learns their true levels. What counts is the result: some errors
cost nothing, others smear texture, and the level that gives the best result is not always the true one. Here the
finished network restores frames of several sizes at several levels once, and the estimator learns to choose the level
with the smallest error. The rest of the network stays as it is.
"""

from __future__ import annotations

import copy
import logging
import math
from dataclasses import dataclass, replace
from typing import cast

import torch
from torch import Tensor, nn

from nitido.errors import CheckpointError
from nitido_train.checkpoint import Checkpoint
from nitido_train.data.patches import PatchStream
from nitido_train.data.pictures import PictureStore
from nitido_train.nets.blocks import collapse
from nitido_train.nets.estimator import HIGHEST, LOWEST, NoiseEstimator
from nitido_train.nets.frame import LevelFrameNet
from nitido_train.objectives.levels import QUANTILE, true_level
from nitido_train.recipe.schema import Recipe
from nitido_train.tensors import to_tensor

log = logging.getLogger(__name__)

SIDES = (192, 256, 320)  # pixels of the frames
LEVELS = 9  # that each frame is restored with
RANGE = (0.7, 28.0)
ZOOM, ZOOMED, EDGES = (0.7, 3.0), 0.6, 0.3  # of the recipe's data, for frames that are sharper and softer than patches
STEPS, BATCH, RATE, DECAY = 1500, 128, 4e-3, 1e-3
TRUTH = 0.1  # weight of the true level, beside the error of the result
_SEED = 77


@dataclass(frozen=True)
class Trials:
    """What became of frames at several levels.

    levels: L, ascending.
    statistics: N×S, of each frame.
    errors: N×L, the root mean squared error of the result in 8-bit levels.
    true: N, the true level of each frame.
    """

    levels: Tensor
    statistics: Tensor
    errors: Tensor
    true: Tensor

    def log_errors(self, log_level: Tensor) -> Tensor:
        """ln(error) N of each frame at a level of its own, between the levels that were tried."""
        at, errors = self.levels.log(), self.errors.log()
        inside = log_level.detach().clamp(float(at[0]) + 1e-4, float(at[-1]) - 1e-4)
        below = (torch.searchsorted(at, inside) - 1).clamp(0, len(at) - 2)
        share = ((log_level - at[below]) / (at[below + 1] - at[below])).clamp(-0.5, 1.5)
        low, high = (errors.gather(1, (below + step)[:, None])[:, 0] for step in (0, 1))
        return low + (high - low) * share

    def lost(self, log_level: Tensor) -> float:
        """dB that these levels cost beside the best of those tried, in the mean."""
        best = self.errors.log().min(1).values
        return float((self.log_errors(log_level) - best).mean()) * 20 / math.log(10)

    def part(self, chosen: Tensor) -> Trials:
        return Trials(self.levels, self.statistics[chosen], self.errors[chosen], self.true[chosen])


def fit_estimator(checkpoint: Checkpoint, store: PictureStore, frames: int = 1500) -> Checkpoint:
    """The checkpoint with an estimator that was fitted on ``frames`` frames of the store's pictures. Raises
    ``CheckpointError`` for a network without one."""
    net = checkpoint.averaged_net()
    if not isinstance(net, LevelFrameNet):
        raise CheckpointError(f"recipe '{checkpoint.recipe.name}' trains a network that estimates no noise level")
    trials = try_levels(net, checkpoint.recipe, store, frames)
    estimator = fitted(net.estimator, trials)
    ema = {**checkpoint.ema, **{f"estimator.{name}": value for name, value in estimator.state_dict().items()}}
    provenance = {**checkpoint.provenance, "estimator": {"frames": frames}}
    return replace(checkpoint, net=ema, ema=ema, optimizer={}, provenance=provenance)


@torch.no_grad()
def try_levels(net: LevelFrameNet, recipe: Recipe, store: PictureStore, frames: int) -> Trials:
    """Restores degraded frames with each of ``LEVELS`` levels."""
    plain = cast(LevelFrameNet, collapse(net)).to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    low, high = (math.log(end) for end in RANGE)
    levels = torch.exp(torch.linspace(low, high, LEVELS))
    streams = [PatchStream(store, _with_frames(recipe, side)) for side in SIDES]
    rows: list[tuple[Tensor, list[Tensor], Tensor]] = []
    for number in range(frames):
        given, target = (
            to_tensor(torch.from_numpy(part[None])) for part in streams[number % len(streams)][number]
        )  # 1 3 H W each
        with torch.autocast("cpu", torch.bfloat16):
            errors = [_error(plain(given, level[None]).float(), target) for level in levels]
        rows.append((plain.estimator.statistics(plain.body_input(given))[0], errors, true_level(given, target)[0]))
        if number % 100 == 99:
            log.info("tried levels on %d of %d frames", number + 1, frames)
    return Trials(
        levels,
        torch.stack([statistics for statistics, _, _ in rows]),
        torch.stack([torch.stack(errors) for _, errors, _ in rows]),
        torch.stack([level for _, _, level in rows]).clamp(LOWEST, HIGHEST),
    )


def fitted(estimator: NoiseEstimator, trials: Trials) -> NoiseEstimator:
    """An estimator that chooses well for the trials. Every sixth frame is held out, to say how well."""
    held_out = torch.arange(len(trials.true)) % 6 == 5
    train, test = trials.part(~held_out), trials.part(held_out)
    mean, spread = train.statistics.mean(0), train.statistics.std(0) + 0.05
    middle = train.true.log().mean()
    torch.manual_seed(_SEED)
    hidden = nn.Linear(estimator.hidden.in_features, estimator.hidden.out_features)
    level = nn.Linear(estimator.level.in_features, 1)

    def estimate(statistics: Tensor) -> Tensor:
        return level(torch.relu(hidden((statistics - mean) / spread)))[:, 0] + middle

    optimizer = torch.optim.AdamW([*hidden.parameters(), *level.parameters()], RATE, weight_decay=DECAY)
    for step in range(STEPS):
        for group in optimizer.param_groups:
            group["lr"] = RATE * 0.5 * (1 + math.cos(math.pi * step / STEPS)) + 1e-5
        batch = train.part(torch.randint(len(train.true), (BATCH,)))
        found = estimate(batch.statistics)
        off = batch.true.log() - found
        truth = torch.maximum(QUANTILE * off, (QUANTILE - 1) * off).mean()
        optimizer.zero_grad()
        (batch.log_errors(found).mean() + TRUTH * truth).backward()
        optimizer.step()
    result = copy.deepcopy(estimator)
    result.hidden, result.level = hidden, level
    with torch.no_grad():
        # What the statistics were scaled by becomes a part of the weights.
        log.info(
            "estimates cost %.3f dB on %d held-out frames, true levels %.3f dB",
            test.lost(estimate(test.statistics)),
            len(test.true),
            test.lost(test.true.log()),
        )
        hidden.weight.div_(spread)
        hidden.bias.sub_(hidden.weight @ mean)
        level.bias.add_(middle)
    return result


def _with_frames(recipe: Recipe, side: int) -> Recipe:
    """The recipe for frames ``side`` pixels wide and high."""
    data = replace(recipe.data, patch=side, batch=1, zoom=ZOOM, zoomed=ZOOMED, edges=EDGES)
    return replace(recipe, data=data, seed=recipe.seed + _SEED)


def _error(restored: Tensor, target: Tensor) -> Tensor:
    """Root mean squared error of a result as bytes, in 8-bit levels."""
    return (255 * (restored.clamp(-128 / 255, 127 / 255) - target)).square().mean().sqrt()
