"""Fits a denoiser's noise estimator to the quality of the denoiser's results.

In a training, the estimator sees small patches and learns their true levels. But the result is what counts: some errors
cost nothing, others smear texture, and the level with the best result is not always the true one. Here the finished
network restores frames of several sizes at several levels, once, and the estimator learns to choose the level with the
smallest error. For many more frames, which are not restored, it learns the true level, so that it knows all kinds of
noise. The rest of the network does not change.
"""

from __future__ import annotations

import copy
import logging
import math
from collections.abc import Iterator
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
LEVELS = 9  # noise levels with which each frame is restored
RANGE = (0.7, 28.0)
# zoom of the recipe's data, for frames that are sharper and softer than patches
ZOOM, ZOOMED, EDGES = (0.7, 4.0), 0.7, 0.2
FIRST_STEPS, FIRST_RATE = 4000, 4e-3  # steps with only true levels
STEPS, RATE = 500, 1e-3  # steps with the quality of results
BATCH, DECAY = 128, 1e-3
EVEN = 0.25  # squared 8-bit levels added to every error, so that flat frames, almost without error, count little
TRUTH = 0.1  # weight of the true level, in addition to the error of the result
_SEED = 77


@dataclass(frozen=True)
class Trials:
    """Results for frames at several levels.

    levels: L, ascending.
    statistics: N×S, of each frame.
    errors: N×L, the root mean squared error of the result in 8-bit levels.
    true: N, the true level of each frame.
    """

    levels: Tensor
    statistics: Tensor
    errors: Tensor
    true: Tensor

    @property
    def even_errors(self) -> Tensor:
        return (self.errors.square() + EVEN).sqrt()

    def log_errors(self, log_level: Tensor) -> Tensor:
        """ln(error) N of each frame at its own level, interpolated between the levels that were tried."""
        at, errors = self.levels.log(), self.even_errors.log()
        inside = log_level.detach().clamp(float(at[0]) + 1e-4, float(at[-1]) - 1e-4)
        below = (torch.searchsorted(at, inside) - 1).clamp(0, len(at) - 2)
        share = ((log_level - at[below]) / (at[below + 1] - at[below])).clamp(-0.5, 1.5)
        low, high = (errors.gather(1, (below + step)[:, None])[:, 0] for step in (0, 1))
        return low + (high - low) * share

    def lost(self, log_level: Tensor) -> float:
        """Mean loss in dB of these levels, compared with the best of those that were tried."""
        best = self.even_errors.log().min(1).values
        return float((self.log_errors(log_level) - best).mean()) * 20 / math.log(10)

    def part(self, chosen: Tensor) -> Trials:
        return Trials(self.levels, self.statistics[chosen], self.errors[chosen], self.true[chosen])


def fit_estimator(checkpoint: Checkpoint, store: PictureStore, frames: int = 800, known: int = 6000) -> Checkpoint:
    """The checkpoint with an estimator fitted on ``frames`` restored frames of the store's pictures and on ``known``
    others. Raises ``CheckpointError`` for a network without an estimator."""
    net = checkpoint.averaged_net()
    if not isinstance(net, LevelFrameNet):
        raise CheckpointError(f"recipe '{checkpoint.recipe.name}' trains a network without a noise estimator")
    trials = try_levels(net, checkpoint.recipe, store, frames)
    estimator = fitted(net.estimator, trials, true_levels(net, checkpoint.recipe, store, range(frames, frames + known)))
    ema = {**checkpoint.ema, **{f"estimator.{name}": value for name, value in estimator.state_dict().items()}}
    provenance = {**checkpoint.provenance, "estimator": {"frames": frames, "known": known}}
    return replace(checkpoint, net=ema, ema=ema, optimizer={}, provenance=provenance)


@torch.no_grad()
def try_levels(net: LevelFrameNet, recipe: Recipe, store: PictureStore, frames: int) -> Trials:
    """Restores degraded frames with each of ``LEVELS`` levels."""
    plain = cast(LevelFrameNet, collapse(net)).to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    low, high = (math.log(end) for end in RANGE)
    levels = torch.exp(torch.linspace(low, high, LEVELS))
    rows: list[tuple[Tensor, Tensor, Tensor]] = []
    for given, target in _pairs(recipe, store, range(frames)):
        with torch.autocast("cpu", torch.bfloat16):
            errors = [_error(plain(given, level[None]).float(), target) for level in levels]
        rows.append((*_known(plain, given, target), torch.stack(errors)))
        if len(rows) % 100 == 0:
            log.info("tried levels on %d of %d frames", len(rows), frames)
    statistics, true, errors = (torch.stack(column) for column in zip(*rows, strict=True))
    return Trials(levels, statistics, errors, true)


@torch.no_grad()
def true_levels(net: LevelFrameNet, recipe: Recipe, store: PictureStore, numbers: range) -> tuple[Tensor, Tensor]:
    """(statistics N×S, true levels N) of degraded frames."""
    rows = [_known(net, given, target) for given, target in _pairs(recipe, store, numbers)]
    statistics, true = (torch.stack(column) for column in zip(*rows, strict=True))
    return statistics, true


def fitted(estimator: NoiseEstimator, trials: Trials, known: tuple[Tensor, Tensor]) -> NoiseEstimator:
    """An estimator that chooses well for the trials. Every sixth trial is held out to measure how well.

    known: statistics and true levels of other frames.
    """
    held_out = torch.arange(len(trials.true)) % 6 == 5
    train, test = trials.part(~held_out), trials.part(held_out)
    others, true = known
    mean, spread, middle = others.mean(0), others.std(0) + 0.05, true.log().mean()
    torch.manual_seed(_SEED)
    hidden = nn.Linear(estimator.hidden.in_features, estimator.hidden.out_features)
    level = nn.Linear(estimator.level.in_features, 1)

    def estimate(statistics: Tensor) -> Tensor:
        return level(torch.relu(hidden((statistics - mean) / spread)))[:, 0] + middle

    def miss(statistics: Tensor, true: Tensor) -> Tensor:
        off = true.log() - estimate(statistics)
        return torch.maximum(QUANTILE * off, (QUANTILE - 1) * off).mean()

    for steps, rate, is_first in ((FIRST_STEPS, FIRST_RATE, True), (STEPS, RATE, False)):
        optimizer = torch.optim.AdamW([*hidden.parameters(), *level.parameters()], rate, weight_decay=DECAY)
        for step in range(steps):
            for group in optimizer.param_groups:
                group["lr"] = rate * 0.5 * (1 + math.cos(math.pi * step / steps)) + 1e-5
            batch = torch.randint(len(true), (2 * BATCH,))
            loss = miss(others[batch], true[batch])
            if not is_first:
                tried = train.part(torch.randint(len(train.true), (BATCH,)))
                truth = loss + miss(tried.statistics, tried.true)
                loss = tried.log_errors(estimate(tried.statistics)).mean() + TRUTH * truth
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    result = copy.deepcopy(estimator)
    result.hidden, result.level = hidden, level
    with torch.no_grad():
        log.info(
            "estimates cost %.3f dB on %d held-out frames, true levels %.3f dB",
            test.lost(estimate(test.statistics)),
            len(test.true),
            test.lost(test.true.log()),
        )
        # The scaling of the statistics becomes a part of the weights.
        hidden.weight.div_(spread)
        hidden.bias.sub_(hidden.weight @ mean)
        level.bias.add_(middle)
    return result


def _pairs(recipe: Recipe, store: PictureStore, numbers: range) -> Iterator[tuple[Tensor, Tensor]]:
    """Degraded and clean frames 1×3×H×W of several sizes."""
    streams = [PatchStream(store, _with_frames(recipe, side)) for side in SIDES]
    for number in numbers:
        given, target = (to_tensor(torch.from_numpy(part[None])) for part in streams[number % len(streams)][number])
        yield given, target


def _known(net: LevelFrameNet, given: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """(statistics S, true level) of one frame."""
    level = true_level(given, target)[0].clamp(LOWEST, HIGHEST)
    return net.estimator.statistics(net.body_input(given))[0], level


def _with_frames(recipe: Recipe, side: int) -> Recipe:
    """The recipe for frames ``side`` pixels wide and high."""
    data = replace(recipe.data, patch=side, batch=1, zoom=ZOOM, zoomed=ZOOMED, edges=EDGES)
    return replace(recipe, data=data, seed=recipe.seed + _SEED)


def _error(restored: Tensor, target: Tensor) -> Tensor:
    """Root mean squared error of a result as bytes, in 8-bit levels."""
    return (255 * (restored.clamp(-128 / 255, 127 / 255) - target)).square().mean().sqrt()
