"""From a score to rows of note codes."""

from __future__ import annotations

from pathlib import Path

import pytest

from nitido.errors import SourceUnavailable
from nitido.latent.melody import FIRST, HOLD, REST
from nitido_train.data.melodies import read_melodies
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


def test_a_tune_becomes_codes_in_c(tmp_path: Path) -> None:
    (row,) = phrases_of(tmp_path, "M:4/4\nL:1/4\nK:C\nc2 z c/d/|(e2 e2)|")
    assert row == held((C, 8), (REST, 4), (C, 2), (C + 2, 2), (C + 4, 8), (C + 4, 8))
    (tied,) = phrases_of(tmp_path, "M:4/4\nL:1/4\nK:C\nc4-|c2 d2|")
    assert tied == held((C, 24), (C + 2, 8))
    (sharp,) = phrases_of(tmp_path, "M:4/4\nL:1/4\nK:D\nd2 z d/e/|f2 f2|")  # two sharps
    assert sharp == row
    (minor,) = phrases_of(tmp_path, "M:4/4\nL:1/4\nK:Gm\nG2 B2|d2 g2|")  # becomes A minor
    assert [(code - C) % 12 for code in minor if code >= FIRST] == [9, 0, 4, 9]


def test_two_four_is_written_as_slowly_as_common_time(tmp_path: Path) -> None:
    slow = phrases_of(tmp_path, "M:C|\nL:1/8\nK:C\ncdef g2a2|g8|")
    quick = phrases_of(tmp_path, "M:2/4\nL:1/16\nK:C\ncdef g2a2|g8|")
    assert slow == quick and len(slow) == 1


def test_phrases_begin_with_a_strain_and_its_last_note_fills_the_bar(tmp_path: Path) -> None:
    tune = "M:4/4\nL:1/4\nK:C\nG|c4|d4|e4|f3:|\nf|g4|a4|b4|c'3|]"
    rows = phrases_of(tmp_path, tune)
    assert rows == [held((C + a, 16), (C + b, 16)) for a, b in ((0, 2), (4, 5), (7, 9), (11, 12))]


def test_endings_are_no_part_of_the_next_strain(tmp_path: Path) -> None:
    tune = "M:4/4\nL:1/4\nK:C\n|:c4|d4|e4|1 f4:|2 g4||G4|A4|"
    assert phrases_of(tmp_path, tune) == [held((C + a, 16), (C + b, 16)) for a, b in ((0, 2), (4, 5), (-5, -3))]


def test_a_triplet_is_rounded_and_too_many_are_left_out(tmp_path: Path) -> None:
    (row,) = phrases_of(tmp_path, "M:4/4\nL:1/8\nK:C\n(3cde cccc cc|c2c2c2c2|")
    assert row[:4] == [C, C + 2, HOLD, C + 4]
    path = tmp_path / "triplets.abc"
    path.write_text(abc_of("M:4/4\nL:1/8\nK:C\n(3cde(3cde(3cde(3cde|(3cde(3cde(3cde(3cde|"))
    with pytest.raises(SourceUnavailable, match="1 with too many notes between the steps"):
        read_melodies([path], GRID)


@pytest.fixture
def tunes(tmp_path: Path) -> Path:
    return write_tunes(tmp_path / "tunes")
