"""Tries a model on pictures to determine the range of values, the unit of a noise level, colour order and task.

The choice that gives the best results wins. A difference that other crops could reverse does not count.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from nitido_export.adoption.conventions import COLOURS, RANGES, UNITS, Conventions, luma, restore
from nitido_export.adoption.findings import Finding, unsure
from nitido_export.adoption.foreign import Foreign, Misfit, Runner
from nitido_export.adoption.pictures import SIDE, Crops, Pictures, decibels

CERTAIN = 6.0  # dB between the best and the second that cannot be chance
LIKELY = 1.5  # dB that are enough even if the crops disagree
STEADY = 4.0  # a mean difference in standard errors that is not chance; crops of one photograph are alike
SAME = 0.25  # a mean difference in 8-bit levels that does not matter
BORDER = 4  # pixels of a result that are not looked at

Results = dict[str, NDArray[np.float32]]


class Trials:
    """Tries a foreign model on pictures with known ideal results: shrunk pictures if it enlarges, else noisy ones."""

    def __init__(self, foreign: Foreign, run: Runner, pictures: Pictures) -> None:
        self._foreign, self._run, self._pictures = foreign, run, pictures

    def range_of(self, how: Conventions) -> tuple[str, Finding]:
        """The range of values with which pictures are restored best. Raises ``ExportError``."""
        units = UNITS if how.level is not None else ("range",)
        crops, tried = self._crops(how), Results()
        for name in RANGES:
            ways = [replace(how, range=name, level=how.level and replace(how.level, unit=unit)) for unit in units]
            results = [self._restored(way, crops) for way in ways]
            tried[name] = max(results, key=lambda found: float(self._scores(how, found, crops).mean()))
        return self._decided(how, tried, crops, "range", "the range of values", "--range")

    def unit_of(self, how: Conventions) -> tuple[str, Finding]:
        """The unit in which the noise level is given, tried on noise of a known level. Raises ``ExportError``."""
        assert how.level is not None
        if RANGES[how.range][0] == 1:
            return "levels", Finding("unit", "levels", "the range is that of 8-bit levels")
        crops, level = self._crops(how), how.level
        tried = {unit: self._restored(replace(how, level=replace(level, unit=unit)), crops) for unit in UNITS}
        return self._decided(how, tried, crops, "unit", "the unit of its noise level", "--noise-unit")

    def colour_of(self, how: Conventions) -> tuple[str, Finding]:
        """The order of colours with which pictures are restored best. Raises ``ExportError``."""
        crops = self._crops(how)
        tried = {colour: self._restored(replace(how, colour=colour), crops) for colour in COLOURS}
        return self._decided(how, tried, crops, "colour", "the order of colours", "--colour")

    def task_of(self, how: Conventions) -> tuple[str, Finding]:
        """``upscale`` for a model that enlarges, ``denoise`` for one that removes noise. Raises ``ExportError``."""
        if how.scale > 1:
            return "upscale", Finding("task", "upscale", "certain: it enlarges")
        crops = self._crops(how)
        found = float(self._scores(how, self._restored(how, crops), crops).mean())
        before = float(self._scores(replace(how, margin=0), crops.given.astype(np.float32), crops).mean())
        reason = f"noise of σ {crops.sigma:g} has {before:.1f} dB, its results {found:.1f}"
        if found < before + LIKELY:
            raise unsure(self._foreign.path, "the task", "--task", reason)
        return "denoise", Finding("task", "denoise", f"certain: {reason}")

    def _crops(self, how: Conventions) -> Crops:
        size = how.size or (SIDE, SIDE)
        return self._pictures.shrunk(how.scale, size) if how.scale > 1 else self._pictures.noisy(size)

    def _decided(
        self, how: Conventions, tried: Results, crops: Crops, what: str, name: str, option: str
    ) -> tuple[str, Finding]:
        """The choice with the best results. Raises ``ExportError`` if the difference could be chance and matters."""
        scores = {value: self._scores(how, found, crops) for value, found in tried.items()}
        best, second = sorted(scores, key=lambda value: float(scores[value].mean()), reverse=True)[:2]
        gaps = scores[best] - scores[second]
        gap, error = float(gaps.mean()), float(gaps.std(ddof=1)) / math.sqrt(len(gaps)) + 1e-9
        listed = ", ".join(f"{float(found.mean()):.2f} dB with {value}" for value, found in scores.items())
        if self._alike(tried.values()):
            return best, Finding(what, best, "makes no difference")
        if gap < LIKELY and gap < STEADY * error:
            raise unsure(self._foreign.path, name, option, f"{listed}, {gap / error:.1f} standard errors apart")
        sure = "certain" if gap >= CERTAIN else "likely"
        return best, Finding(what, best, f"{sure}: {listed}, {gap / error:.0f} standard errors apart")

    def _restored(self, how: Conventions, crops: Crops) -> NDArray[np.float32]:
        try:
            each = [restore(self._run, how, one[None], crops.level, whole=False) for one in crops.given]
        except Misfit as error:
            raise unsure(self._foreign.path, "what it takes", "--layout", f"it fails on pictures: {error}") from error
        return np.concatenate(each)

    def _scores(self, how: Conventions, found: NDArray[np.float32], crops: Crops) -> NDArray[np.float64]:
        """PSNR of each crop; of a model that sees luma only, that of luma."""
        inner = slice(how.margin, -how.margin or None)
        wanted = crops.wanted[:, inner, inner].astype(np.float32)
        if how.colour == "luma":
            found, wanted = luma(np.clip(found, 0, 255)), luma(wanted)
        return decibels(found, wanted, BORDER)

    def _alike(self, results: Iterable[NDArray[np.float32]]) -> bool:
        first, *others = (np.clip(found, 0, 255) for found in results)
        return all(float(np.abs(first - other).mean()) < SAME for other in others)
