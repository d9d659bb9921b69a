"""A batch in a process of its own, told to end: every test waits for the process, and the process for the test."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path

import cv2
import numpy as np
import pytest

from nitido.batch.plan import plan_jobs
from support.batch_files import crops, journal_lines, names
from support.commands import HANG, command, held_at, nitido, opened_by_signal, running, send
from support.waiting import until


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_cleanly_and_the_same_command_goes_on(setting, number: int, code: int, tmp_path: Path) -> None:
    source, out, model = tmp_path / "many", *setting[1:]
    crops(source, 30)
    workers = 2
    arguments = ["denoise", source, "-o", out, *model, "--workers", workers, "--report", tmp_path / "r.json"]
    # Five files are done, and no other one before the signal has arrived.
    gate = tmp_path / "gate"
    others = held_at(*[job.source for job in plan_jobs([source], out)[5:]], gate=gate) + opened_by_signal(gate)
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with running(command(*arguments, before=others), **pipes) as process:
        until(lambda: process.poll() is not None or len(names(out)) == 5)
        send(process, number, gate=gate)
        _, said = process.communicate(timeout=HANG)
    assert process.returncode == code, said
    assert "Interrupted" in said and "Traceback" not in said
    report = json.loads((tmp_path / "r.json").read_text())
    done = names(out)
    assert 5 <= len(done) <= 5 + workers  # what was in work is finished
    assert sorted(Path(p).relative_to(out).as_posix() for p in report["done"]) == done
    assert report["stopped"] == "interrupted"
    rest = nitido(*arguments)
    assert f"{30 - len(done)} done, 0 failed, {len(done)} skipped (done before)" in rest.stdout


def test_watch_does_what_arrives_until_it_is_stopped(setting, tmp_path: Path) -> None:
    source, out, model = setting
    arguments = ["denoise", source, "-o", out, *model, "--watch", "--poll", 0.05]
    cv2.imwrite(str(tmp_path / "late.png"), np.zeros((9, 9, 3), np.uint8))
    (tmp_path / "bad.png").write_text("bad")

    def has(done: int, failed: int) -> bool:
        status = [line["status"] for line in journal_lines(out)]
        return process.poll() is not None or (len(names(out)) == done and status.count("failed") == failed)

    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with running(command(*arguments), **pipes) as process:
        until(lambda: has(6, 0))
        for name in ("late.png", "bad.png"):
            (tmp_path / name).rename(source / name)
        until(lambda: has(7, 1))
        process.send_signal(signal.SIGINT)
        told, said = process.communicate(timeout=HANG)
    assert process.returncode == 1, said  # one failed
    assert "7 done, 1 failed" in told
    assert said.count("failed: ") == 1 and "bad.png is not a picture" in said
    assert f"done {out / 'late.png'}" in told
