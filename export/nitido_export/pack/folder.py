"""A folder that is there complete or not at all, and that knows which of its files were written for it."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from nitido.errors import SinkUnavailable

MANIFEST = "pack.json"


@contextmanager
def new_folder(target: Path, source: Path, facts: Mapping[str, str], *, overwrite: bool) -> Iterator[Path]:
    """Yields an empty sibling of ``target`` to be filled; afterwards it takes the target's place in one rename.

    A manifest ``pack.json`` with ``facts`` and the SHA-256 of every file is added. ``source``: the model that is
    packed, which must not lie in the target. A target that holds files is replaced only with ``overwrite`` and only
    when its manifest lists all of them, so that nothing is deleted that someone else put there.

    Raises ``SinkUnavailable``; whatever is raised, by the caller's block too, the target is as it was.
    """
    target = Path(os.path.realpath(target))
    draft, old = (target.with_name(f".{target.name}.{secrets.token_hex(4)}.{part}") for part in ("partial", "old"))
    try:
        require_replaceable(target, source, overwrite=overwrite)
        draft.mkdir(parents=True)
        yield draft
        _write_manifest(draft, facts)
        if target.exists():
            target.rename(old)
        try:
            draft.rename(target)
        except BaseException:
            if old.exists():
                old.rename(target)
            raise
        shutil.rmtree(old, ignore_errors=True)
    except OSError as error:
        raise SinkUnavailable(f"cannot write {target}: {error.strerror or error}; nothing was changed") from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def require_replaceable(target: Path, source: Path, *, overwrite: bool) -> None:
    """Raises ``SinkUnavailable`` when ``target`` is no folder that may be made or replaced."""
    if not target.exists():
        return
    if not target.is_dir():
        raise SinkUnavailable(f"{target} is a file, expected a folder; name another with -o")
    if target == Path.cwd():
        raise SinkUnavailable(f"{target} is the current folder, which cannot be replaced; name another with -o")
    if Path(os.path.realpath(source)).is_relative_to(target):
        raise SinkUnavailable(f"{target} holds the model that is packed; name another folder with -o")
    found = {path.relative_to(target).as_posix() for path in target.rglob("*") if not path.is_dir()}
    if not found:
        return
    if not overwrite:
        raise SinkUnavailable(f"{target} is not empty; give --overwrite or name another folder with -o")
    foreign = sorted(found - _packed(target) - {MANIFEST}) if MANIFEST in found else sorted(found)
    if foreign:
        raise SinkUnavailable(
            f"{target} holds {foreign[0]}, which 'nitido pack' did not write; move it or name another folder with -o"
        )


def _packed(folder: Path) -> set[str]:
    """Names of the files that the folder's manifest lists; none when it cannot be read."""
    try:
        return set(json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["files"])
    except (ValueError, KeyError, TypeError):
        return set()


def _write_manifest(folder: Path, facts: Mapping[str, str]) -> None:
    """Lists the files, and forces each to the disk: a folder must not be renamed before its contents are there."""
    sums = {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        sums[path.relative_to(folder).as_posix()] = hashlib.sha256(path.read_bytes()).hexdigest()
        _sync(path)
    text = json.dumps({**facts, "files": sums}, indent=2, ensure_ascii=False) + "\n"
    (folder / MANIFEST).write_text(text, encoding="utf-8")
    _sync(folder / MANIFEST)


def _sync(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())
