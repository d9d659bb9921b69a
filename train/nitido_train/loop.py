"""The training loop, on Lightning Fabric: readable from top to bottom, stoppable and resumable at any step."""

from __future__ import annotations

import csv
import logging
import math
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.utils.data import DataLoader
from torch.utils.tensorboard import SummaryWriter
from tqdm import tqdm

from nitido.errors import RecipeError
from nitido_train import checkpoint as checkpoints
from nitido_train.checkpoint import Checkpoint
from nitido_train.data import PatchStream, PictureStore, Remaining, find_pictures, to_tensor
from nitido_train.losses import LOSSES
from nitido_train.recipe import Recipe, Schedule
from nitido_train.start import RunOptions, begin, first_net
from nitido_train.validate import ValidationSet, to_pictures

log = logging.getLogger(__name__)

HELD_OUT = 16  # pictures kept for validation when no validation folder is given


def train(recipe: Recipe, options: RunOptions) -> Checkpoint:
    """Trains until the recipe's last step or a first Ctrl-C / SIGTERM, and returns the last checkpoint.

    Writes to ``options.out``: ``last.pt``, ``best.pt`` (highest validation PSNR of the averaged weights),
    ``log.csv`` and ``tensorboard/``. Raises ``SourceUnavailable``, ``RecipeError`` or ``CheckpointError``.
    """
    state = begin(recipe, options)
    recipe = state.recipe
    fabric = Fabric(accelerator=options.accelerator, devices=1, precision=cast(Any, options.precision))
    paths, held_out = _split(options)
    store = PictureStore(paths, smallest=recipe.data.patch + 8 * recipe.scale)
    validation = ValidationSet(held_out, recipe)
    log.info("%d pictures, %d left out, %d for validation", len(store), store.skipped, len(held_out))

    torch.manual_seed(recipe.seed)
    raw_net = first_net(state, options, store).to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    if recipe.data.patch % (raw_net.multiple * raw_net.scale):
        raise RecipeError(
            f"[data] patch must be a multiple of {raw_net.multiple * raw_net.scale} for this network; "
            f"found {recipe.data.patch}"
        )
    averaged = state.fresh_net().requires_grad_(False)
    averaged.load_state_dict(raw_net.state_dict())
    raw_optimizer = torch.optim.Adam(raw_net.parameters(), lr=recipe.schedule.lr, fused=True)
    if state.step:
        raw_net.load_state_dict(state.net)
        averaged.load_state_dict(state.ema)
        raw_optimizer.load_state_dict(state.optimizer)
    net, optimizer = fabric.setup(raw_net, raw_optimizer)
    averaged.to(fabric.device)
    loss_of = LOSSES[recipe.schedule.loss]

    first = state.step
    board = SummaryWriter(str(options.out / "tensorboard"), purge_step=first + 1 if first else None)
    bar = tqdm(total=recipe.schedule.steps, initial=first, unit="step", disable=not options.progress, file=sys.stderr)
    saved_at = time.monotonic()
    running = 0.0

    def capture() -> Checkpoint:
        return replace(state, net=raw_net.state_dict(), ema=averaged.state_dict(), optimizer=raw_optimizer.state_dict())

    with _stop_on_signal() as stop, board, bar:
        for given, target in _batches(store, recipe, first, options.workers):
            lr = learning_rate(recipe.schedule, state.step)
            for group in raw_optimizer.param_groups:
                group["lr"] = lr
            given, target = to_tensor(given).to(fabric.device), to_tensor(target).to(fabric.device)  # N 3 H W
            loss = loss_of(net(given), target)
            fabric.backward(loss)
            fabric.clip_gradients(net, optimizer, max_norm=recipe.schedule.clip, error_if_nonfinite=False)
            optimizer.step()
            optimizer.zero_grad()
            state.step += 1
            _average(averaged, raw_net, recipe.schedule.ema, state.step)

            running += loss.item()
            if state.step % 100 == 0:
                board.add_scalar("train/loss", running / 100, state.step)
                board.add_scalar("train/lr", lr, state.step)
                bar.set_postfix(loss=f"{running / 100:.5f}", best=f"{state.best:.2f} dB", refresh=False)
                running = 0.0
            bar.update()

            last = state.step == recipe.schedule.steps
            if state.step % recipe.schedule.validate_every == 0 or last:
                scores = _validate(validation, averaged, fabric, board, state, lr)
                _append(options.out / "log.csv", state.history[-1])
                if scores["psnr"] > state.best:
                    state.best = scores["psnr"]
                    checkpoints.save(replace(capture(), optimizer={}), options.out / "best.pt")
            if last or stop.is_set() or time.monotonic() - saved_at > 60 * options.checkpoint_minutes:
                checkpoints.save(capture(), options.out / "last.pt")
                saved_at = time.monotonic()
            if stop.is_set():
                log.warning("stopped at step %d; go on with --resume", state.step)
                break
    return capture()


def learning_rate(schedule: Schedule, step: int) -> float:
    """Linear warm-up, then half a cosine from ``lr`` to ``final_lr`` (Loshchilov and Hutter, SGDR, 2017)."""
    if step < schedule.warmup:
        return schedule.lr * (step + 1) / schedule.warmup
    done = (step - schedule.warmup) / max(1, schedule.steps - schedule.warmup)
    return schedule.final_lr + (schedule.lr - schedule.final_lr) * 0.5 * (1 + math.cos(math.pi * min(1.0, done)))


def _split(options: RunOptions) -> tuple[list[Path], list[Path]]:
    """Training and validation files; without a validation folder, evenly spaced training files are held out."""
    paths = find_pictures(options.data)
    if options.val:
        return paths, find_pictures(options.val)
    stride = max(2, len(paths) // HELD_OUT)
    held_out = paths[::stride] if len(paths) > 1 else paths
    apart = set(held_out)
    kept = [p for p in paths if p not in apart]
    return kept or paths, held_out


def _batches(store: PictureStore, recipe: Recipe, step: int, workers: int) -> Iterator[tuple[Tensor, Tensor]]:
    stream = PatchStream(store, recipe)
    size = recipe.data.batch
    loader = DataLoader(
        stream,
        batch_size=size,
        sampler=Remaining(step * size, len(stream)),
        num_workers=workers,
        prefetch_factor=8 if workers else None,
        # Forked workers share the decoded pictures; spawned ones would each get a copy.
        multiprocessing_context="fork" if workers and sys.platform == "linux" else None,
    )
    return iter(loader)


@torch.no_grad()
def _average(averaged: nn.Module, net: nn.Module, decay: float, step: int) -> None:
    """Exponential moving average of the weights, with a shorter memory at the start."""
    decay = min(decay, (1 + step) / (10 + step))
    for kept, new in zip(averaged.parameters(), net.parameters(), strict=True):
        kept.lerp_(new, 1 - decay)


def _validate(
    validation: ValidationSet,
    net: nn.Module,
    fabric: Fabric,
    board: SummaryWriter,
    state: Checkpoint,
    lr: float,
) -> dict[str, float]:
    scores = validation.score(net.eval(), fabric.device)
    for name, value in scores.items():
        board.add_scalar(f"val/{name}", value, state.step)
    given, clean = validation.examples()
    with torch.no_grad():
        restored = to_pictures(net(given.to(fabric.device)))
    for i, (r, c) in enumerate(zip(restored, clean, strict=True)):
        pair = torch.cat([torch.from_numpy(r), torch.from_numpy(c.copy())], dim=1)  # H 2W 3
        board.add_image(f"restored_and_clean/{i}", pair.flip(-1), state.step, dataformats="HWC")
    state.history.append({"step": float(state.step), "lr": lr, **scores})
    return scores


def _append(path: Path, row: dict[str, float]) -> None:
    new = not path.exists()
    with path.open("a", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, row)
        if new:
            writer.writeheader()
        writer.writerow({k: f"{v:.6g}" for k, v in row.items()})


@contextmanager
def _stop_on_signal() -> Iterator[threading.Event]:
    """Turns the first SIGINT or SIGTERM into a request to stop after the current step; a second one interrupts."""
    stop = threading.Event()

    def ask(number: int, _frame: object) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    previous = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
