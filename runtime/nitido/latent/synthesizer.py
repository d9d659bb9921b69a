"""Plays melodies as sound, with a simple synthesizer, or with a sound font and tinysoundfont or fluidsynth."""

from __future__ import annotations

import io
import shutil
import subprocess
import tempfile
import wave
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nitido.errors import SinkUnavailable
from nitido.latent.melody import LOWEST, TEMPO, Note, Notes, notes_of, write_midi
from nitido.system.files import write_whole

RATE = 44_100
_FONTS = ("/usr/share/sounds/sf2", "/usr/share/sounds/sf3", "/usr/share/soundfonts")
_RELEASE = 0.12  # seconds that a note takes to fade after its end
_TAIL = 1.0  # seconds after the last note
_LOUD = 0.8  # of full scale
_BLOCK = 4096  # samples that are requested from a sound font at a time


class _Timbre(NamedTuple):
    """harmonics: amplitudes of the partials. attack: seconds. decay: seconds to 1/e while held, 0: constant. vibrato:
    share of the frequency."""

    harmonics: tuple[float, ...]
    attack: float
    decay: float
    vibrato: float = 0.0


_PIANO = _Timbre((1, 0.55, 0.3, 0.18, 0.1, 0.06, 0.03), 0.004, 0.7)
_BELL = _Timbre((1, 0, 0.5, 0, 0.3, 0, 0.15), 0.002, 0.5)
_ORGAN = _Timbre((1, 0.7, 0.4, 0.5, 0, 0.2, 0, 0.2), 0.02, 0.0)
_PLUCKED = _Timbre((1, 0.6, 0.45, 0.3, 0.2, 0.12, 0.08), 0.003, 0.35)
_STRINGS = _Timbre((1, 0.6, 0.45, 0.35, 0.25, 0.15, 0.1), 0.08, 0.0, 0.004)
_BRASS = _Timbre((1, 0.9, 0.7, 0.5, 0.35, 0.2), 0.04, 0.0)
_REED = _Timbre((1, 0.15, 0.6, 0.12, 0.35, 0.08, 0.15), 0.03, 0.0, 0.002)
_PIPE = _Timbre((1, 0.25, 0.08, 0.03), 0.05, 0.0, 0.005)
# For the sixteen families of General MIDI, eight instruments each.
_FAMILIES = (
    _PIANO, _BELL, _ORGAN, _PLUCKED, _PLUCKED, _STRINGS, _STRINGS, _BRASS,
    _REED, _PIPE, _REED, _STRINGS, _BELL, _PLUCKED, _BELL, _PIPE,
)  # fmt: skip


def synthesize(
    notes: Notes, steps_per_beat: int = 4, lowest: int = LOWEST, tempo: float = TEMPO, program: int = 0
) -> NDArray[np.float32]:
    """Note codes uint8 T as samples, float32 S, -1..1, mono, :data:`RATE` per second. tempo: beats per minute. program:
    General MIDI instrument, 0..127; its family decides how it sounds. Raises ``FrameMismatch`` for another array."""
    step = 60 / tempo / steps_per_beat
    timbre = _FAMILIES[program // 8]
    sound = np.zeros(round((len(notes) * step + _TAIL) * RATE), np.float32)
    for note in notes_of(notes, lowest):
        start = round(note.start * step * RATE)
        tone = _tone(note, (note.end - note.start) * step, timbre)[: len(sound) - start]
        sound[start : start + len(tone)] += tone
    loudest = float(np.abs(sound).max())
    return sound * np.float32(_LOUD / loudest) if loudest else sound


def _tone(note: Note, seconds: float, timbre: _Timbre) -> NDArray[np.float32]:
    frequency = 440 * 2 ** ((note.pitch - 69) / 12)
    time = np.arange(round((seconds + _RELEASE) * RATE)) / RATE
    phase = 2 * np.pi * frequency * time
    if timbre.vibrato:
        phase += timbre.vibrato * frequency / 5.5 * (1 - np.cos(2 * np.pi * 5.5 * time)) * np.minimum(1, time / 0.4)
    tone = np.zeros(len(time))
    for number, amplitude in enumerate(timbre.harmonics, 1):
        if amplitude and number * frequency < 0.45 * RATE:
            # Higher partials of struck and plucked strings decay faster.
            fade = np.exp(-time * number**0.7 / timbre.decay) if timbre.decay else 1.0
            tone += amplitude * fade * np.sin(number * phase)
    envelope = np.minimum(1, time / timbre.attack) * np.clip((seconds + _RELEASE - time) / _RELEASE, 0, 1)
    return (tone * envelope).astype(np.float32)


def find_sound_font() -> Path | None:
    """A sound font of the system; the largest one, because it is the most complete."""
    found = [p for folder in map(Path, _FONTS) if folder.is_dir() for p in folder.iterdir()]
    fonts = [p for p in found if p.suffix.lower() in (".sf2", ".sf3")]
    return max(fonts, key=lambda p: p.stat().st_size, default=None)


def write_wav(
    path: Path,
    notes: Notes,
    steps_per_beat: int = 4,
    lowest: int = LOWEST,
    tempo: float = TEMPO,
    program: int = 0,
    font: Path | None = None,
) -> str:
    """Writes note codes as a WAV file of 16 bits, atomically, and returns the name of the synthesizer.

    font: sound font; ``None`` takes one of the system's. It is played by tinysoundfont if that is installed, or else by
    the program fluidsynth. Without either, or without a font, :func:`synthesize` is used. Raises ``SinkUnavailable``,
    also if a given font cannot be played.
    """
    given, font = font, font or find_sound_font()
    how = "the built-in synthesizer"
    samples: NDArray[np.float32] | None = None
    if font is not None:
        samples, how = _by_sound_font(font, notes, steps_per_beat, lowest, tempo, program)
        if samples is None and given is not None:
            raise SinkUnavailable(f"{given} cannot be played: {how}")
    if samples is None:
        samples, how = synthesize(notes, steps_per_beat, lowest, tempo, program), "the built-in synthesizer"
    write_whole(path, _as_wav(samples))
    return how


def _by_sound_font(
    font: Path, notes: Notes, steps_per_beat: int, lowest: int, tempo: float, program: int
) -> tuple[NDArray[np.float32] | None, str]:
    """Samples S or S×2 and what made them, or ``None`` and the reason."""
    try:
        import tinysoundfont  # pyright: ignore[reportMissingImports]
    except ImportError:
        return _by_fluidsynth(font, notes, steps_per_beat, lowest, tempo, program)
    step = 60 / tempo / steps_per_beat
    try:
        synth: Any = tinysoundfont.Synth(samplerate=RATE, gain=-6)
        synth.program_select(0, synth.sfload(str(font)), 0, program)
        events = sorted(
            (round(at * step * RATE), on, note.pitch)
            for note in notes_of(notes, lowest)
            for at, on in ((note.start, True), (note.end, False))
        )
        parts: list[NDArray[np.float32]] = []
        now = 0
        for sample, on, pitch in [*events, (round((len(notes) * step + _TAIL) * RATE), False, -1)]:
            while now < sample:
                size = min(_BLOCK, sample - now)
                parts.append(np.frombuffer(bytes(synth.generate(size)), np.float32).reshape(-1, 2))
                now += size
            if pitch >= 0:
                synth.noteon(0, pitch, 96) if on else synth.noteoff(0, pitch)
        return np.concatenate(parts), f"tinysoundfont with {font.name}"
    except Exception as error:  # the library raises any kind of exception for unreadable fonts
        return None, f"tinysoundfont: {error}"


def _by_fluidsynth(
    font: Path, notes: Notes, steps_per_beat: int, lowest: int, tempo: float, program: int
) -> tuple[NDArray[np.float32] | None, str]:
    player = shutil.which("fluidsynth")
    if player is None:
        return None, "neither tinysoundfont nor fluidsynth is installed; run: pip install tinysoundfont"
    with tempfile.TemporaryDirectory() as folder:
        tune, sound = Path(folder) / "tune.mid", Path(folder) / "tune.wav"
        write_midi(tune, notes, steps_per_beat, lowest, tempo, program)
        command: Sequence[str] = [player, "-niq", "-r", str(RATE), "-F", str(sound), str(font), str(tune)]
        run = subprocess.run(command, capture_output=True, check=False)
        if run.returncode or not sound.is_file():
            return None, f"fluidsynth: {run.stderr.decode(errors='replace').strip()[-200:]}"
        with wave.open(str(sound)) as file:
            levels = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, file.getnchannels())
    return (levels / 32768).astype(np.float32), f"fluidsynth with {font.name}"


def _as_wav(samples: NDArray[np.float32]) -> bytes:
    stream = io.BytesIO()
    with wave.open(stream, "wb") as file:
        file.setnchannels(1 if samples.ndim == 1 else samples.shape[1])
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(np.round(np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())
    return stream.getvalue()
