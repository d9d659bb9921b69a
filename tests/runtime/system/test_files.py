"""Files that are complete or not there, also with the longest names and where the system cannot sync."""

from __future__ import annotations

import errno
import logging
import os
import sys
from pathlib import Path

import pytest

from nitido.errors import SinkUnavailable
from nitido.system import files
from nitido.system.files import config_folder, exists, is_folder, partial_path, replacing, replacing_folder, write_whole


def longest(suffix: str, letter: str = "n") -> str:
    """A name of 255 bytes."""
    stem = letter * ((255 - len(suffix)) // len(letter.encode()))
    return stem + "x" * (255 - len((stem + suffix).encode())) + suffix


@pytest.mark.parametrize("letter", ["n", "é", "写"])
def test_names_of_255_bytes_are_written(tmp_path: Path, letter: str) -> None:
    path = tmp_path / longest(".png", letter)
    assert len(os.fsencode(path.name)) == 255
    with replacing(path) as partial:
        assert partial.parent == tmp_path and partial.name.startswith(".") and partial.suffix == ".png"
        assert len(os.fsencode(partial.name)) <= 255
        partial.write_bytes(b"1")
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_short_names_stay_recognisable_and_long_ones_apart(tmp_path: Path) -> None:
    assert partial_path(tmp_path / "scan.tif").name == ".scan.partial.tif"
    first, second = (partial_path(tmp_path / f"{'n' * 250}{i}.png") for i in (1, 2))
    assert first.name != second.name and first.name[:200] == "." + "n" * 199


def test_the_limit_is_that_of_the_file_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "pathconf", lambda _path, _name: 143)
    assert len(partial_path(tmp_path / ("n" * 139 + ".png")).name) <= 143
    assert len(partial_path(tmp_path / "not" / "yet" / ("n" * 139 + ".png")).name) <= 143


def test_folders_of_255_bytes_are_written(tmp_path: Path) -> None:
    path = tmp_path / longest("")
    for content in ("1", "2"):
        with replacing_folder(path) as draft:
            (draft / "a").write_text(content)
    assert (path / "a").read_text() == "2" and [p.name for p in tmp_path.iterdir()] == [path.name]


def failing(number: int):
    def fsync(_descriptor: int) -> None:
        raise OSError(number, os.strerror(number))

    return fsync


def test_a_file_system_that_cannot_sync_is_a_warning_and_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(files, "_unsynced", set())
    monkeypatch.setattr(os, "fsync", failing(errno.EINVAL))
    with caplog.at_level(logging.WARNING):
        write_whole(tmp_path / "a", b"1")
        write_whole(tmp_path / "b", b"2")
    assert (tmp_path / "b").read_bytes() == b"2"
    assert [r.message for r in caplog.records if "cannot sync" in r.message] == [caplog.records[0].message]
    assert len(caplog.records) == 1


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC])
def test_a_disk_that_is_full_or_broken_is_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    monkeypatch.setattr(os, "fsync", failing(number))
    with pytest.raises(SinkUnavailable, match="nothing was changed"):
        write_whole(tmp_path / "a", b"1")
    assert list(tmp_path.iterdir()) == []


def test_names_that_the_system_cannot_look_up_are_not_there(tmp_path: Path) -> None:
    assert not exists(tmp_path / ("n" * 300)) and not is_folder(tmp_path / ("n" * 300))
    assert exists(tmp_path) and is_folder(tmp_path)


def test_a_file_that_may_only_be_read_is_synced(tmp_path: Path) -> None:
    with replacing(tmp_path / "a") as partial:
        partial.write_bytes(b"1")
        partial.chmod(0o400)
    assert (tmp_path / "a").read_bytes() == b"1"


@pytest.mark.parametrize(
    ("system", "variable", "folder"),
    [
        ("linux", "XDG_CONFIG_HOME", "nitido"),
        ("win32", "APPDATA", "nitido"),
        ("darwin", None, "Library/Application Support/nitido"),
    ],
)
def test_settings_are_where_the_system_keeps_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, system: str, variable: str | None, folder: str
) -> None:
    monkeypatch.setattr(sys, "platform", system)
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "home")
    root = tmp_path / "home"
    if variable:
        monkeypatch.setenv(variable, str(root := tmp_path / "settings"))
    assert config_folder() == root / folder
    if variable == "XDG_CONFIG_HOME":
        monkeypatch.setenv(variable, "relative")  # which the standard says to ignore
        assert config_folder() == tmp_path / "home" / ".config" / "nitido"
