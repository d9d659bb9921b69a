"""Writes a folder completely or not at all, with a manifest of its files."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from nitido.errors import SinkUnavailable
from nitido.system.files import replacing_folder, sync_to_disk

MANIFEST = "pack.json"


@contextmanager
def new_folder(target: Path, source: Path, facts: Mapping[str, str], *, overwrite: bool) -> Iterator[Path]:
    """Yields an empty folder next to ``target`` to be filled, which then replaces the target with one rename.

    source: the model that is packed, which must not lie in the target.
    facts: written to a manifest ``pack.json``, with the SHA-256 of every file.
    overwrite: replace a target that contains files, but only if its manifest lists all of them, so that no files of
    others are deleted.

    Raises ``SinkUnavailable``. After any exception, also of the caller's block, the target is unchanged.
    """
    target = Path(os.path.realpath(target))
    require_replaceable(target, source, overwrite=overwrite)
    with replacing_folder(target) as draft:
        yield draft
        _write_manifest(draft, facts)


def require_replaceable(target: Path, source: Path, *, overwrite: bool) -> None:
    """Raises ``SinkUnavailable`` unless ``target`` is a folder that may be made or replaced."""
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
    """Names of the files in the folder's manifest; none if it cannot be read."""
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
        sync_to_disk(file.fileno(), path)
