"""Many files through one model: their order, their failures, their progress, and how a run is stopped."""

from __future__ import annotations

import itertools
from pathlib import Path

import cv2
import numpy as np
import pytest

from nitido.batch.engine import LocalEngine, Settings
from nitido.batch.plan import Job, plan_jobs
from nitido.batch.run import run_jobs, units
from nitido.inference.model import load
from support.batch_files import crops, names


def test_the_order_and_number_of_workers_do_not_matter(tiny_models: dict[str, Path], tmp_path: Path) -> None:
    crops(tmp_path / "in", 12)
    model = load(tiny_models["upscale"], "cpu")
    results: list[dict[str, bytes]] = []
    for workers in (1, 5):
        out = tmp_path / str(workers)
        jobs = plan_jobs([tmp_path / "in"], out)
        report = run_jobs(model, jobs, Settings(workers=workers))
        assert len(report.done) == 12 and not report.failed and not report.stopped
        results.append({name: (out / name).read_bytes() for name in names(out)})
    assert results[0] == results[1]


def test_a_surprise_in_one_file_does_not_end_the_others(
    tiny_models: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = crops(tmp_path / "in", 6)
    model, settings = load(tiny_models["denoise"], "cpu"), Settings()
    engine = LocalEngine(model, settings)

    class Surprising:
        place, workers = "here", 3

        def __call__(self, job: Job):
            if job.source == paths[1]:
                raise ZeroDivisionError("who would have thought")
            return engine(job)

    report = run_jobs(model, plan_jobs([tmp_path / "in"], tmp_path / "out"), settings, engine=Surprising())
    assert len(report.done) == 5
    assert [path for path, _ in report.failed] == [paths[1]]
    assert "ZeroDivisionError" in report.failed[0][1]


def test_progress_counts_files_and_frames(tiny_models: dict[str, Path], tmp_path: Path) -> None:
    crops(tmp_path / "in", 3)
    writer = cv2.VideoWriter(str(tmp_path / "in" / "clip.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 10, (64, 48))
    for i in range(7):
        writer.write(np.full((48, 64, 3), 30 * i, np.uint8))
    writer.release()
    (tmp_path / "in" / "bad.jpg").write_text("bad")
    jobs = plan_jobs([tmp_path / "in"], tmp_path / "out")
    seen: list[int] = []
    report = run_jobs(load(tiny_models["denoise"], "cpu"), jobs, progress=seen.append)
    assert (len(report.done), len(report.failed)) == (4, 1)
    assert sum(seen) == units(jobs) == 3 + 7 + 1


def test_a_stopped_video_leaves_nothing(tiny_models: dict[str, Path], tmp_path: Path) -> None:
    writer = cv2.VideoWriter(str(tmp_path / "in.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 10, (64, 48))
    for i in range(20):
        writer.write(np.full((48, 64, 3), 10 * i, np.uint8))
    writer.release()
    asked = itertools.count()
    frames: list[int] = []
    report = run_jobs(
        load(tiny_models["denoise"], "cpu"),
        [Job(tmp_path / "in.avi", tmp_path / "out" / "x.avi")],
        stopping=lambda: next(asked) >= 3,  # asked before the video and after each of its frames
        progress=frames.append,
    )
    assert sum(frames) == 3
    assert report.stopped == "interrupted" and not report.done and not report.failed
    assert list((tmp_path / "out").iterdir()) == []
