"""Pieces of several phrases: walks, instruments, sound."""

from __future__ import annotations

import sys
import wave
from pathlib import Path

import numpy as np
import pytest

from nitido.errors import FrameMismatch, SinkUnavailable
from nitido.latent import synthesizer
from nitido.latent.autoencoder import load_decoder
from nitido.latent.instruments import instrument_name, instrument_number
from nitido.latent.melody import LOWEST, notes_of, piano_roll_of_phrases
from nitido.latent.synthesizer import RATE, synthesize, write_wav
from nitido.latent.walk import joined, walk

A4 = np.array([69 - 55 + 2, 1, 1, 1, 0, 0, 0, 0], np.uint8)  # a beat of A, a beat of silence


def test_a_walk_stays_as_wide_as_the_space_and_its_steps_are_as_long_as_asked() -> None:
    space = load_decoder("vae-melody", "cpu").space
    z = walk(space, 4000, 0.3, 1)
    assert z.std() == pytest.approx(1, abs=0.05)
    neighbours = (z[1:] * z[:-1]).mean() / (z**2).mean()
    assert neighbours == pytest.approx(np.sqrt(1 - 0.09), abs=0.02)
    still = walk(space, 5, 0.0, 1, start=z[7])
    assert np.allclose(still, z[7], atol=1e-6)
    with pytest.raises(FrameMismatch, match="a step of 0 to 1"):
        walk(space, 5, 1.5)


def test_phrases_are_joined_and_drawn_below_each_other() -> None:
    held = A4.copy()
    held[0] = 1  # it would go on from the phrase before
    assert joined([A4, held]).tolist() == [*A4.tolist(), 0, *held[1:].tolist()]
    assert piano_roll_of_phrases([A4, A4]).shape == (2 * 34 * 4 + 10, 8 * 6, 3)


def test_a_note_sounds_at_its_pitch_for_its_time() -> None:
    for program in range(0, 128, 8):
        sound = synthesize(A4, tempo=60, program=program)  # a beat is a second
        spectrum = np.abs(np.fft.rfft(sound[: RATE // 2]))
        assert abs(int(spectrum.argmax()) * 2 - 440) <= 4, program
        assert np.abs(sound).max() == pytest.approx(0.8, abs=1e-3)
        assert np.abs(sound[round(1.2 * RATE) :]).max() < 1e-3


def test_a_piece_sounds_as_it_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(synthesizer, "_FONTS", ())
    decoder = load_decoder("vae-melody", "cpu")
    notes = joined(decoder(walk(decoder.space, 2, 0.35, 5)))
    step = RATE * 60 / 120 / 4
    long = [note for note in notes_of(notes, LOWEST) if note.end - note.start > 1]
    assert len(long) > 20
    for program in (0, 73):
        write_wav(tmp_path / "piece.wav", notes, tempo=120, program=program)
        with wave.open(str(tmp_path / "piece.wav")) as file:
            sound = np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.float64)
        assert len(sound) == round(len(notes) * step + RATE)  # and a second in which the last note fades
        assert 20_000 < np.abs(sound).max() < 32_000  # loud, and not clipped
        assert np.abs(sound[-RATE // 2 :]).max() < 300
        for note in long:
            part = sound[round((note.start + 1) * step) : round(note.end * step)]  # after the fading of the one before
            spectrum = np.abs(np.fft.rfft(part * np.hanning(len(part)), 1 << 17))
            heard = spectrum.argmax() * RATE / (1 << 17)
            assert 69 + 12 * np.log2(heard / 440) == pytest.approx(note.pitch, abs=0.3), (program, note)


def test_a_file_of_sound_is_written_without_a_sound_font(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(synthesizer, "_FONTS", ())
    assert write_wav(tmp_path / "a.wav", A4, tempo=60) == "the built-in synthesizer"
    with wave.open(str(tmp_path / "a.wav")) as file:
        assert (file.getframerate(), file.getsampwidth(), file.getnchannels()) == (RATE, 2, 1)
        assert file.getnframes() == 3 * RATE
    font = tmp_path / "font.sf2"
    font.write_bytes(b"no sound font")
    monkeypatch.setitem(sys.modules, "tinysoundfont", None)
    monkeypatch.setattr(synthesizer.shutil, "which", lambda _name: None)
    with pytest.raises(SinkUnavailable, match="neither tinysoundfont nor fluidsynth"):
        write_wav(tmp_path / "b.wav", A4, font=font)


def test_instruments_have_names() -> None:
    assert [instrument_name(n) for n in (0, 40, 73, 127)] == ["acoustic grand piano", "violin", "flute", "gunshot"]
    assert all(instrument_number(instrument_name(n)) == n for n in range(128))
    assert [instrument_number(text) for text in ("piano", "Flute", "73", "sax")] == [0, 73, 73, 64]
    with pytest.raises(FrameMismatch, match="did you mean violin"):
        instrument_number("violine")
