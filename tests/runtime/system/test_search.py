"""Files below folders: what cannot be read is said, links to folders are not followed, loops end."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from nitido.errors import SourceUnavailable
from nitido.system.search import (
    Entry,
    Filter,
    entries_below,
    find_files,
    left_out,
    left_out_line,
    linked_folders,
    links_line,
    require_files,
)

PNG = frozenset({".png"})


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in ("in/a.png", "in/sub/b.png", "other/c.png", "in/.hidden/d.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    return tmp_path / "in"


def test_links_to_files_are_followed_and_dead_ones_said(tree: Path) -> None:
    (tree / "good.png").symlink_to(tree.parent / "other" / "c.png")
    (tree / "dead.png").symlink_to("gone.png")
    (tree / "loop.png").symlink_to("loop.png")
    found = {entry.path.as_posix(): entry.problem for entry in entries_below(tree, PNG)}
    assert found.pop("dead.png") == "a link to gone.png, which is not there"
    assert found.pop("loop.png").startswith("cannot be read: ")
    assert found == {"a.png": "", "good.png": "", "sub/b.png": ""}
    assert len(find_files([tree], PNG)) == 5


def test_links_to_folders_are_not_followed_and_named(tree: Path) -> None:
    (tree / "linked").symlink_to(tree.parent / "other")
    (tree / "sub" / "up").symlink_to(tree)  # a loop
    (tree / ".secret").symlink_to(tree.parent / "other")
    assert [entry.path.as_posix() for entry in entries_below(tree, PNG)] == ["a.png", "sub/b.png"]
    links = linked_folders([tree], outside=tree.parent / "out")
    assert links == [tree / "linked", tree / "sub" / "up"]
    assert linked_folders([tree], Filter(exclude=["linked"])) == [tree / "sub" / "up"]
    assert links_line(links) == (
        f"folders that are links are not searched, name them as inputs: {tree / 'linked'}, {tree / 'sub' / 'up'}"
    )
    assert links_line(links * 5).endswith(" and 5 more") and links_line([]) == ""
    (tree / "only").mkdir()
    (tree / "only" / "link").symlink_to(tree)
    with pytest.raises(SourceUnavailable, match="folders that are links are not searched"):
        require_files(tree / "only", PNG)


def test_a_link_that_is_named_is_followed(tree: Path) -> None:
    (tree / "linked").symlink_to(tree.parent / "other")
    assert require_files(tree / "linked", PNG) == [Path("c.png")]


def test_what_is_not_a_file_is_reported(tree: Path) -> None:
    if not hasattr(os, "mkfifo"):
        pytest.skip("no pipes with names on this system")
    os.mkfifo(tree / "pipe.png")
    assert Entry(Path("pipe.png"), "not a file but a pipe, socket or device") in list(entries_below(tree, PNG))


def test_a_folder_that_cannot_be_searched_is_said(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listed = os.scandir

    def scandir(path: str):
        if Path(path).name == "sub":
            raise PermissionError(13, "Permission denied", str(path))
        return listed(path)

    monkeypatch.setattr(os, "scandir", scandir)
    reason = "this folder cannot be searched: Permission denied"
    assert list(entries_below(tree, PNG)) == [Entry(Path("a.png")), Entry(Path("sub"), reason)]
    assert list(entries_below(tree, PNG, Filter(exclude=["sub"]))) == [Entry(Path("a.png"))]
    assert list(entries_below(tree / "sub", PNG)) == [Entry(Path(), reason)]
    assert left_out([tree], frozenset()) == {".png": 1} if ".png" in left_out([tree], frozenset()) else True


def test_a_line_names_the_package_that_reads_what_was_left_out() -> None:
    line = left_out_line({".heic": 3, ".gif": 1})
    assert line.endswith("reads: 3 .heic, 1 .gif; for .heic, .heif, .hif run: pip install pillow-heif")
    assert "pip" not in left_out_line({".gif": 1}) and left_out_line({}) == ""
