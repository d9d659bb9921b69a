"""Which files a batch takes, and where their results go."""

from __future__ import annotations

from pathlib import Path

import pytest

from nitido.batch.plan import PlanMismatch, plan_jobs
from nitido.errors import SourceUnavailable
from nitido.system.search import Filter


def test_folders_keep_their_paths_and_globs_choose(tmp_path: Path) -> None:
    for name in ("a.jpg", "raw/b.png", "raw/deep/c.tif", ".hidden/d.jpg", "._a.jpg", "note.txt"):
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).write_text("")
    out = tmp_path / "out"

    def planned(*include: str, exclude: tuple[str, ...] = (), kind: str | None = None) -> list[str]:
        jobs = plan_jobs([tmp_path / "in"], out, Filter(include, exclude), kind)
        return [job.target.relative_to(out).as_posix() for job in jobs]

    assert planned() == ["a.jpg", "raw/b.png", "raw/deep/c.tif"]
    assert planned("*.jpg", "*.png") == ["a.jpg", "raw/b.png"]
    assert planned("raw/*", exclude=("c.*",)) == ["raw/b.png"]
    assert planned(kind="webp") == ["a.webp", "raw/b.webp", "raw/deep/c.webp"]
    assert planned(kind="jpeg")[0] == "a.jpg"
    with pytest.raises(SourceUnavailable, match="--include and --exclude leave"):
        planned("*.bmp")


def test_results_inside_the_folder_are_not_sources(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "a.jpg").write_text("")
    (tmp_path / "out" / "a.jpg").write_text("")
    assert [job.source.name for job in plan_jobs([tmp_path], tmp_path / "out")] == ["a.jpg"]
    with pytest.raises(PlanMismatch, match="is the folder that is read"):
        plan_jobs([tmp_path], tmp_path)


def test_videos_that_can_only_be_read_get_another_ending(tmp_path: Path) -> None:
    (tmp_path / "clip.MTS").write_text("")
    (job,) = plan_jobs([tmp_path], tmp_path / "out")
    assert (job.target.name, job.problem) == ("clip.mp4", "")
    (tmp_path / "clip.mp4").write_text("")
    assert [bool(job.problem) for job in plan_jobs([tmp_path], tmp_path / "out")] == [False, True]  # one name for two


def test_a_named_file_of_a_foreign_kind_needs_a_name_for_its_result(tmp_path: Path) -> None:
    given = tmp_path / "a.gif"
    given.touch()
    (job,) = plan_jobs([given], tmp_path / "out")
    assert "with the suffix .gif are not taken" in job.problem and "-o RESULT.png" in job.problem
    (job,) = plan_jobs([given], tmp_path / "out.png")
    assert job.problem == ""
    (job,) = plan_jobs([given], tmp_path / "out", kind="png")
    assert (job.target, job.problem) == (tmp_path / "out" / "a.png", "")
