"""The training loop, on Lightning Fabric. It can be stopped and resumed at any step."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import cast

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from nitido.errors import SinkUnavailable, TrainingError
from nitido.frames import Frame
from nitido.system.process import Stop, stop_on_signal
from nitido_train.checkpoint import Checkpoint, save_checkpoint
from nitido_train.finite import all_finite, first_not_finite
from nitido_train.objectives.objective import Objective, open_objective
from nitido_train.objectives.options import RunOptions
from nitido_train.recipe.schema import Recipe, Schedule
from nitido_train.training.interruption import Interruptible, Interruption
from nitido_train.training.log import Records, kept
from nitido_train.training.muon import Muon
from nitido_train.training.processes import is_first_process, open_fabric, require_even_shares
from nitido_train.training.progress import Progress
from nitido_train.training.setup import effective_recipe, initial_state, prepare_folder, restore, say_data
from nitido_train.training.standstill import Standstill

log = logging.getLogger(__name__)


def train(recipe: Recipe, options: RunOptions) -> Checkpoint:
    """Trains until the recipe's last step, the end of its patience, or a first Ctrl-C or SIGTERM. Returns the last
    checkpoint.

    Writes to ``options.out``: ``last.pt``, ``best.pt`` (highest validation score of the averaged weights), ``log.csv``,
    ``tensorboard/``, ``figures/`` and, unless it was stopped, ``report.html``. Raises ``SourceUnavailable``,
    ``RecipeError``, ``CheckpointError``, ``SinkUnavailable``, or ``TrainingError`` when it diverges or cannot go on.
    """
    recipe = effective_recipe(recipe, options)
    with Progress(recipe.schedule.steps, shown=options.progress and is_first_process()) as progress:
        progress.doing("reading the data")
        fabric = open_fabric(options)
        if is_first_process():
            prepare_folder(options)
        objective = open_objective(recipe, options)
        state = initial_state(objective.recipe, options)
        recipe, schedule = state.recipe, state.recipe.schedule
        require_even_shares(recipe.data.batch, options)
        # Only now, so that errors of recipe or data are reported once and not by every process.
        fabric.launch()
        fabric.barrier()
        say_data(objective, options)

        torch.manual_seed(recipe.seed)
        raw_net = objective.first_net(state, options).to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
        averaged = state.fresh_net().requires_grad_(False)
        averaged.load_state_dict(raw_net.state_dict())
        raw_optimizer = _optimizer(raw_net, schedule, options)
        if state.step:
            restore(state, raw_net, averaged, raw_optimizer)
        net, optimizer = fabric.setup(raw_net, raw_optimizer)
        averaged.to(fabric.device)

        pause = Interruptible()
        with (
            Records(options, state, objective, progress, active=fabric.is_global_zero) as records,
            stop_on_signal(second="interrupt", asked=pause.asked) as stop,
        ):
            watch = Standstill(recipe, objective.score, fresh=not state.step and options.start is None)
            run = _Run(
                fabric,
                objective,
                options,
                state,
                raw_net,
                averaged,
                raw_optimizer,
                records,
                progress,
                watch,
                pause,
                stop,
            )
            progress.begin(state.step)
            # A signal may have interrupted the last validation.
            ended = run.owes_validation and run.conclude(learning_rate(schedule, state.step - 1))
            batches = objective.batches(state.step, fabric.global_rank, fabric.world_size, options.workers)
            for batch in () if ended else batches:
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
                run.require_finite_step(value)
                state.loss_sum += value
                run.note_step(value, lr)
                if run.conclude(lr):
                    break
            run.finish()
        return run.checkpoint()


@dataclass
class _Run:
    """The state of a training in progress, and the work between two steps."""

    fabric: Fabric
    objective: Objective
    options: RunOptions
    state: Checkpoint
    net: nn.Module
    averaged: nn.Module
    optimizer: torch.optim.Optimizer
    records: Records
    progress: Progress
    watch: Standstill
    pause: Interruptible
    stop: Stop
    asked: bool = False
    """Whether a signal to any process asked the training to stop."""

    def checkpoint(self) -> Checkpoint:
        """The state with the weights as they are."""
        return replace(
            self.state,
            net=self.net.state_dict(),
            ema=self.averaged.state_dict(),
            optimizer=self.optimizer.state_dict(),
        )

    @property
    def _validation_is_due(self) -> bool:
        schedule = self.state.recipe.schedule
        return self.state.step % schedule.validate_every == 0 or self.state.step == schedule.steps

    @property
    def owes_validation(self) -> bool:
        """Whether the validation after the last step is missing in the history."""
        last = self.state.history[-1]["step"] if self.state.history else 0
        return self._validation_is_due and last != self.state.step

    def require_finite_step(self, loss: float) -> None:
        """Raises ``TrainingError`` when the loss or a weight is not finite in any process. Such a step is not kept."""
        weights = all_finite(self.net.parameters())
        if _any(self.fabric, not (math.isfinite(loss) and weights)):
            what = f"the loss is {loss}" if not math.isfinite(loss) else "weights are not finite"
            raise self._diverged(f"{what} after step {self.state.step}, expected a finite number")

    def note_step(self, loss: float, lr: float) -> None:
        self._warn(self.watch.step(self.state.step, loss))
        self._write(lambda: self.records.step(self.state.step, loss, lr))

    def conclude(self, lr: float) -> bool:
        """After a step: validates and saves if that is due. Returns whether the training ends here."""
        state, schedule = self.state, self.state.recipe.schedule
        over = state.step >= schedule.steps
        pictures = None
        best = False
        if self._validation_is_due:
            before = state.best
            pictures = self._validate(lr)
            best = state.best > before
            over = over or (
                pictures is not None and _out_of_patience(state.history, self.objective.score, schedule.patience)
            )
        asked = self.asked = _any(self.fabric, self.stop.is_set())

        def write() -> None:
            if best:
                now = self.checkpoint()
                save_checkpoint(replace(now, net=now.ema, optimizer={}), self.options.out / "best.pt")
            if pictures is not None or over or asked or self.records.save_is_due:
                save_checkpoint(self.checkpoint(), self.options.out / "last.pt")
                self.records.saved()
            if pictures is not None:
                self.records.validated(state, pictures)

        self._write(write)
        return over or asked

    def finish(self) -> None:
        """After the last step: writes the other files of the run folder. A stopped run does not get a report, which may
        take minutes."""
        out, state = self.options.out, self.state
        self._write(lambda: self.records.ended(self.objective.summary))
        if not self.fabric.is_global_zero:
            return
        if self.asked and (state.step < state.recipe.schedule.steps or self.owes_validation):
            log.warning(
                "stopped at step %d; continue with --resume; 'nitido report %s' draws the report", state.step, out
            )
            return
        self.progress.doing("drawing the report")
        try:
            with self.pause.block():
                self.records.report(self.objective, self.fabric.device)
        except Interruption:
            log.warning("no report, because it was stopped: 'nitido report %s' draws it", out)
        except SinkUnavailable as error:
            raise TrainingError(f"{error}; {kept(out)}; make room, then run 'nitido report {out}'") from error

    def _validate(self, lr: float) -> dict[str, Frame] | None:
        """Adds a row to the history and returns pictures; ``None`` if a signal interrupts it."""
        state, objective, device = self.state, self.objective, self.fabric.device
        since = state.step - int(state.history[-1]["step"] if state.history else 0)
        loss = _mean(self.fabric, state.loss_sum / since)
        self.progress.doing("validating")
        try:
            with self.pause.block():
                scores = {"loss": loss, **objective.validate(self.averaged.eval(), device)}
                facts = objective.describe(self.averaged, device)
                pictures = objective.pictures(self.averaged, device)
                alike = objective.is_constant(self.averaged, device)
        except Interruption:
            return None
        except TrainingError as error:
            raise self._diverged(f"{error} (validation after step {state.step})") from error
        broken = first_not_finite(self.averaged.state_dict())
        # The PSNR of equal pictures is infinite.
        broken = broken or next((n for n, v in scores.items() if math.isnan(v) or v == -math.inf), None)
        if broken:
            raise self._diverged(f"'{broken}' is not finite in the validation after step {state.step}")
        state.loss_sum = 0.0
        state.history.append({"step": float(state.step), "lr": lr, **scores})
        state.best = max(state.best, scores[objective.score])
        state.facts = facts
        self._warn(self.watch.validated(state.step, scores[objective.score], alike=alike))
        return pictures

    def _warn(self, line: str | None) -> None:
        if line and self.fabric.is_global_zero:
            log.warning("%s", line)

    def _write(self, write: Callable[[], None]) -> None:
        """Lets the first process write. If that fails, every process raises ``TrainingError``."""
        failure: SinkUnavailable | None = None
        if self.fabric.is_global_zero:
            try:
                write()
            except SinkUnavailable as error:
                failure = error
        if _any(self.fabric, failure is not None):
            raise TrainingError(
                f"{failure}; {kept(self.options.out)}; make room, then continue with --resume"
            ) from failure

    def _diverged(self, what: str) -> TrainingError:
        lr = self.state.recipe.schedule.lr
        return TrainingError(
            f"{what}: the training has diverged; {kept(self.options.out)}; try a lower learning rate "
            f"(--set schedule.lr=…, now {lr:g})"
        )


def learning_rate(schedule: Schedule, step: int) -> float:
    """Linear warm-up, then half a cosine from ``lr`` to ``final_lr`` (Loshchilov and Hutter, SGDR, 2017)."""
    if step < schedule.warmup:
        return schedule.lr * (step + 1) / schedule.warmup
    done = (step - schedule.warmup) / max(1, schedule.steps - schedule.warmup)
    return schedule.final_lr + (schedule.lr - schedule.final_lr) * 0.5 * (1 + math.cos(math.pi * min(1.0, done)))


def _optimizer(net: nn.Module, schedule: Schedule, options: RunOptions) -> torch.optim.Optimizer:
    if schedule.optimizer == "muon":
        return Muon(net.parameters(), lr=schedule.lr)
    # The fused optimizer would undo the loss scaling of float16 itself, and then gradients could not be clipped.
    return torch.optim.Adam(net.parameters(), lr=schedule.lr, fused=options.precision != "16-mixed")


def _mean(fabric: Fabric, value: float) -> float:
    """The mean over all processes."""
    if fabric.world_size == 1:
        return value
    return float(cast(Tensor, fabric.all_reduce(torch.tensor(value, device=fabric.device), reduce_op="mean")))


def _any(fabric: Fabric, asked: bool) -> bool:
    """Whether any process was asked to stop. Then all of them stop after the same step."""
    return _mean(fabric, float(asked)) > 0


def _out_of_patience(history: list[dict[str, float]], score: str, patience: int) -> bool:
    values = [row[score] for row in history]
    return patience > 0 and len(values) - 1 - values.index(max(values)) >= patience


@torch.no_grad()
def _average(averaged: nn.Module, net: nn.Module, decay: float, step: int) -> None:
    """Exponential moving average of the weights. It forgets faster at the start."""
    decay = min(decay, (1 + step) / (10 + step))
    for mean, new in zip(averaged.parameters(), net.parameters(), strict=True):
        mean.lerp_(new, 1 - decay)
