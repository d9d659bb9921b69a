"""How much a command shows, and what programs read from it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nitido.video.writer import VideoSink
from support.commands import HANG, nitido


def objects(done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture
def bad(photos: Path) -> Path:
    """A folder of three pictures and a file that is none."""
    (photos / "text.png").write_text("not a picture")
    return photos


def test_a_batch_in_json_is_an_object_for_each_file_and_one_for_the_run(
    tiny_models: dict[str, Path], bad: Path, tmp_path: Path
) -> None:
    command = ("denoise", bad, "-o", tmp_path / "out", "--model", tiny_models["denoise"], "--json")
    planned = objects(nitido(*command, "--dry-run"))
    assert [row["state"] for row in planned[:-1]] == ["would write"] * 4
    assert planned[-1]["summary"] == {"would write": 4, "left_out": {}, "links": 0}
    first = nitido(*command)
    *rows, last = objects(first)
    assert first.returncode == 1 and "failed: " in first.stderr
    assert sorted(row["state"] for row in rows) == ["done", "done", "done", "failed"]
    failed = next(row for row in rows if row["state"] == "failed")
    assert failed["source"] == str(bad / "text.png") and "is not a picture" in failed["reason"]
    assert all(Path(row["target"]).is_file() == (row["state"] == "done") for row in rows)
    assert (last["summary"]["done"], last["summary"]["failed"], last["summary"]["stopped"]) == (3, 1, None)
    again = objects(nitido(*command))
    assert sorted(row["state"] for row in again[:-1]) == ["failed", "resumed", "resumed", "resumed"]
    assert again[-1]["summary"]["resumed"] == 3


def test_a_quiet_batch_shows_errors_only_and_a_verbose_one_every_file(
    tiny_models: dict[str, Path], bad: Path, tmp_path: Path
) -> None:
    command = ("denoise", bad, "-o", tmp_path / "out", "--model", tiny_models["denoise"], "--overwrite")
    quiet = nitido(*command, "-q")
    assert quiet.stdout == "" and len(quiet.stderr.splitlines()) == 1 and quiet.stderr.startswith("failed: ")
    verbose = nitido(*command, "-v").stdout.splitlines()
    assert sorted(verbose[:-1]) == [
        f"done {tmp_path / 'out' / name}.png" for name in ("astronaut", "chelsea", "coffee")
    ]
    both = nitido(*command, "-q", "-v")
    assert both.returncode == 2 and "contradict each other" in both.stderr


def test_embed_is_quiet_or_verbose(bad: Path, tmp_path: Path) -> None:
    command = ("embed", bad, "-o", tmp_path / "z.npz", "--overwrite", "--device", "cpu")
    quiet = nitido(*command, "-q")
    assert quiet.stdout == "" and [line.partition(":")[0] for line in quiet.stderr.splitlines()] == ["failed"]
    verbose = nitido(*command, "--verbose")
    assert [line for line in verbose.stdout.splitlines() if line.startswith("done ")] == [
        f"done {bad / name}.png" for name in ("astronaut", "chelsea", "coffee")
    ]
    assert "failed: " in verbose.stderr


def test_live_is_quiet_or_verbose(tiny_models: dict[str, Path], tmp_path: Path) -> None:
    with VideoSink(tmp_path / "clip.avi", 30) as sink:
        for number in range(4):
            sink.write(np.full((48, 64, 3), 40 * number, np.uint8))
    command = ("live", "--source", tmp_path / "clip.avi", "--sink", "none", "--model", tiny_models["denoise"])
    quiet = nitido(*command, "-q", "--every-frame")
    assert (quiet.returncode, quiet.stdout, quiet.stderr) == (0, "", "")
    usual = nitido(*command, "--every-frame").stderr.splitlines()
    verbose = nitido(*command, "-v", "--every-frame").stderr.splitlines()
    assert len(usual) == 2 and len(verbose) == 3 and "fps" in verbose[1]


def test_models_are_listed_as_json() -> None:
    found = objects_of_list(nitido("models", "--json").stdout)
    default = next(row for row in found if row["name"] == "denoise-camera-n")
    assert default["task"] == "denoise" and default["default"] is True and Path(default["path"]).is_file()
    assert len(found) == len(nitido("models").stdout.splitlines())


def objects_of_list(text: str) -> list[dict[str, Any]]:
    return json.loads(text)


def test_characters_that_a_code_page_cannot_show_are_not_an_error(tmp_path: Path) -> None:
    """As a Windows console, or a file that its output goes to."""
    program = "from nitido.cli.main import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", program, "info", "denoise-n"],
        env=os.environ | {"PYTHONIOENCODING": "cp437", "PYTHONUTF8": "0"},
        capture_output=True, timeout=HANG, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert b"denoise-n" in done.stdout
