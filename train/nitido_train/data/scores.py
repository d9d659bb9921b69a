"""Converts a score to rows of note codes: bars of one length, one key, strains, phrases."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nitido.latent.melody import FIRST, HOLD, REST

BEAT, BAR = 4, 16  # steps
MIDDLE = 71  # MIDI note: tunes are moved by octaves so that their mean is as close to it as possible
OFF_GRID = 0.25  # share of the onsets in a phrase that may lie between steps, such as the middle of a triplet
METERS = {"4/4": 4, "2/2": 4, "2/4": 2}  # quarters in a bar; all become bars of BAR steps


class TuneLeftOut(Exception):
    """The reason why a tune has no usable phrase."""


@dataclass(frozen=True)
class Grid:
    """The format of rows of note codes, see :mod:`nitido.latent.melody`.

    steps: T, a multiple of a bar.
    lowest: MIDI note of code 2.
    pitches: number of notes. The last code is ``pitches + 1``.
    """

    steps: int
    lowest: int
    pitches: int


@dataclass(frozen=True)
class Bar:
    """A bar as in the score.

    notes: (onset in steps, MIDI note or ``None`` for a rest, whether it is tied to the note before).
    exact: whether each onset lies on a step.
    filled: where the last note ends, in steps. It is less than a whole bar for an upbeat.
    starts, ends: whether a strain starts or ends here.
    """

    notes: list[tuple[int, int | None, bool]]
    exact: list[bool]
    filled: Fraction
    starts: bool
    ends: bool


def transposed(part: Any) -> list[Bar]:
    """The bars of a music21 part, transposed to a key without accidentals: C major, A minor, D dorian, by its mode.

    A bar of 2/4 gets as many steps as one of 4/4, because reels are written in both. Raises ``TuneLeftOut``.
    """
    measures = list(part.getElementsByClass("Measure"))
    if not measures:
        raise TuneLeftOut("without bars")
    key = next(iter(part.recurse().getElementsByClass("KeySignature")), None)
    sharps = key.sharps if key is not None else _guessed_sharps(part)
    brackets = part.recurse().getElementsByClass("RepeatBracket")
    endings = {id(spanned) for bracket in brackets for spanned in bracket.getSpannedElements()}
    quarters = 4
    bars: list[Bar] = []
    for measure in measures:
        meter = measure.timeSignature
        if meter is not None:
            if meter.ratioString not in METERS:
                raise TuneLeftOut("in another time than 4/4, 2/2 and 2/4")
            quarters = METERS[meter.ratioString]
        if measure.keySignature is not None:
            sharps = measure.keySignature.sharps
        bars.append(_bar(measure, Fraction(BAR, quarters), -7 * sharps % 12, id(measure) in endings))
    pitches = [pitch for bar in bars for _, pitch, _ in bar.notes if pitch is not None]
    if not pitches:
        raise TuneLeftOut("without notes")
    octave = 12 * round((MIDDLE - float(np.mean(pitches))) / 12)
    return [
        replace(bar, notes=[(at, p if p is None else p + octave, goes_on) for at, p, goes_on in bar.notes])
        for bar in bars
    ]


def phrases(bars: list[Bar], grid: Grid) -> list[NDArray[np.uint8]]:
    """The phrases of a tune, uint8 T each: every strain from its first whole bar on, in pieces of T steps.

    The last note of a strain is held to the end of its bar, even if it is written shorter to leave room for the upbeat
    of the repeat. Raises ``TuneLeftOut``.
    """
    rows: list[NDArray[np.uint8]] = []
    reasons = {"with strains that are too short": 0, "with too many notes between the steps": 0, "out of range": 0}
    for strain in _strains(bars):
        for first in range(0, len(strain) - grid.steps // BAR + 1, grid.steps // BAR):
            piece = strain[first : first + grid.steps // BAR]
            exact = [e for bar in piece for e in bar.exact]
            if sum(exact) < (1 - OFF_GRID) * len(exact):
                reasons["with too many notes between the steps"] += 1
                continue
            row = _row(piece, grid)
            if row is None:
                reasons["out of range"] += 1
            elif (row >= FIRST).sum() >= 2:
                rows.append(row)
    if not rows:
        raise TuneLeftOut(max(reasons, key=lambda reason: reasons[reason]))
    return rows


def _bar(measure: Any, pace: Fraction, shift: int, ending: bool) -> Bar:
    """pace: steps of a quarter."""
    notes: list[tuple[int, int | None, bool]] = []
    exact: list[bool] = []
    filled = Fraction(0)
    for event in measure.notesAndRests:
        if event.duration.isGrace or "ChordSymbol" in event.classes:
            continue
        at = Fraction(event.offset) * pace
        filled = max(filled, at + Fraction(event.duration.quarterLength) * pace)
        pitch = None if event.isRest else max(p.midi for p in event.pitches) + shift
        goes_on = event.tie is not None and event.tie.type in ("stop", "continue")
        notes.append((int(at + Fraction(1, 2)), pitch, goes_on))
        exact.append(at.denominator == 1)
    left, right = measure.leftBarline, measure.rightBarline
    return Bar(
        notes,
        exact,
        filled,
        starts=left is not None and left.type != "regular",
        ends=ending or (right is not None and right.type != "regular"),
    )


def _guessed_sharps(part: Any) -> int:
    return int(part.analyze("key").sharps)


def _strains(bars: list[Bar]) -> Iterator[list[Bar]]:
    """The runs of whole bars between double bars and repeat signs. A shorter last bar belongs to its strain."""
    strain: list[Bar] = []
    for bar in bars:
        if bar.starts or (strain and strain[-1].filled != BAR):
            yield strain
            strain = []
        if bar.filled == BAR or (strain and 0 < bar.filled < BAR):
            strain.append(bar)
        elif strain:
            yield strain
            strain = []
        if bar.ends:
            yield strain
            strain = []
    yield strain


def _row(bars: list[Bar], grid: Grid) -> NDArray[np.uint8] | None:
    """T codes, or ``None`` when a note is out of range. A note that is tied from before the first bar begins there."""
    row = np.full(grid.steps, HOLD, np.uint8)
    sounding = None
    for number, bar in enumerate(bars):
        for onset, pitch, goes_on in bar.notes:
            at = number * BAR + onset
            if pitch is not None and not 0 <= pitch - grid.lowest < grid.pitches:
                return None
            if onset >= BAR or (goes_on and at and pitch == sounding):
                continue
            row[at] = REST if pitch is None else pitch - grid.lowest + FIRST
            sounding = pitch
    if row[0] == HOLD:
        row[0] = REST
    silent = False
    for at, code in enumerate(row):  # a held rest is a row of rests
        silent = code == REST or (silent and code == HOLD)
        if silent:
            row[at] = REST
    return row
