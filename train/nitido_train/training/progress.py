"""Shows the progress of a training: a bar on a terminal, lines in a log, and early on an estimate of its length."""

from __future__ import annotations

import sys
import threading
import time
from types import TracebackType

from tqdm import tqdm

from nitido_train.reports.run import duration

EVERY = 9.0  # seconds between two lines; a little less than ten
FIRST = 1.0  # seconds of steps before their rate is reliable


class Progress:
    """Progress on stderr. On a terminal, a bar; elsewhere, a line at least every ten seconds, written by a thread,
    because a step or a validation may take longer."""

    def __init__(self, steps: int, *, shown: bool) -> None:
        """steps: of the whole training."""
        self._steps, self._shown = steps, shown
        self._terminal = shown and sys.stderr is not None and sys.stderr.isatty()
        self._bar: tqdm | None = None
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._speak, daemon=True)
        self._doing, self._doing_since = "starting", time.monotonic()
        self._first = self._done = 0
        self._loss = ""
        self._began = self._first_step_at = 0.0
        self._estimated = False

    def __enter__(self) -> Progress:
        if self._shown and not self._terminal:
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        if self._bar is not None:
            self._bar.close()
        if self._thread.is_alive():
            self._thread.join()

    def doing(self, what: str) -> None:
        """Names the work from now until the next step, such as ``reading the data``."""
        self._doing, self._doing_since = what, time.monotonic()
        if self._bar is not None:
            self._bar.set_description(what)

    def begin(self, first: int) -> None:
        """Call when the steps begin. first: number of steps that were done before."""
        self._first = self._done = first
        self._began = time.monotonic()
        self._doing = ""
        if self._terminal:
            self._bar = tqdm(total=self._steps, initial=first, unit="step", file=sys.stderr, mininterval=1.0)

    def step(self, number: int) -> None:
        """Call when step ``number`` is done."""
        now = time.monotonic()
        if self._doing:
            self.doing("")
        self._done = number
        if number == self._first + 1:
            self._first_step_at = now
        elif not self._estimated and now - self._first_step_at >= FIRST:
            # The first step does not count, because it includes work that is done only once.
            self._estimated = True
            each = (now - self._first_step_at) / (number - self._first - 1)
            left = self._steps - number
            self._line(f"about {duration(each * left)} for the {left:,} steps left, {_rate(each)}, plus validations")
        if self._bar is not None:
            self._bar.update()

    def measured(self, loss: float, best: str) -> None:
        """Call with the mean loss of the last steps and the best score so far."""
        self._loss = f", loss {loss:.5f}, best {best}"
        if self._bar is not None:
            self._bar.set_postfix(loss=f"{loss:.5f}", best=best, refresh=False)

    def _speak(self) -> None:
        while not self._over.wait(EVERY):
            self._line(self._state())

    def _state(self) -> str:
        now = time.monotonic()
        where = f"step {self._done:,} of {self._steps:,}"
        if self._doing:
            return f"{where}: {self._doing}, {now - self._doing_since:.0f} s so far"
        if self._done == self._first:
            return f"{where}: no step yet after {now - self._began:.0f} s"
        each = (now - self._began) / (self._done - self._first)
        return f"{where}, {_rate(each)}{self._loss}, about {duration(each * (self._steps - self._done))} left"

    def _line(self, text: str) -> None:
        if not self._shown:
            return
        try:
            if self._terminal:
                tqdm.write(text, file=sys.stderr)
            else:
                sys.stderr.write(f"{text}\n")
                sys.stderr.flush()
        except (OSError, ValueError):  # nobody reads it any more; the training continues
            self._shown = False
            self._over.set()


def _rate(each: float) -> str:
    """Seconds per step as people read them."""
    return f"{each:.1f} s a step" if each >= 1 else f"{1 / max(each, 1e-6):.1f} steps/s"
