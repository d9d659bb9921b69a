"""Melodies as rows of note codes: reads and writes MIDI files, and draws pictures.

A row is uint8 T with one code per step: 0 is silence, 1 continues the note, 2 begins the lowest note, 3 the note a
semitone above, and so on. The lowest note and the number of steps per beat are on the card of the model.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from nitido.errors import FrameMismatch, NitidoError, SinkUnavailable, SourceUnavailable
from nitido.frames import Frame
from nitido.system.files import write_whole

Notes = NDArray[np.uint8]

REST, HOLD, FIRST = 0, 1, 2
# Values of the shipped model, for callers without a card.
LOWEST, PITCHES = 55, 34
TEMPO = 160.0  # beats a minute
BEATS = 4  # in a bar

_TICKS = 480  # of a beat, in files that are written
_DRUMS = 9
_NAMES = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
_BLACK_KEYS = frozenset({1, 3, 6, 8, 10})
_STEP, _ROW, _BETWEEN = 6, 4, 10  # pixels
_KEY, _BLACK_KEY, _LINE, _BAR_LINE = (250, 250, 250), (234, 234, 234), (216, 216, 216), (150, 150, 150)
_NOTE, _ONSET = (176, 114, 46), (110, 60, 10)


class Note(NamedTuple):
    """A note of a melody. start, end: steps from 0 on, the latter excluded. pitch: MIDI note."""

    start: int
    end: int
    pitch: int


def write_midi(
    path: Path, notes: Notes, steps_per_beat: int = 4, lowest: int = LOWEST, tempo: float = TEMPO, program: int = 0
) -> None:
    """Writes note codes uint8 T as a MIDI file of one track, atomically; an existing file is replaced.

    lowest: MIDI note of code 2. tempo: beats a minute. program: General MIDI instrument, 0..127, 0 a piano. Raises
    ``FrameMismatch`` for another array or a code above MIDI's last note, ``SinkUnavailable``.
    """
    mido = _mido(SinkUnavailable)
    track = mido.MidiTrack()
    track.append(mido.MetaMessage("set_tempo", tempo=mido.bpm2tempo(tempo)))
    track.append(mido.MetaMessage("time_signature", numerator=BEATS, denominator=4))
    track.append(mido.Message("program_change", program=program))
    now = 0
    for note in notes_of(notes, lowest):
        for kind, step in (("note_on", note.start), ("note_off", note.end)):
            tick = round(step * _TICKS / steps_per_beat)
            track.append(mido.Message(kind, note=note.pitch, velocity=88, time=tick - now))
            now = tick
    track.append(mido.MetaMessage("end_of_track", time=round(len(notes) * _TICKS / steps_per_beat) - now))
    stream = io.BytesIO()
    mido.MidiFile(type=0, ticks_per_beat=_TICKS, tracks=[track]).save(file=stream)
    write_whole(path, stream.getvalue())


def read_midi(path: Path, steps: int, steps_per_beat: int = 4, lowest: int = LOWEST, pitches: int = PITCHES) -> Notes:
    """The beginning of a MIDI file as note codes uint8 T, T being ``steps``; a shorter tune ends in silence.

    Starts are moved to the nearest step. If several notes start together, the highest one counts; drums do not count.
    Bars of silence at the beginning are skipped. A tune that is too low or high for the notes ``lowest`` to ``lowest +
    pitches - 1`` is moved by octaves. Raises ``SourceUnavailable`` when the file is not a MIDI file, has no notes, or
    has a larger range of notes.
    """
    mido = _mido(SourceUnavailable)
    try:
        file = mido.MidiFile(path)
        found = _played(file, steps_per_beat)
    except OSError as error:
        reason = error.strerror or "it is not a MIDI file"
        raise SourceUnavailable(f"cannot read {path}: {reason}; expected a MIDI file such as tune.mid") from error
    except Exception as error:  # mido's parser raises any kind of exception for damaged input
        raise SourceUnavailable(f"cannot read {path} as a MIDI file: it is cut off or damaged ({error!r})") from error
    if not found:
        raise SourceUnavailable(f"no notes in {path}: expected a MIDI file with a melody")
    bar = BEATS * steps_per_beat
    skipped = found[0].start // bar * bar
    found = [n._replace(start=n.start - skipped, end=n.end - skipped) for n in found if n.start - skipped < steps]
    low, high = min(n.pitch for n in found), max(n.pitch for n in found)
    if low < lowest or high >= lowest + pitches:
        octaves = -(-(lowest - low) // 12)  # the fewest octaves with which the lowest note is in range
        if high + 12 * octaves >= lowest + pitches:
            raise SourceUnavailable(
                f"the first {steps} steps of {path} go from {_name(low)} to {_name(high)}; expected a melody between "
                f"{_name(lowest)} and {_name(lowest + pitches - 1)}, or whole octaves away from there"
            )
        found = [n._replace(pitch=n.pitch + 12 * octaves) for n in found]
    row = np.zeros(steps, np.uint8)
    for note in found:
        row[note.start : note.end] = HOLD
        row[note.start] = note.pitch - lowest + FIRST
    return row


def piano_roll(notes: Notes, steps_per_beat: int = 4, lowest: int = LOWEST, pitches: int = PITCHES) -> Frame:
    """Note codes uint8 T as a picture uint8 H×W×3 BGR. Time goes to the right with six pixels per step, pitch goes up
    with four pixels per semitone. Rows of black keys are darker, lines mark beats and bars, and dark edges mark the
    beginnings of notes.

    The height is that of ``pitches`` notes, or of more octaves if a code needs them. Raises ``FrameMismatch`` for
    another array.
    """
    found = notes_of(notes, lowest)
    highest = max((note.pitch for note in found), default=lowest)
    while lowest + pitches <= highest:
        pitches += 12
    height, width = pitches * _ROW, len(notes) * _STEP
    picture = np.empty((height, width, 3), np.uint8)
    for pitch in range(lowest, lowest + pitches):
        top = (lowest + pitches - 1 - pitch) * _ROW
        picture[top : top + _ROW] = _BLACK_KEY if pitch % 12 in _BLACK_KEYS else _KEY
        if pitch % 12 == 0:
            picture[top + _ROW - 1] = _LINE
    for step in range(0, len(notes), steps_per_beat):
        picture[:, step * _STEP] = _BAR_LINE if step % (BEATS * steps_per_beat) == 0 else _LINE
    for note in found:
        top = (lowest + pitches - 1 - note.pitch) * _ROW
        left, right = note.start * _STEP, note.end * _STEP - 2
        cv2.rectangle(picture, (left, top), (right, top + _ROW - 1), _NOTE, -1)
        cv2.rectangle(picture, (left, top), (left + 1, top + _ROW - 1), _ONSET, -1)
    return picture


def piano_roll_of_phrases(
    phrases: Sequence[Notes], steps_per_beat: int = 4, lowest: int = LOWEST, pitches: int = PITCHES
) -> Frame:
    """Phrases uint8 T of equal length, drawn by :func:`piano_roll`, one below the other. Raises the same errors."""
    rolls = [piano_roll(phrase, steps_per_beat, lowest, pitches) for phrase in phrases]
    height = max(len(roll) for roll in rolls)
    gap = np.full((_BETWEEN, rolls[0].shape[1], 3), 255, np.uint8)
    rows: list[Frame] = []
    for roll in rolls:
        above = np.full((height - len(roll), roll.shape[1], 3), 255, np.uint8)
        rows += [above, roll, gap]
    return np.vstack(rows[:-1])


def _mido(error_kind: type[NitidoError]) -> ModuleType:
    try:
        import mido
    except ImportError as error:
        raise error_kind("MIDI files need mido, which is not installed; run: pip install 'nitido[music]'") from error
    return mido


def notes_of(notes: Notes, lowest: int) -> list[Note]:
    """The notes of a row in order. A code that continues a note is silence if there is no note."""
    if not isinstance(notes, np.ndarray) or notes.dtype != np.uint8 or notes.ndim != 1 or not notes.size:
        found = f"{notes.dtype} {'×'.join(map(str, notes.shape))}" if isinstance(notes, np.ndarray) else type(notes)
        raise FrameMismatch(f"expected note codes uint8 T, found {found}")
    if int(notes.max()) - FIRST + lowest > 127:
        raise FrameMismatch(
            f"expected note codes up to {127 - lowest + FIRST} (MIDI's last note, {lowest} being the lowest), found "
            f"{notes.max()}"
        )
    changes = [*np.flatnonzero(notes != HOLD).tolist(), len(notes)]
    return [
        Note(start, end, int(notes[start]) - FIRST + lowest)
        for start, end in pairwise(changes)
        if notes[start] >= FIRST
    ]


def _played(file: Any, steps_per_beat: int) -> list[Note]:
    """The melody of a file: one note at a time, in order. Raises ``ValueError`` for a file without beats."""
    if file.ticks_per_beat <= 0:
        raise ValueError("its times are seconds, not beats")
    begun: dict[tuple[int, int], int] = {}
    heard: list[tuple[int, int, int]] = []  # start and end in ticks, pitch
    for track in file.tracks:
        tick = 0
        for message in track:
            tick += message.time
            if message.type not in ("note_on", "note_off") or message.channel == _DRUMS:
                continue
            key = (message.channel, message.note)
            if key in begun:  # ended, or struck again
                heard.append((begun.pop(key), tick, message.note))
            if message.type == "note_on" and message.velocity:
                begun[key] = tick
        heard += [(start, tick, pitch) for (_, pitch), start in begun.items()]
        begun.clear()
    at: dict[int, tuple[int, int]] = {}  # start → pitch, end
    for start, end, pitch in heard:
        first, last = (round(t * steps_per_beat / file.ticks_per_beat) for t in (start, end))
        at[first] = max(at.get(first, (0, 0)), (pitch, max(last, first + 1)))
    starts = [*sorted(at), 1 << 62]
    return [Note(start, min(at[start][1], then), at[start][0]) for start, then in pairwise(starts)]


def _name(pitch: int) -> str:
    return f"{_NAMES[pitch % 12]}{pitch // 12 - 1}"
