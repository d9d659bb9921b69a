"""What a run shows and writes besides its weights: a progress bar, TensorBoard, ``log.csv``, figures and a report."""

from __future__ import annotations

import csv
import io
import logging
import sys
import time
from types import TracebackType

import cv2
import torch
from torch.utils.tensorboard import SummaryWriter
from tqdm import tqdm

from nitido.frames import Frame
from nitido.system.files import write_whole
from nitido_train.checkpoint import Checkpoint
from nitido_train.objectives.objective import Objective
from nitido_train.objectives.options import RunOptions
from nitido_train.recipe.schema import Schedule
from nitido_train.reports.run import write_report
from nitido_train.reports.run_folder import note_end, note_run, read_run

log = logging.getLogger(__name__)

EVERY = 100  # steps between two entries of the training loss


class Records:
    """The records of one run. Only one process of a distributed training writes them, the others are not ``active``."""

    def __init__(self, options: RunOptions, state: Checkpoint, schedule: Schedule, unit: str, active: bool) -> None:
        self._out, self._unit = options.out, unit
        self._saves_every = 60 * options.checkpoint_minutes
        self._saved_at = time.monotonic()
        self._began = time.monotonic()
        if active:
            note_run(state.recipe, options)
        first = state.step
        self._board = (
            SummaryWriter(str(options.out / "tensorboard"), purge_step=first + 1 if first else None) if active else None
        )
        self._bar = tqdm(
            total=schedule.steps,
            initial=first,
            unit="step",
            disable=not (options.progress and active),
            file=sys.stderr,
            mininterval=1.0 if sys.stderr.isatty() else 60.0,  # a log file needs no animation
        )
        self._best = state.best
        self._sum, self._since = 0.0, first

    def __enter__(self) -> Records:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.close()
        if self._board:
            self._board.close()

    @property
    def save_is_due(self) -> bool:
        return time.monotonic() - self._saved_at > self._saves_every

    def saved(self) -> None:
        self._saved_at = time.monotonic()

    def step(self, number: int, loss: float, lr: float) -> None:
        """After step ``number``, with that step's loss."""
        self._bar.update()
        self._sum += loss
        if number % EVERY:
            return
        mean = self._sum / (number - self._since)
        self._sum, self._since = 0.0, number
        if self._board:
            self._board.add_scalar("train/loss", mean, number)
            self._board.add_scalar("train/lr", lr, number)
        best = "" if self._best == float("-inf") else f"{self._best:.2f} {self._unit}"
        self._bar.set_postfix(loss=f"{mean:.5f}", best=best or "none yet", refresh=False)

    def validated(self, state: Checkpoint, pictures: dict[str, Frame]) -> None:
        """After a validation, whose figures are the last of ``state.history``. Raises ``SinkUnavailable``."""
        self._best = state.best
        if self._board is None:
            return
        row = state.history[-1]
        for name, value in row.items():
            if name not in ("step", "lr"):
                self._board.add_scalar(f"val/{name}", value, state.step)
        for name, picture in pictures.items():
            self._board.add_image(name, picture[..., ::-1].copy(), state.step, dataformats="HWC")
            folder = self._out / "figures"
            write_whole(folder / f"{name}.png", cv2.imencode(".png", picture)[1].tobytes())
        write_whole(self._out / "log.csv", _as_csv(state.history))

    def finished(self, objective: Objective, device: torch.device) -> None:
        """Draws the report, when the training has ended for whatever reason and its last checkpoint is written.

        Errors are logged in one line: they must not spoil the training.
        """
        self._bar.close()
        if self._board is None:
            return
        try:
            note_end(self._out, time.monotonic() - self._began, objective.summary)
            run = read_run(self._out)
            for name, figure in write_report(run, objective, device).items():
                self._board.add_image(name, figure.picture[..., ::-1].copy(), run.last.step, dataformats="HWC")
            log.info("report: %s", self._out / "report.html")
        except Exception as error:
            reason = str(error).partition("\n")[0]
            log.warning("no report: %s: %s; 'nitido report %s' tries again", type(error).__name__, reason, self._out)
            log.debug("", exc_info=True)


def _as_csv(history: list[dict[str, float]]) -> bytes:
    """A row for each validation. The columns are those of all rows: a resumed run may measure more than before."""
    columns = list(dict.fromkeys(name for row in history for name in row))
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns)
    writer.writeheader()
    writer.writerows({name: f"{value:.10g}" for name, value in row.items()} for row in history)
    return text.getvalue().encode()
