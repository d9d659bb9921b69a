"""Videos of a batch: what is kept beside their pictures, what is refused, and the room that they take."""

from __future__ import annotations

import errno
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import av
import cv2
import numpy as np
import pytest

from nitido.batch.journal import NAME
from nitido.inference.model import load
from nitido.video.reader import VideoSource
from support.clips import make_clip, ramp, sound_of
from support.commands import nitido
from support.frames import frames_in, noise_frame
from support.recurrent_models import write_averaging_model

Disk = Callable[[Callable[[], float]], None]


def clip(path: Path, count: int = 10) -> Path:
    return make_clip(path, [ramp(i) for i in range(count)], sounds=["spa"])


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    """Sets how many bytes every disk says it has left."""

    def set_free(free: Callable[[], float]) -> None:
        monkeypatch.setattr(shutil, "disk_usage", lambda _path: SimpleNamespace(free=free()))

    return set_free


def left_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_sound_is_copied_bit_by_bit(tiny_models: dict[str, Path], tmp_path: Path, suffix: str) -> None:
    source, target = clip(tmp_path / f"in{suffix}"), tmp_path / f"out{suffix}"
    run = nitido("denoise", source, "-o", target, "--model", tiny_models["denoise"])
    assert run.returncode == 0, run.stderr
    assert frames_in(target) == 10
    assert sound_of(target) == sound_of(source) and len(sound_of(source)) > 20


@pytest.mark.slow
def test_a_video_of_a_disc_becomes_an_mp4(tiny_models: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    make_clip(tmp_path / "in" / "a.ts", [ramp(i) for i in range(10)], [3600 + i / 25 for i in range(10)])
    run = nitido("denoise", tmp_path / "in", "-o", tmp_path / "out", "--model", tiny_models["denoise"])
    assert run.returncode == 0, run.stderr
    with av.open(str(tmp_path / "out" / "a.mp4")) as container:
        assert [float(frame.time or 0) for frame in container.decode(video=0)][:2] == pytest.approx([0, 0.04])


def test_a_full_disk_ends_a_run_of_videos(tiny_models: dict[str, Path], tmp_path: Path, disk: Disk) -> None:
    (tmp_path / "in").mkdir()
    for name in ("a.mp4", "b.mp4", "c.mp4"):
        clip(tmp_path / "in" / name)
    free = [3e6]
    disk(lambda: free[0])
    out = tmp_path / "out"
    arguments = ["denoise", tmp_path / "in", "-o", out, "--model", tiny_models["denoise"]]
    run = nitido(*arguments, "--report", tmp_path / "report.json")
    assert run.returncode == 1 and "0 done, 0 failed" in run.stdout
    lines = [line for line in run.stderr.splitlines() if "full" in line or "failed" in line]
    assert lines == [f"Error: stopped: the disk of {out} is full (No space left on device); make room and start again"]
    assert left_in(out) == [NAME]
    assert json.loads((tmp_path / "report.json").read_text())["stopped"]
    free[0] = 1e9
    assert "3 done" in nitido(*arguments).stdout


def test_a_disk_that_fills_up_in_the_middle_leaves_nothing(
    tiny_models: dict[str, Path], tmp_path: Path, disk: Disk
) -> None:
    room = iter([1e9] * 6 + [1e6] * 100)
    disk(lambda: next(room))
    run = nitido("denoise", clip(tmp_path / "a.mp4"), "-o", tmp_path / "out", "--model", tiny_models["denoise"])
    assert run.returncode == 1 and "stopped: the disk of" in run.stderr
    assert left_in(tmp_path / "out") == [NAME]


def test_a_last_line_of_the_journal_without_room_is_not_a_failure(
    tiny_models: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from nitido.batch.journal import Journal

    def full(_journal: Journal) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Journal, "end", full)
    source = clip(tmp_path / "a.mp4")
    run = nitido("denoise", source, "-o", tmp_path / "out", "--model", tiny_models["denoise"])
    assert run.returncode == 0 and "1 done" in run.stdout
    assert "cannot write the journal" in caplog.text


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".avi", ".webm"])
def test_hdr_goes_where_it_is_kept_or_is_mapped(tiny_models: dict[str, Path], tmp_path: Path, suffix: str) -> None:
    options = {"crf": "10", "x265-params": "log-level=none:bframes=0"}
    pictures = [ramp(i) for i in range(3)]
    source = make_clip(
        tmp_path / "in.mp4", pictures, codec="libx265", pixel_format="yuv420p10le", tags=(9, 16, 9, 1), options=options
    )
    arguments = ["denoise", source, "-o", tmp_path / f"out{suffix}", "--model", tiny_models["denoise"]]
    run = nitido(*arguments)
    assert run.returncode == 1 and "is HDR (PQ)" in run.stderr and len(run.stderr.splitlines()) == 2
    assert nitido(*arguments, "--tone-map").returncode == 0
    assert frames_in(tmp_path / f"out{suffix}") == 3


def test_a_clip_that_changes_its_size_is_one_line(tiny_models: dict[str, Path], tmp_path: Path) -> None:
    parts = [make_clip(tmp_path / f"{side}.ts", [ramp(i, side, side) for i in range(10)]) for side in (64, 96)]
    joined = tmp_path / "joined.ts"
    joined.write_bytes(b"".join(part.read_bytes() for part in parts))
    run = nitido("denoise", joined, "-o", tmp_path / "out.mp4", "--model", tiny_models["denoise"])
    assert run.returncode == 1 and "joined.ts changes from 64×64 to 96×96 at 0.36 s" in run.stderr, run.stderr
    assert not (tmp_path / "out.mp4").exists()


@pytest.mark.parametrize("content", [b"", b"\x47" * 3000])
@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".avi", ".webm", ".mov", ".ts", ".mpg", ".wmv", ".flv"])
def test_files_that_hold_nothing_are_one_line(
    tiny_models: dict[str, Path], tmp_path: Path, suffix: str, content: bytes
) -> None:
    (tmp_path / f"a{suffix}").write_bytes(content)
    run = nitido("denoise", tmp_path / f"a{suffix}", "-o", tmp_path / "out", "--model", tiny_models["denoise"])
    assert run.returncode == 1 and "not a video" in run.stderr and len(run.stderr.splitlines()) == 2
    assert left_in(tmp_path / "out") == [NAME]


def test_transparency_is_left_out_with_a_line(
    tiny_models: dict[str, Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    source = make_clip(tmp_path / "a.mov", [np.full((48, 64, 3), 90, np.uint8)], codec="png", pixel_format="rgba")
    run = nitido("denoise", source, "-o", tmp_path / "out.mp4", "--model", tiny_models["denoise"])
    assert run.returncode == 0 and f"{tmp_path / 'out.mp4'}: left out: transparency" in caplog.text


@pytest.mark.slow
def test_a_recurrent_model_remembers_along_a_video_and_not_along_a_folder(tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    model = load(write_averaging_model(tmp_path / "memory.onnx"), "cpu")
    make_clip(tmp_path / "in.mkv", [noise_frame(48, 64) // 2 + np.uint8(8 * n) for n in range(5)])
    with VideoSource(tmp_path / "in.mkv") as source:
        frames = [np.ascontiguousarray(frame) for frame in source]
    run = nitido("denoise", tmp_path / "in.mkv", "-o", tmp_path / "out.mkv", "--model", model.path, "--codec", "ffv1")
    assert run.returncode == 0, run.stderr
    with VideoSource(tmp_path / "out.mkv") as source:
        results = list(source)
    gaps = [np.abs(a.astype(int) - b).mean() for a, b in zip(results, model.stream(frames), strict=True)]
    assert max(gaps) < 2  # of the way to 4:4:4 and back
    assert np.abs(results[-1].astype(int) - frames[-1]).mean() > 8

    (tmp_path / "pictures").mkdir()
    for number, frame in enumerate(frames):
        cv2.imwrite(str(tmp_path / "pictures" / f"{number}.png"), frame)
    run = nitido("denoise", tmp_path / "pictures", "-o", tmp_path / "out", "--model", model.path)
    assert run.returncode == 0, run.stderr
    for number, frame in enumerate(frames):  # the first of a stream comes out as it is
        assert np.array_equal(cv2.imread(str(tmp_path / "out" / f"{number}.png")), frame)
