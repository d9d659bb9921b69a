"""What a batch does where an earlier one has left results."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from nitido.batch.journal import Journal
from nitido.images.io import read_picture
from support.batch_files import names
from support.commands import nitido


def test_results_of_another_strength_or_model_are_not_taken_for_done(setting) -> None:
    source, out, model = setting
    assert "6 done" in nitido("denoise", source, "-o", out, *model).stdout
    full = (out / "0001.png").read_bytes()
    assert "6 skipped (done before)" in nitido("denoise", source, "-o", out, *model).stdout
    assert "6 done" in nitido("denoise", source, "-o", out, *model, "--strength", 0.5).stdout
    assert (out / "0001.png").read_bytes() != full
    assert "6 done" in nitido("run", source, "-o", out, "--model", "denoise-n", "--quality", 80).stdout
    assert "6 skipped (done before)" in nitido("run", source, "-o", out, "--model", "denoise-n", "--quality", 80).stdout


def test_a_changed_source_is_done_again_and_the_others_are_not(setting) -> None:
    source, out, model = setting
    nitido("denoise", source, "-o", out, *model)
    cv2.imwrite(str(source / "0001.png"), np.zeros((9, 9, 3), np.uint8))
    assert "1 done, 0 failed, 5 skipped" in nitido("denoise", source, "-o", out, *model).stdout
    assert read_picture(out / "0001.png").pixels.shape == (9, 9, 3)


def test_files_of_somebody_else_are_kept_unless_asked(setting) -> None:
    source, out, model = setting
    nitido("denoise", source, "-o", out, *model)
    (out / "0001.png").write_text("edited by hand")
    (out / "0002.jpg").unlink()
    run = nitido("denoise", source, "-o", out, *model, "--strength", 0.5)
    assert "5 done, 0 failed, 1 skipped (result exists; --overwrite replaces it)" in run.stdout
    assert (out / "0001.png").read_text() == "edited by hand"
    assert "6 done" in nitido("denoise", source, "-o", out, *model, "--overwrite").stdout
    assert read_picture(out / "0001.png").pixels.shape == (48, 48, 3)


def test_a_result_of_another_source_is_kept(setting, tmp_path: Path) -> None:
    source, out, model = setting
    nitido("denoise", source, "-o", out, *model)
    other = tmp_path / "elsewhere"
    other.mkdir()
    cv2.imwrite(str(other / "0001.png"), np.zeros((9, 9, 3), np.uint8))
    assert "1 skipped (result exists" in nitido("denoise", other, "-o", out, *model).stdout
    assert read_picture(out / "0001.png").pixels.shape == (48, 48, 3)


def test_a_failed_file_is_tried_again(setting) -> None:
    source, out, model = setting
    good = (source / "0001.png").read_bytes()
    (source / "0001.png").write_bytes(good[:100])
    assert nitido("denoise", source, "-o", out, *model).returncode == 1
    (source / "0001.png").write_bytes(good)
    run = nitido("denoise", source, "-o", out, *model)
    assert "1 done, 0 failed, 5 skipped" in run.stdout and run.returncode == 0


def test_a_second_run_into_the_same_folder_waits_outside(setting) -> None:
    pytest.importorskip("fcntl", reason="no locks on this system")
    source, out, model = setting
    with Journal(out):
        run = nitido("denoise", source, "-o", out, *model)
    assert run.returncode == 1
    assert "another nitido run is writing into" in run.stderr
    assert names(out) == []


def test_dry_run_reports_and_changes_nothing(setting) -> None:
    source, out, model = setting
    run = nitido("denoise", source, "-o", out, *model, "--dry-run")
    assert run.returncode == 0 and not out.exists()
    assert run.stdout.count("would write ") == 6
    nitido("denoise", source, "-o", out, *model)
    (out / "0001.png").write_text("edited")
    before = {p: p.stat().st_mtime_ns for p in out.rglob("*")}
    again = nitido("denoise", source, "-o", out, *model, "--strength", 0.5, "--dry-run").stdout
    assert (again.count("would replace "), again.count("would keep ")) == (5, 1)
    assert nitido("denoise", source, "-o", out, *model, "--dry-run").stdout.count("done before ") == 5
    assert {p: p.stat().st_mtime_ns for p in out.rglob("*")} == before


def test_a_single_file_leaves_no_journal(setting, tmp_path: Path) -> None:
    source, _, model = setting
    target = tmp_path / "alone" / "x.png"
    assert nitido("denoise", source / "0001.png", "-o", target, *model).returncode == 0
    assert [p.name for p in target.parent.iterdir()] == ["x.png"]
