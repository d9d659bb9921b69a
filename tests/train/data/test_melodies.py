"""Tunes as files: read once, counted, and held out whole."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from nitido.errors import SourceUnavailable
from nitido.latent.melody import FIRST, HOLD, REST, write_midi
from nitido_train.data import melodies
from nitido_train.data.melodies import hold_out, read_melodies
from nitido_train.data.scores import Grid
from support.melodies import abc_of, write_tunes

GRID = Grid(steps=32, lowest=55, pitches=34)
C = 72 - 55 + FIRST  # code of C5


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def phrases_of(tmp_path: Path, *tunes: str, grid: Grid = GRID) -> list[list[int]]:
    path = tmp_path / "tunes.abc"
    path.write_text(abc_of(*tunes))
    return read_melodies([path], grid).notes.tolist()


def held(*notes: tuple[int, int]) -> list[int]:
    """(code, steps) as a row."""
    return [code for note, steps in notes for code in (note, *[REST if note == REST else HOLD] * (steps - 1))]


def test_what_is_left_out_is_counted(tmp_path: Path) -> None:
    good = "M:4/4\nL:1/4\nK:C\ncdef|gfed|"
    path = tmp_path / "tunes.abc"
    path.write_text(
        abc_of(
            good,
            "M:6/8\nL:1/8\nK:C\ncdefga|cdefga|cdefga|cdefga|",
            good.replace("K:C\nc", "K:D\nd").replace("def|gfed", "efg|agfe"),  # the first again, a tone higher
            "M:4/4\nL:1/4\nK:C\ng|cdef||c2|d2|]",
            "M:4/4\nL:1/4\nK:C\nC,,,cde|c'''cde|",
        )
    )
    found = read_melodies([path], GRID)
    assert (len(found), found.used) == (1, 1)
    assert found.left_out == {
        "in another time than 4/4, 2/2 and 2/4": 1,
        "known already": 1,
        "with strains that are too short": 1,
        "out of range": 1,
    }


def test_midi_files_are_read_too_and_what_is_none_is_counted(tmp_path: Path) -> None:
    folder = tmp_path / "midi"
    row = np.array(held(*((C + step, 4) for step in (0, 2, 4, 5, 7, 4, 2, 0))), np.uint8)
    write_midi(folder / "tune.mid", row)
    (folder / "broken.mid").write_bytes(b"MThd no more")
    found = read_melodies([folder], GRID)
    assert found.left_out == {"unreadable": 1}
    (again,) = found.notes
    begun = again >= FIRST
    assert np.array_equal(begun, row >= FIRST)
    assert len(set(again[begun].astype(int) - row[begun])) == 1  # moved as a whole, by its key


def test_tunes_are_read_once_until_a_file_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "tunes.abc"
    path.write_text(abc_of("M:4/4\nL:1/4\nK:C\ncdef|gfed|"))
    first = read_melodies([path], GRID)
    monkeypatch.setitem(sys.modules, "music21", None)
    again = read_melodies([path], GRID)
    assert np.array_equal(first.notes, again.notes) and (first.used, first.left_out) == (again.used, again.left_out)
    with pytest.raises(SourceUnavailable, match=r"pip install 'nitido\[melodies\]'"):
        read_melodies([path], replace(GRID, pitches=30))
    path.write_text(abc_of("M:4/4\nL:1/4\nK:C\ncdef|gfec|"))
    with pytest.raises(SourceUnavailable, match="music21 is not installed"):
        read_melodies([path], GRID)


def test_a_damaged_cache_is_made_again(tmp_path: Path) -> None:
    first = phrases_of(tmp_path, "M:4/4\nL:1/4\nK:C\ncdef|gfed|")
    (kept,) = (tmp_path / "cache" / "nitido").glob("*.npz")
    kept.write_bytes(kept.read_bytes()[:50])
    assert read_melodies([tmp_path / "tunes.abc"], GRID).notes.tolist() == first


def test_what_is_not_a_source_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(SourceUnavailable, match=r"no corpus 'bartok'; it has airdsAirs, .*ryansMammoth"):
        read_melodies([Path("music21:bartok")], GRID)
    with pytest.raises(SourceUnavailable, match=r"no tunes in .*expected files \.abc"):
        read_melodies([tmp_path], GRID)
    with pytest.raises(SourceUnavailable, match="no tunes in"):
        read_melodies([tmp_path / "missing.abc"], GRID)


def test_whole_tunes_are_held_out() -> None:
    tunes = np.repeat(np.arange(25), 3)
    rows = np.arange(75, dtype=np.uint8)[:, None]
    kept, apart = hold_out(melodies.Melodies(rows, tunes, 25, {}))
    assert (len(kept), kept.used, len(apart), apart.used) == (69, 23, 6, 2)
    assert not set(kept.tunes) & set(apart.tunes)
    kept, apart = hold_out(melodies.Melodies(rows[:6], tunes[:6], 2, {}))
    assert (kept.used, apart.used) == (1, 1)


@pytest.fixture
def tunes(tmp_path: Path) -> Path:
    return write_tunes(tmp_path / "tunes")
