"""Note codes go to MIDI files and come back, and can be looked at."""

from __future__ import annotations

import sys
from pathlib import Path

import mido
import numpy as np
import pytest

from nitido.errors import FrameMismatch, NitidoError, SinkUnavailable, SourceUnavailable
from nitido.latent.melody import HOLD, LOWEST, PITCHES, REST, Notes, piano_roll, read_midi, write_midi

C5 = 72 - LOWEST + 2  # code


def codes(*values: int) -> Notes:
    return np.array(values, np.uint8)


def write_tracks(path: Path, *tracks: list[mido.Message], ticks: int = 96) -> Path:
    mido.MidiFile(type=1, ticks_per_beat=ticks, tracks=[mido.MidiTrack(track) for track in tracks]).save(path)
    return path


def note(pitch: int, length: int, before: int = 0, channel: int = 0) -> list[mido.Message]:
    return [
        mido.Message("note_on", note=pitch, time=before, channel=channel),
        mido.Message("note_off", note=pitch, time=length, channel=channel),
    ]


@pytest.mark.parametrize("steps_per_beat", [2, 3, 4, 7])
def test_a_melody_comes_back_from_its_file(steps_per_beat: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(steps_per_beat)
    notes = rng.integers(0, PITCHES + 2, 96, np.uint8)
    notes[0] = C5  # or bars of silence might be skipped
    for at in range(1, len(notes)):
        if notes[at] == HOLD and notes[at - 1] == REST:
            notes[at] = REST  # the one way to say it that a file has
    write_midi(tmp_path / "tune.mid", notes, steps_per_beat)
    assert np.array_equal(read_midi(tmp_path / "tune.mid", 96, steps_per_beat), notes)


def test_a_file_lasts_as_long_as_its_steps_at_its_tempo(tmp_path: Path) -> None:
    write_midi(tmp_path / "tune.mid", codes(C5, *[REST] * 15), 4, tempo=60)
    assert mido.MidiFile(tmp_path / "tune.mid").length == pytest.approx(4.0)
    write_midi(tmp_path / "tune.mid", codes(C5, *[REST] * 15), 4, tempo=120)
    assert mido.MidiFile(tmp_path / "tune.mid").length == pytest.approx(2.0)


def test_what_goes_on_where_nothing_began_is_silence(tmp_path: Path) -> None:
    write_midi(tmp_path / "tune.mid", codes(HOLD, HOLD, C5, HOLD, REST, HOLD))
    heard = [m for m in mido.MidiFile(tmp_path / "tune.mid").tracks[0] if m.type in ("note_on", "note_off")]
    assert [(m.type, m.note, m.time) for m in heard] == [("note_on", 72, 240), ("note_off", 72, 240)]


def test_of_notes_that_start_together_the_highest_counts_and_a_note_ends_the_one_before(tmp_path: Path) -> None:
    upper = [*note(72, 48), *note(76, 24), *note(74, 24)]
    lower = [*note(60, 48), *note(62, 48)]
    drums = note(81, 96, channel=9)
    path = write_tracks(tmp_path / "many.mid", lower, upper, drums)
    assert read_midi(path, 4).tolist() == [C5, HOLD, C5 + 4, C5 + 2]
    # The low note begins with the third quarter of a beat and is still held: the melody goes on to it.
    path = write_tracks(tmp_path / "late.mid", note(72, 96), note(60, 24, before=48))
    assert read_midi(path, 4).tolist() == [C5, HOLD, C5 - 12, REST]


def test_played_notes_are_brought_to_the_nearest_step(tmp_path: Path) -> None:
    path = write_tracks(tmp_path / "played.mid", [*note(72, 40, before=3), *note(74, 44, before=8), *note(76, 2)])
    assert read_midi(path, 6).tolist() == [C5, HOLD, C5 + 2, HOLD, C5 + 4, REST]


def test_bars_of_silence_at_the_beginning_are_skipped_and_a_short_tune_ends_in_silence(tmp_path: Path) -> None:
    path = write_tracks(tmp_path / "late.mid", note(72, 96, before=96 * 9))  # in the third bar, on its second beat
    assert read_midi(path, 12).tolist() == [REST] * 4 + [C5, HOLD, HOLD, HOLD] + [REST] * 4


def test_a_tune_in_another_octave_is_moved(tmp_path: Path) -> None:
    for pitch in (72 - 36, 72 + 36):
        path = write_tracks(tmp_path / "far.mid", [*note(pitch, 24), *note(pitch + 5, 24)])
        low, high = read_midi(path, 2).tolist()
        assert high - low == 5 and (low - C5) % 12 == 0
        assert high < PITCHES + 2
    near = write_tracks(tmp_path / "near.mid", [*note(LOWEST, 24), *note(LOWEST + PITCHES - 1, 24)])
    assert read_midi(near, 2).tolist() == [2, PITCHES + 1]


def test_what_is_not_a_melody_for_the_model_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "text.mid").write_text("no MIDI file")
    write_midi(tmp_path / "whole.mid", codes(C5, C5, C5, C5))
    (tmp_path / "cut.mid").write_bytes((tmp_path / "whole.mid").read_bytes()[:-9])
    write_tracks(tmp_path / "empty.mid", [])
    write_tracks(tmp_path / "wide.mid", [*note(40, 24), *note(40 + PITCHES, 24)])
    for name, message in (
        ("text", "not a MIDI file|cut off or damaged"),
        ("cut", "cut off or damaged"),
        ("empty", "no notes in"),
        ("wide", "from E2 to D5; expected a melody between G3 and E6"),
        ("missing", "No such file"),
    ):
        with pytest.raises(SourceUnavailable, match=message) as caught:
            read_midi(tmp_path / f"{name}.mid", 4)
        assert len(str(caught.value).splitlines()) == 1


def test_wrong_arrays_are_refused(tmp_path: Path) -> None:
    for wrong in (codes(C5).astype(np.int64), codes(C5, C5).reshape(1, 2), codes()):
        with pytest.raises(FrameMismatch, match="expected note codes uint8 T"):
            write_midi(tmp_path / "tune.mid", wrong)
        with pytest.raises(FrameMismatch, match="expected note codes uint8 T"):
            piano_roll(wrong)
    with pytest.raises(FrameMismatch, match="MIDI's last note"):
        write_midi(tmp_path / "tune.mid", codes(127 - LOWEST + 3))
    write_midi(tmp_path / "tune.mid", codes(127 - LOWEST + 2))


def test_a_file_that_cannot_be_written_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "tune.mid"
    write_midi(path, codes(C5))
    before = path.read_bytes()

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(SinkUnavailable, match="No space left"):
        write_midi(path, codes(C5, C5))
    monkeypatch.undo()
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]


def test_without_mido_the_error_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mido", None)
    for attempt in (lambda: write_midi(tmp_path / "t.mid", codes(C5)), lambda: read_midi(tmp_path / "t.mid", 4)):
        with pytest.raises(NitidoError, match=r"pip install 'nitido\[music\]'"):
            attempt()


def test_a_roll_shows_when_and_how_high_a_note_is() -> None:
    silent = piano_roll(codes(*[REST] * 8))
    roll = piano_roll(codes(REST, C5, HOLD, HOLD, C5 + 12, REST, HOLD, HOLD))
    assert roll.dtype == np.uint8 and roll.shape == (4 * PITCHES, 6 * 8, 3)
    rows, columns = np.nonzero((roll != silent).any(axis=2))
    first = columns < 24
    assert (columns[first].min(), columns[first].max()) == (6, 22)
    assert (columns[~first].min(), columns[~first].max()) == (24, 28)
    assert set(rows[first] - rows[~first].min() - 48) == {0, 1, 2, 3}  # an octave is 48 pixels
    assert rows[first].max() == 4 * (PITCHES - (C5 - 2)) - 1
    assert not np.array_equal(roll[rows[first][0], 6], roll[rows[first][0], 12])  # where it begins


def test_two_notes_of_one_pitch_are_distinguished_from_a_long_one() -> None:
    assert not np.array_equal(piano_roll(codes(C5, HOLD, C5, HOLD)), piano_roll(codes(C5, HOLD, HOLD, HOLD)))


def test_a_roll_grows_by_octaves_for_notes_above_its_range() -> None:
    assert piano_roll(codes(PITCHES + 1)).shape[0] == 4 * PITCHES
    assert piano_roll(codes(PITCHES + 2)).shape[0] == 4 * (PITCHES + 12)
