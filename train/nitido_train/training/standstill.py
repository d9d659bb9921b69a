"""Detects a training that learns nothing: a loss or score that does not change, or a network with constant output."""

from __future__ import annotations

import math
import statistics

from nitido_train.recipe.schema import Recipe

FEWEST = 20  # steps that must have passed, even if the schedule is short
UNCHANGED = 1e-5  # of a score or a loss, as a share of it
FALLEN = 0.02  # smallest decrease of a loss that counts, as a share of it
GROWN = 10  # times the first loss: more than a fluctuation
LATE = 0.8  # of the schedule: afterwards the learning rate is so low that little may change


class Standstill:
    """Watches a training and reports once if a tenth of its schedule passed without progress.

    It reports a constant loss; a loss that has grown tenfold or has not fallen since a start from random weights; a
    score that does not change or was not surpassed in three validations; and outputs that are the same for every input.
    """

    def __init__(self, recipe: Recipe, score: str, *, fresh: bool) -> None:
        """score: its name. fresh: the training starts from random weights."""
        schedule = recipe.schedule
        self._score, self._fresh, self._lr, self._steps = score, fresh, schedule.lr, schedule.steps
        self._tenth = max(FEWEST, math.ceil(schedule.steps / 10))
        warm = max(schedule.warmup, recipe.latent.beta_warmup if recipe.latent else 0)
        self._settled = warm + self._tenth
        self._first: float | None = None
        self._losses: list[float] = []
        self._start: tuple[float, float] | None = None
        self._scores: list[tuple[int, float]] = []
        self._alike_since: int | None = None
        self._said = False

    def step(self, number: int, loss: float) -> str | None:
        """Call after each step. Returns the line to report, once."""
        self._first = loss if self._first is None else self._first
        self._losses.append(loss)
        if len(self._losses) < self._tenth:
            return None
        losses, self._losses = self._losses, []
        mean, error = statistics.fmean(losses), statistics.stdev(losses) / math.sqrt(len(losses))
        begun, self._start = self._start, self._start or (mean, error)
        if max(losses) - min(losses) <= UNCHANGED * abs(mean):
            return self._say(f"the loss has been {mean:.5g} in each of the last {len(losses)} steps")
        if not self._fresh:
            return None
        if mean > GROWN * abs(self._first):
            what = f"the loss has grown: {self._first:.5g} at the first step, {mean:.5g} in the last {len(losses)}"
            return self._say(what, lower=True)
        if begun is None or number < self._settled:
            return None
        gain, noise = begun[0] - mean, math.hypot(error, begun[1])
        if gain < FALLEN * abs(begun[0]) and gain < noise:
            return self._say(f"the loss has not fallen: {begun[0]:.5g} at the beginning, {mean:.5g} at step {number}")
        return None

    def validated(self, number: int, score: float, *, alike: bool) -> str | None:
        """Call after each validation. alike: the network returns the same for inputs that differ."""
        self._scores.append((number, score))
        self._alike_since = (self._alike_since or number) if alike else None
        over = number >= self._steps
        long = self._alike_since is not None and number - self._alike_since >= self._tenth
        if alike and number >= FEWEST and (over or long):
            return self._say("the network returns the same (such as black) for every input", lower=True, beta=True)
        earlier = [(step, value) for step, value in self._scores[:-1] if number - step >= self._tenth]
        earlier = [(step, value) for step, value in earlier if step <= LATE * self._steps]
        if not earlier:
            return None
        since, before = earlier[-1]
        recent = [value for step, value in self._scores if step >= since]
        if max(recent) - min(recent) <= UNCHANGED * max(1.0, abs(before)):
            return self._say(f"the score ({self._score}) has been {score:.5g} since step {since}")
        best = max(value for _, value in self._scores)
        since = next(step for step, value in self._scores if value == best)
        later = [step for step, _ in self._scores if step > since]
        if len(later) >= 3 and number - since >= self._tenth and since <= LATE * self._steps:
            return self._say(f"the score ({self._score}) has not surpassed {best:.5g}, which it had at step {since}")
        return None

    def _say(self, what: str, *, lower: bool = False, beta: bool = False) -> str | None:
        """The line, the first time. lower: advise a lower learning rate. beta: also advise a smaller beta."""
        if self._said:
            return None
        self._said = True
        other = "a lower" if lower else "another"
        also = ", and for a variational autoencoder a smaller --set latent.beta=…" if beta else ""
        return (
            f"the training is not learning: {what}; try {other} learning rate (--set schedule.lr=…, now {self._lr:g}), "
            f"another --set seed=…{also}"
        )
