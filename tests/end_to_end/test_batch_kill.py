"""kill -9 at random moments: nothing lost, nothing half-written, nothing done twice.

NITIDO_KILLS sets how often (default 4; the full test takes 50).
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import time
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import pytest

from nitido.batch.journal import NAME
from nitido.images.io import read_picture
from support.batch_files import crops, journal_lines
from support.commands import command, held_at, nitido, running
from support.waiting import until

pytestmark = pytest.mark.slow

KILLS = int(os.environ.get("NITIDO_KILLS", "4"))


def results(out: Path) -> dict[str, bytes]:
    return {p.relative_to(out).as_posix(): p.read_bytes() for p in out.rglob("[!.]*.*")}


def endless(arguments: list[object], last: Path) -> AbstractContextManager[subprocess.Popen[bytes]]:
    """The run in a process that cannot end before it is killed: it never gets to read its ``last`` file."""
    begin = command(*arguments, before=held_at(last, gate=last.parent / "never"))
    return running(begin, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def kill_until_done(arguments: list[object], out: Path, last: Path, kills: int, seed: int) -> dict[str, list[int]]:
    """Kills the run ``kills`` times at random moments, each time checking what is there; then lets it end. Returns the
    inodes that each result has had."""
    rng = random.Random(seed)
    seen: dict[str, list[int]] = {}

    def look() -> None:
        for path in out.rglob("[!.]*.*"):
            read_picture(path)  # raises for a half-written one
            inodes = seen.setdefault(path.relative_to(out).as_posix(), [])
            if path.stat().st_ino not in inodes:
                inodes.append(path.stat().st_ino)

    for _ in range(kills):
        before = (out / NAME).stat().st_size if (out / NAME).is_file() else 0
        with endless(arguments, last) as process:
            # From the first line of this run on: before, there is only the interpreter to kill.
            until(lambda: (out / NAME).is_file() and (out / NAME).stat().st_size > before)  # noqa: B023 (called at once)
            time.sleep(rng.random() * 0.06)
            process.kill()
            assert process.wait() == -signal.SIGKILL
        look()
    done = nitido(*arguments)
    assert done.returncode == 0, done.stderr
    look()
    return seen


def test_a_killed_run_loses_nothing_and_does_nothing_twice(tiny_models: dict[str, Path], tmp_path: Path) -> None:
    files = 40 + 12 * KILLS
    last = crops(tmp_path / "in", files)[-1]
    out, reference = tmp_path / "out", tmp_path / "reference"
    model = ["--model", tiny_models["denoise"]]
    assert nitido("denoise", tmp_path / "in", "-o", reference, *model).returncode == 0

    seen = kill_until_done(["denoise", tmp_path / "in", "-o", out, *model], out, last, KILLS, seed=1)

    assert results(out) == results(reference)
    assert len(seen) == files
    assert all(len(inodes) == 1 for inodes in seen.values())  # written once, never again
    again = nitido("denoise", tmp_path / "in", "-o", out, *model)
    assert f"0 done, 0 failed, {files} skipped (done before)" in again.stdout
    assert not list(out.rglob("*.partial.*"))


def test_a_killed_overwrite_goes_on_and_the_next_one_begins_again(tiny_models: dict[str, Path], tmp_path: Path) -> None:
    files = 60
    last = crops(tmp_path / "in", files)[-1]
    out = tmp_path / "out"
    arguments = ["denoise", tmp_path / "in", "-o", out, "--model", tiny_models["denoise"], "--overwrite"]
    out.mkdir()
    (out / "0001.png").write_text("somebody else's")
    seen = kill_until_done(arguments, out, last, 0, seed=2)
    assert np.count_nonzero([len(i) == 1 for i in seen.values()]) == files

    lines = len(journal_lines(out))
    with endless(arguments, last):
        until(lambda: len(journal_lines(out)) >= lines + 10)
    made = {str(line["target"]) for line in journal_lines(out)[lines:] if line["status"] == "done"}
    assert 9 <= len(made) < files
    before = {name: (out / name).stat().st_ino for name in made}
    rest = nitido(*arguments)
    assert rest.returncode == 0
    # A result whose line was written but which had not yet taken its name is done now; no other one again.
    kept = sum((out / name).stat().st_ino == inode for name, inode in before.items())
    assert kept >= len(made) - (os.cpu_count() or 1) - 2
    assert f"{files} done" in nitido(*arguments).stdout


def test_a_torn_last_line_does_not_count(tiny_models: dict[str, Path], tmp_path: Path) -> None:
    crops(tmp_path / "in", 6)
    out = tmp_path / "out"
    arguments = ["denoise", tmp_path / "in", "-o", out, "--model", tiny_models["denoise"], "--workers", 1]
    nitido(*arguments)
    text = (out / NAME).read_bytes().splitlines(keepends=True)
    last = json.loads(text[-2])
    (out / NAME).write_bytes(b"".join(text[:-2]) + text[-2][:-30])
    (out / str(last["target"])).unlink()
    assert "1 done, 0 failed, 5 skipped" in nitido(*arguments).stdout
    assert "6 skipped (done before)" in nitido(*arguments).stdout
