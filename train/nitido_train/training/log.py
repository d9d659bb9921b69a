"""Writes the records of a run: TensorBoard, ``log.csv``, figures and a report."""

from __future__ import annotations

import csv
import io
import logging
import time
from pathlib import Path
from types import TracebackType

import cv2
import torch

from nitido.errors import SinkUnavailable
from nitido.frames import Frame
from nitido.system.files import write_whole
from nitido_train.checkpoint import Checkpoint
from nitido_train.objectives.objective import Objective
from nitido_train.objectives.options import RunOptions
from nitido_train.reports.run import write_report
from nitido_train.reports.run_folder import note_end, note_run, read_run
from nitido_train.training.events import EventFile
from nitido_train.training.progress import Progress

log = logging.getLogger(__name__)

EVERY = 100  # steps between two entries of the training loss


class Records:
    """The records of one run. Only one process of a distributed training writes them; the others are not ``active``."""

    def __init__(
        self, options: RunOptions, state: Checkpoint, objective: Objective, progress: Progress, *, active: bool
    ) -> None:
        """Raises ``SinkUnavailable``, like every method that writes."""
        self._out, self._unit, self._progress = options.out, objective.unit, progress
        self._saves_every = 60 * options.checkpoint_minutes
        self._saved_at = time.monotonic()
        self._began = time.monotonic()
        if active:
            note_run(state.recipe, options, objective.summary)
        self._board = EventFile(options.out / "tensorboard", first=state.step) if active else None
        self._best = state.best
        self._sum, self._since = 0.0, state.step

    def __enter__(self) -> Records:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._board:
            self._board.close()

    @property
    def save_is_due(self) -> bool:
        return time.monotonic() - self._saved_at > self._saves_every

    def saved(self) -> None:
        self._saved_at = time.monotonic()

    def step(self, number: int, loss: float, lr: float) -> None:
        """Call after step ``number``, with that step's loss."""
        self._progress.step(number)
        self._sum += loss
        if number % EVERY:
            return
        mean = self._sum / (number - self._since)
        self._sum, self._since = 0.0, number
        if self._board:
            self._board.add_scalars({"train/loss": mean, "train/lr": lr}, number)
        best = "" if self._best == float("-inf") else f"{self._best:.2f} {self._unit}"
        self._progress.measured(mean, best or "none yet")

    def validated(self, state: Checkpoint, pictures: dict[str, Frame]) -> None:
        """Call after a validation, whose figures are the last entry of ``state.history``."""
        self._best = state.best
        if self._board is None:
            return
        row = state.history[-1]
        values = {f"val/{name}": value for name, value in row.items() if name not in ("step", "lr")}
        self._board.add_scalars(values, state.step)
        self._board.add_pictures(pictures, state.step)
        for name, picture in pictures.items():
            folder = self._out / "figures"
            write_whole(folder / f"{name}.png", cv2.imencode(".png", picture)[1].tobytes())
        write_whole(self._out / "log.csv", _as_csv(state.history))

    def ended(self, summary: str) -> None:
        """Call when the training has ended for any reason and its last checkpoint is written."""
        if self._board is not None:
            note_end(self._out, time.monotonic() - self._began, summary)

    def report(self, objective: Objective, device: torch.device) -> None:
        """Draws the report. Errors are logged in one line and do not affect the training."""
        if self._board is None:
            return
        try:
            run = read_run(self._out)
            shown = write_report(run, objective, device)
            self._board.add_pictures({name: figure.picture for name, figure in shown.items()}, run.last.step)
            log.info("report: %s", self._out / "report.html")
        except SinkUnavailable:
            raise
        except Exception as error:
            reason = str(error).partition("\n")[0]
            log.warning("no report: %s: %s; 'nitido report %s' tries again", type(error).__name__, reason, self._out)
            log.debug("", exc_info=True)


def kept(out: Path) -> str:
    """Says which checkpoint of a run folder can be continued."""
    last = out / "last.pt"
    if not last.is_file():
        return "no checkpoint was written"
    return f"the last checkpoint, {last}, is kept"


def _as_csv(history: list[dict[str, float]]) -> bytes:
    """A row for each validation. The columns are those of all rows together, because a resumed run may measure more."""
    columns = list(dict.fromkeys(name for row in history for name in row))
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns)
    writer.writeheader()
    writer.writerows({name: f"{value:.10g}" for name, value in row.items()} for row in history)
    return text.getvalue().encode()
