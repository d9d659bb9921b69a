"""Finding out by trying on pictures: the range of values, the unit of a noise level, the order of colours, the task.

Each is the one under which the results come closest to what they should be. A gap that another choice of crops could
close is not taken for an answer.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from nitido_export.adoption.conventions import COLOURS, RANGES, UNITS, Conventions, restore
from nitido_export.adoption.findings import Finding, unsure
from nitido_export.adoption.foreign import Foreign, Misfit, Runner
from nitido_export.adoption.pictures import SIDE, Crops, Pictures, decibels

CERTAIN, LIKELY = 6.0, 1.5  # dB between the best and the next
STEADY = 3.0  # a mean gap in standard errors that is no accident
SAME = 0.25  # a mean difference in 8-bit levels that does not matter
BORDER = 4  # pixels of a result that are not looked at
FAINT = 2.0  # noise level in 8-bit levels that a clean picture is said to have


class Trials:
    """A foreign model on pictures."""

    def __init__(self, foreign: Foreign, run: Runner, pictures: Pictures) -> None:
        self._foreign, self._run, self._pictures = foreign, run, pictures

    def range_of(self, how: Conventions) -> tuple[str, Finding]:
        """The range under which results are closest to the input enlarged. Raises ``ExportError``."""
        crops = self._pictures.shrunk(how.scale, how.size or (SIDE, SIDE))
        crops = Crops(crops.given, crops.enlarged(how.scale))
        tried = {name: self._restored(replace(how, range=name), crops, FAINT) for name in RANGES}
        best, gap, scores = self._ranked(how, tried, crops)
        others = ", ".join(f"{scores[name]:.1f} with {name}" for name in RANGES if name != best)
        reason = f"{scores[best]:.1f} dB from the input enlarged, {others}"
        if gap < LIKELY:
            if not self._alike(tried.values()):
                raise unsure(self._foreign.path, "the range of values", "--range", reason)
            return best, Finding("range", best, "makes no difference")
        return best, Finding("range", best, f"{'certain' if gap >= CERTAIN else 'likely'}: {reason}")

    def unit_of(self, how: Conventions) -> tuple[str, Finding]:
        """The unit in which the noise level is given, tried on noise of a known level. Raises ``ExportError``."""
        assert how.level is not None
        if RANGES[how.range][0] == 1:
            return "levels", Finding("unit", "levels", "the range is that of 8-bit levels")
        crops = self._pictures.noisy(how.size or (SIDE, SIDE))
        level = how.level
        tried = {
            unit: self._restored(replace(how, level=replace(level, unit=unit)), crops, crops.level) for unit in UNITS
        }
        best, gap, scores = self._ranked(how, tried, crops)
        reason = ", ".join(f"{scores[unit]:.1f} dB with {unit}" for unit in UNITS)
        if gap < LIKELY:
            raise unsure(self._foreign.path, "the unit of its noise level", "--noise-unit", f"on noise of σ 25 {reason}")
        return best, Finding("unit", best, f"{'certain' if gap >= CERTAIN else 'likely'}: on noise of σ 25 {reason}")

    def colour_of(self, how: Conventions) -> tuple[str, Finding]:
        """The order of colours under which pictures are restored best. Raises ``ExportError``."""
        if how.colour == "luma":
            return "luma", Finding("colour", "luma", "one channel: the colours are kept")
        size = how.size or (SIDE, SIDE)
        sets = [self._pictures.shrunk(how.scale, size)]
        if how.scale == 1:
            sets = [self._pictures.noisy(size)]
        scores: dict[str, list[float]] = {colour: [] for colour in COLOURS}
        alike = True
        for crops in sets:
            tried = {colour: self._restored(replace(how, colour=colour), crops, crops.level) for colour in COLOURS}
            alike = alike and self._alike(tried.values())
            for colour, found in tried.items():
                scores[colour] += list(decibels(found, _inner(crops.wanted, how), BORDER))
        gaps = np.array(scores[COLOURS[0]]) - np.array(scores[COLOURS[1]])
        error = float(gaps.std(ddof=1)) / np.sqrt(len(gaps)) + 1e-9
        best, other = COLOURS if gaps.mean() > 0 else COLOURS[::-1]
        reason = f"{abs(gaps.mean()):.2f} dB better than {other}, {abs(gaps.mean()) / error:.1f} standard errors"
        if alike:
            return best, Finding("colour", best, "makes no difference")
        if abs(gaps.mean()) < STEADY * error:
            raise unsure(self._foreign.path, "the order of colours", "--colour", f"{best} is {reason}")
        return best, Finding("colour", best, f"{'certain' if abs(gaps.mean()) > 0.5 else 'likely'}: {reason}")

    def task_of(self, how: Conventions) -> tuple[str, Finding]:
        """``upscale`` for a model that enlarges, ``denoise`` for one that removes noise. Raises ``ExportError``."""
        if how.scale > 1:
            return "upscale", Finding("task", "upscale", "certain: it enlarges")
        crops = self._pictures.noisy(how.size or (SIDE, SIDE))
        found = decibels(self._restored(how, crops, crops.level), _inner(crops.wanted, how), BORDER).mean()
        before = decibels(crops.given.astype(np.float32), crops.wanted, BORDER).mean()
        reason = f"noise of σ 25 has {before:.1f} dB, its results {found:.1f}"
        if found < before + LIKELY:
            raise unsure(self._foreign.path, "the task", "--task", reason)
        return "denoise", Finding("task", "denoise", f"certain: {reason}")

    def _restored(self, how: Conventions, crops: Crops, level: float) -> NDArray[np.float32]:
        return np.concatenate([self._one(how, crops.given[i : i + 1], level) for i in range(len(crops.given))])

    def _one(self, how: Conventions, frame: NDArray[np.uint8], level: float) -> NDArray[np.float32]:
        try:
            return restore(self._run, how, frame, level, whole=False)
        except Misfit as error:
            raise unsure(self._foreign.path, "what it takes", "--layout", f"it fails on pictures: {error}") from error

    def _ranked(
        self, how: Conventions, tried: dict[str, NDArray[np.float32]], crops: Crops
    ) -> tuple[str, float, dict[str, float]]:
        """(the best, dB to the next, the mean of each)."""
        wanted = _inner(crops.wanted, how)
        scores = {name: float(decibels(found, wanted, BORDER).mean()) for name, found in tried.items()}
        first, second = sorted(scores.values(), reverse=True)[:2]
        return max(scores, key=scores.__getitem__), first - second, scores

    def _alike(self, results: Iterable[NDArray[np.float32]]) -> bool:
        first, *others = (np.clip(found, 0, 255) for found in results)
        return all(float(np.abs(first - other).mean()) < SAME for other in others)


def _inner(wanted: NDArray[np.generic], how: Conventions) -> NDArray[np.generic]:
    inner = slice(how.margin, -how.margin or None)
    return wanted[:, inner, inner]

