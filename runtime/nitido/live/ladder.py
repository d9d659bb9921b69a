"""The deadline ladder: it controls the work per frame by the time that frames take.

It is a pure state machine. It gets the duration of each restoration and the current time. It starts no threads and
reads no clock, so every decision can be replayed in a test.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Rung:
    """One step: the model variant (its place in the list; ``None``: the unchanged frame), whether it runs at half size,
    and ``every``: it gets one of so many frames."""

    name: str
    variant: int | None
    half: bool = False
    every: int = 1


@dataclass(frozen=True)
class Change:
    """A change from rung ``before`` to ``after``, ``at`` seconds on the run's clock. ``p95``: of the restorations on
    ``before``. ``budget``: allowed time for a frame on ``before`` (down) or on ``after`` (up). Both in seconds."""

    at: float
    before: str
    after: str
    p95: float
    budget: float

    @property
    def down(self) -> bool:
        """Towards less work."""
        return self.p95 > self.budget

    def line(self) -> str:
        """The change and its reason, in one line."""
        sign, way = (">", "down") if self.down else ("<", "up")
        return f"{way}: {self.before} -> {self.after} (p95 {1000 * self.p95:.1f} ms {sign} {1000 * self.budget:.1f} ms)"


def plan_rungs(variants: Sequence[str], *, recurrent: int = 0, halving: bool = True) -> list[Rung]:
    """The rungs for model variants named from best to fastest: each at full size, the last one at half size, that on
    every second frame, and the frame as it came.

    recurrent: so many variants at the beginning remember. The last of them runs at half size as well, which is faster
    than any other variant at full size and steadier: those that do not remember run at half size only.
    halving: ``False`` leaves out the half size: an enlarged half-size result is worse than the frame itself when the
    model is an upscaler.
    """
    whole = len(variants) if not recurrent or not halving else recurrent
    rungs = [Rung(name, place) for place, name in enumerate(variants[:whole])]
    last = len(variants) - 1
    halved = sorted({whole - 1, last}) if halving else []
    rungs += [Rung(f"{variants[place]} half size", place, half=True) for place in halved]
    rungs.append(Rung(f"{rungs[-1].name} every 2nd frame", last, half=halving, every=2))
    rungs.append(Rung("passthrough", None))
    return rungs


def percentile_95(values: Sequence[float]) -> float:
    """95th percentile, by nearest rank: of twenty values the second largest."""
    ordered = sorted(values)
    return ordered[max(0, -(-95 * len(ordered) // 100) - 1)]


class Ladder:
    """Chooses the rung so that 95 % of the frames are restored within the deadline.

    deadline: seconds between two frames. Down: when the p95 over ``window`` frames is above the budget (the deadline
    times the rung's ``every``), or immediately when the median of ``quick`` frames is. Up: when a full window stays
    under ``calm`` of the better rung's budget and the rung has been held for its patience. If a better rung fails
    within ``trial`` seconds, the patience before the next attempt doubles, from ``patience`` up to ``longest`` seconds;
    if it lasts, the patience is reset.
    """

    def __init__(
        self,
        rungs: Sequence[Rung],
        deadline: float,
        *,
        window: int = 20,
        quick: int = 5,
        calm: float = 0.7,
        patience: float = 2.0,
        trial: float = 5.0,
        longest: float = 60.0,
    ) -> None:
        if not rungs or deadline <= 0:
            raise ValueError(f"expected at least one rung and a deadline above 0 s, found {len(rungs)} and {deadline}")
        self.rungs, self.deadline = tuple(rungs), deadline
        self._quick, self._calm, self._trial = quick, calm, trial
        self._first_patience, self._longest = patience, longest
        self._patience = [patience] * len(self.rungs)
        self._busy: deque[float] = deque(maxlen=window)
        self._place = 0
        self._since: float | None = None
        self._rose = False

    @property
    def rung(self) -> Rung:
        """The rung for the next frame."""
        return self.rungs[self._place]

    def observe(self, busy: float, now: float) -> Change | None:
        """Call after a frame on the current rung took ``busy`` seconds, at ``now``; returns the change, if there is
        one."""
        if self._since is None:
            self._since = now
        self._busy.append(busy)
        held, full = now - self._since, len(self._busy) == self._busy.maxlen
        if self._rose and held >= self._trial:
            self._rose = False
            self._patience[self._place] = self._first_patience
        budget, p95 = self._budget(self._place), percentile_95(self._busy)
        overloaded = len(self._busy) >= self._quick and median(self._busy) > budget
        if (overloaded or (full and p95 > budget)) and self._place + 1 < len(self.rungs):
            if self._rose:
                self._patience[self._place] = min(self._longest, 2 * self._patience[self._place])
            return self._move(1, now, p95, budget)
        if self._place and full and held >= self._patience[self._place - 1]:
            better = self._budget(self._place - 1)
            if p95 <= self._calm * better:
                return self._move(-1, now, p95, better)
        return None

    def _budget(self, place: int) -> float:
        return self.deadline * self.rungs[place].every

    def _move(self, step: int, now: float, p95: float, budget: float) -> Change:
        before = self.rung.name
        self._place += step
        self._since, self._rose = now, step < 0
        self._busy.clear()
        return Change(now, before, self.rung.name, p95, budget)
