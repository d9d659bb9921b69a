"""Videos of a batch: their sound, and the room that they take."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from nitido.batch.journal import NAME
from nitido.batch.plan import plan_jobs
from nitido.batch.run import run_jobs
from nitido.inference.model import load
from nitido.video import sound
from support.commands import nitido


def silent_clip(path: Path, *, side: int = 64, frames: int = 10, noise: bool = False) -> Path:
    random = np.random.default_rng(0)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10, (side, side))
    for i in range(frames):
        writer.write(random.integers(0, 256 if noise else 20 * i + 1, (side, side, 3), np.uint8))
    writer.release()
    return path


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], float]], None]:
    """Sets how many bytes every disk says it has left."""

    def set_free(free: Callable[[], float]) -> None:
        monkeypatch.setattr(shutil, "disk_usage", lambda _path: SimpleNamespace(free=free()))

    return set_free


def speaking_ffmpeg(folder: Path, monkeypatch: pytest.MonkeyPatch, said: str, code: int) -> None:
    """An ffmpeg that joins nothing, but leaves half a file, says something and exits so."""
    folder.mkdir()
    script = '#!/bin/sh\nfor last; do :; done\ncase "$last" in file:*) ;; *) exit 0;; esac\n'
    script += f'echo half > "${{last#file:}}"\necho "{said}" >&2\nexit {code}\n'
    (folder / "ffmpeg").write_text(script)
    (folder / "ffmpeg").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")


def left_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.skipif(os.name == "nt", reason="the stand-in is a shell script")
@pytest.mark.parametrize(
    ("said", "code"),
    [
        ("av_interleaved_write_frame(): No space left on device", 1),
        ("Error writing trailer of file:x.avi: No space left on device", 0),  # as ffmpeg 5 ends, with half a file
        ("av_interleaved_write_frame(): Disk quota exceeded", 1),
    ],
)
def test_a_disk_too_full_for_the_sound_ends_the_run_and_leaves_nothing(
    tiny_models: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str, code: int
) -> None:
    (tmp_path / "in").mkdir()
    for name in ("a.avi", "b.avi"):
        silent_clip(tmp_path / "in" / name)
    out = tmp_path / "out"
    arguments = ["denoise", tmp_path / "in", "-o", out, "--model", tiny_models["denoise"], "--workers", 1]
    with monkeypatch.context() as patch:
        speaking_ffmpeg(tmp_path / "bin", patch, said, code)
        run = nitido(*arguments, "--report", tmp_path / "r.json")
    assert run.returncode == 1 and "0 done, 0 failed" in run.stdout
    assert f"stopped: the disk of {out} is full" in run.stderr and "written twice" in run.stderr
    assert left_in(out) == [NAME]
    assert json.loads((tmp_path / "r.json").read_text())["stopped"]
    assert "2 done" in nitido(*arguments).stdout


@pytest.mark.skipif(os.name == "nt", reason="the stand-in is a shell script")
def test_sound_that_a_container_cannot_hold_is_told_and_the_video_done(
    tiny_models: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    source = silent_clip(tmp_path / "a.avi")
    # A file that lacks its end is none, though the exit code is that of success.
    for code, said in ((1, "Could not find tag for codec pcm_s16le"), (0, "Error writing trailer of file:x: Invalid")):
        with monkeypatch.context() as patch:
            speaking_ffmpeg(tmp_path / f"bin{code}", patch, said, code)
            target = tmp_path / f"out{code}" / "a.avi"
            run = nitido("denoise", source, "-o", target, "--model", tiny_models["denoise"])
        assert run.returncode == 0, run.stderr
        assert f"{target}: without sound, ffmpeg said: {said}" in caplog.text
        assert cv2.VideoCapture(str(target)).get(cv2.CAP_PROP_FRAME_COUNT) == 10
        assert left_in(target.parent) == ["a.avi"]


def test_a_full_disk_ends_a_run_of_videos(
    tiny_models: dict[str, Path], tmp_path: Path, disk: Callable[[Callable[[], float]], None]
) -> None:
    (tmp_path / "in").mkdir()
    for name in ("a.avi", "b.avi", "c.avi"):
        silent_clip(tmp_path / "in" / name)
    free = [3e6]
    disk(lambda: free[0])
    out = tmp_path / "out"
    arguments = ["denoise", tmp_path / "in", "-o", out, "--model", tiny_models["denoise"]]
    run = nitido(*arguments)
    assert run.returncode == 1 and "0 done, 0 failed" in run.stdout
    lines = [line for line in run.stderr.splitlines() if "full" in line or "failed" in line]
    assert lines == [
        f"Error: stopped: the disk of {out} is full (it has room for 3.0 MB, a video needs at least 5.3 MB); "
        "make room and start again"
    ]
    assert left_in(out) == [NAME]
    free[0] = 1e9
    assert "3 done" in nitido(*arguments).stdout


@pytest.mark.slow
@pytest.mark.parametrize("twice", [True, False])
def test_room_for_the_copy_with_sound_is_looked_for_while_the_video_grows(
    tmp_path: Path,
    tiny_models: dict[str, Path],
    monkeypatch: pytest.MonkeyPatch,
    disk: Callable[[Callable[[], float]], None],
    twice: bool,
) -> None:
    source = silent_clip(tmp_path / "a.avi", side=256, frames=60, noise=True)
    result = tmp_path / "out" / "a.avi"
    assert run_jobs(load(tiny_models["denoise"], "cpu"), plan_jobs([source], result)).done
    size = result.stat().st_size
    result.unlink()
    total = sound._RESERVE + 500_000 + 1.5 * size  # for the result and what finishing a file may take, but not twice
    disk(lambda: total - sum(path.stat().st_size for path in result.parent.glob(".*")))
    monkeypatch.setattr(sound, "_has_sound", lambda _ffmpeg, _source: twice)
    monkeypatch.setattr(shutil, "which", lambda _name: "ffmpeg")
    report = run_jobs(load(tiny_models["denoise"], "cpu"), plan_jobs([source], result))
    if twice:
        assert f"room for {total / 1e6:.1f} MB" in report.stopped and "written twice" in report.stopped
        assert not report.done and not report.failed and left_in(result.parent) == []
    else:
        assert report.done and not report.stopped


def test_a_last_line_of_the_journal_that_finds_no_room_is_no_failure(
    tiny_models: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from nitido.batch.journal import Journal

    def full(_journal: Journal) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Journal, "end", full)
    source = silent_clip(tmp_path / "a.avi")
    run = nitido("denoise", source, "-o", tmp_path / "out", "--model", tiny_models["denoise"])
    assert run.returncode == 0 and "1 done" in run.stdout
    assert "cannot write the journal" in caplog.text
