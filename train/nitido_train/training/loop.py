"""The training loop, on Lightning Fabric. It can be stopped and resumed at any step."""

from __future__ import annotations

import logging
import math
import os
from dataclasses import replace
from typing import Any, cast

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from nitido.errors import RecipeError
from nitido.system.process import stop_on_signal
from nitido_train.checkpoint import Checkpoint, save_checkpoint
from nitido_train.objectives.objective import open_objective
from nitido_train.objectives.options import RunOptions
from nitido_train.recipe.schema import Recipe, Schedule
from nitido_train.training.log import Records
from nitido_train.training.muon import Muon
from nitido_train.training.setup import effective_recipe, initial_state, prepare_folder

log = logging.getLogger(__name__)


def train(recipe: Recipe, options: RunOptions) -> Checkpoint:
    """Trains until the recipe's last step, the end of its patience, or a first Ctrl-C or SIGTERM. Returns the last
    checkpoint.

    Writes to ``options.out``: ``last.pt``, ``best.pt`` (highest validation score of the averaged weights), ``log.csv``,
    ``tensorboard/``, ``figures/`` and ``report.html``. Raises ``SourceUnavailable``, ``RecipeError`` or
    ``CheckpointError``.
    """
    fabric = _launched(options)
    recipe = effective_recipe(recipe, options)
    if fabric.is_global_zero:
        prepare_folder(options)
    fabric.barrier()
    objective = open_objective(recipe, options)
    state = initial_state(objective.recipe, options)
    recipe, schedule = state.recipe, state.recipe.schedule
    if recipe.data.batch % fabric.world_size:
        raise RecipeError(
            f"[data] batch expects a multiple of {fabric.world_size} processes; found {recipe.data.batch}"
        )
    log.info("%s", objective.summary)

    torch.manual_seed(recipe.seed)
    raw_net = objective.first_net(state, options).to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    averaged = state.fresh_net().requires_grad_(False)
    averaged.load_state_dict(raw_net.state_dict())
    raw_optimizer = _optimizer(raw_net, schedule, options)
    if state.step:
        raw_net.load_state_dict(state.net)
        averaged.load_state_dict(state.ema)
        raw_optimizer.load_state_dict(state.optimizer)
    net, optimizer = fabric.setup(raw_net, raw_optimizer)
    averaged.to(fabric.device)

    with (
        Records(options, state, schedule, objective.unit, fabric.is_global_zero) as records,
        stop_on_signal(second="interrupt") as stop,
    ):
        for batch in objective.batches(state.step, fabric.global_rank, fabric.world_size, options.workers):
            lr = learning_rate(schedule, state.step)
            for group in raw_optimizer.param_groups:
                group["lr"] = lr
            loss = objective.loss(net, batch, state.step, fabric.device)
            fabric.backward(loss)
            fabric.clip_gradients(net, optimizer, max_norm=schedule.clip, error_if_nonfinite=False)
            optimizer.step()
            optimizer.zero_grad()
            state.step += 1
            _average(averaged, raw_net, schedule.ema, state.step)
            value = loss.item()
            state.loss_sum += value
            records.step(state.step, value, lr)

            over = state.step == schedule.steps
            best = False
            if state.step % schedule.validate_every == 0 or over:
                since = state.step - int(state.history[-1]["step"] if state.history else 0)
                scores = {
                    "loss": _mean(fabric, state.loss_sum / since),
                    **objective.validate(averaged.eval(), fabric.device),
                }
                state.loss_sum = 0.0
                state.history.append({"step": float(state.step), "lr": lr, **scores})
                best = scores[objective.score] > state.best
                state.best = max(state.best, scores[objective.score])
                state.facts = objective.describe(averaged, fabric.device)
                records.validated(state, objective.pictures(averaged, fabric.device))
                over = over or _out_of_patience(state.history, objective.score, schedule.patience)
            asked = _any(fabric, stop.is_set())
            if fabric.is_global_zero and (best or over or asked or records.save_is_due):
                now = replace(
                    state, net=raw_net.state_dict(), ema=averaged.state_dict(), optimizer=raw_optimizer.state_dict()
                )
                if best:
                    save_checkpoint(replace(now, net=now.ema, optimizer={}), options.out / "best.pt")
                if over or asked or records.save_is_due:
                    save_checkpoint(now, options.out / "last.pt")
                    records.saved()
            if over:
                break
            if asked:
                log.warning("stopped at step %d; go on with --resume", state.step)
                break
        records.finished(objective, fabric.device)
    return replace(state, net=raw_net.state_dict(), ema=averaged.state_dict(), optimizer=raw_optimizer.state_dict())


def learning_rate(schedule: Schedule, step: int) -> float:
    """Linear warm-up, then half a cosine from ``lr`` to ``final_lr`` (Loshchilov and Hutter, SGDR, 2017)."""
    if step < schedule.warmup:
        return schedule.lr * (step + 1) / schedule.warmup
    done = (step - schedule.warmup) / max(1, schedule.steps - schedule.warmup)
    return schedule.final_lr + (schedule.lr - schedule.final_lr) * 0.5 * (1 + math.cos(math.pi * min(1.0, done)))


def _optimizer(net: nn.Module, schedule: Schedule, options: RunOptions) -> torch.optim.Optimizer:
    if schedule.optimizer == "muon":
        return Muon(net.parameters(), lr=schedule.lr)
    # The fused optimizer undoes the loss scaling of float16 itself, after which gradients cannot be clipped.
    return torch.optim.Adam(net.parameters(), lr=schedule.lr, fused=options.precision != "16-mixed")


def _launched(options: RunOptions) -> Fabric:
    fabric = Fabric(
        accelerator=options.accelerator,
        devices=options.devices,
        strategy="ddp" if options.devices > 1 or "TORCHELASTIC_RUN_ID" in os.environ else "auto",
        precision=cast(Any, options.precision),
    )
    fabric.launch()
    return fabric


def _mean(fabric: Fabric, value: float) -> float:
    """The mean over all processes."""
    if fabric.world_size == 1:
        return value
    return float(cast(Tensor, fabric.all_reduce(torch.tensor(value, device=fabric.device), reduce_op="mean")))


def _any(fabric: Fabric, asked: bool) -> bool:
    """Whether any process was asked to stop. All stop after the same step."""
    return _mean(fabric, float(asked)) > 0


def _out_of_patience(history: list[dict[str, float]], score: str, patience: int) -> bool:
    values = [row[score] for row in history]
    return patience > 0 and len(values) - 1 - values.index(max(values)) >= patience


@torch.no_grad()
def _average(averaged: nn.Module, net: nn.Module, decay: float, step: int) -> None:
    """Exponential moving average of the weights. It forgets faster at the start."""
    decay = min(decay, (1 + step) / (10 + step))
    for kept, new in zip(averaged.parameters(), net.parameters(), strict=True):
        kept.lerp_(new, 1 - decay)
