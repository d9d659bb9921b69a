"""What a training says while it runs, how it is stopped, and what it computes with."""

from __future__ import annotations

import logging
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from nitido_train.checkpoint import load_checkpoint
from nitido_train.objectives.frames import FrameObjective
from nitido_train.objectives.options import RunOptions
from nitido_train.recipe.tables import recipe_from_dict
from nitido_train.training import log as records
from nitido_train.training import progress as progress_module
from nitido_train.training import threads
from nitido_train.training.loop import train
from nitido_train.training.progress import Progress
from support.commands import HANG
from support.tiny_models import tiny_recipe


def options_for(out: Path, data: Path, **more: Any) -> RunOptions:
    return RunOptions(out=out, data=(data,), workers=0, accelerator="cpu", progress=False, **more)


@pytest.fixture
def catching(request: pytest.FixtureRequest) -> None:
    """Signals as a terminal has them: who started the tests may ignore some."""
    handlers = {number: signal.signal(number, signal.SIG_DFL) for number in (signal.SIGTERM,)}
    request.addfinalizer(lambda: [signal.signal(number, handler) for number, handler in handlers.items()])


def test_a_log_has_an_estimate_at_once_and_a_line_in_time(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert progress_module.EVERY < 10
    monkeypatch.setattr(progress_module, "EVERY", 0.05)
    monkeypatch.setattr(progress_module, "FIRST", 0.01)
    with Progress(1000, shown=True) as progress:
        progress.doing("reading the data")
        time.sleep(0.2)
        progress.begin(0)
        for step in range(1, 12):
            time.sleep(0.02)
            progress.step(step)
        progress.measured(0.25, "31.00 dB")
        progress.doing("validating")
        time.sleep(0.2)
        progress.step(12)
        time.sleep(0.2)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("step 0 of 1,000: reading the data")
    assert len([line for line in lines if re.match(r"about \d+ \w+ for the 99\d steps left, [\d.]+ ", line)]) == 1
    assert any(line.startswith("step 11 of 1,000: validating, ") for line in lines)
    assert re.match(r"step 12 of 1,000, .*, loss 0\.25000, best 31\.00 dB, about \d+ \w+ left", lines[-1])


def test_nothing_is_shown_by_other_processes(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress(10, shown=False) as progress:
        progress.begin(0)
        progress.step(1)
    assert capsys.readouterr().err == ""


def test_a_signal_ends_a_validation_which_is_done_when_the_run_goes_on(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, catching: None
) -> None:
    recipe = recipe_from_dict(tiny_recipe())
    whole = train(recipe, options_for(tmp_path / "whole", photos))
    run = options_for(tmp_path / "run", photos)
    validate = FrameObjective.validate

    def slowly(self: FrameObjective, net: nn.Module, device: torch.device) -> dict[str, float]:
        signal.raise_signal(signal.SIGTERM)
        time.sleep(60)
        return validate(self, net, device)

    monkeypatch.setattr(FrameObjective, "validate", slowly)
    began = time.monotonic()
    assert train(recipe, run).step == 3
    assert time.monotonic() - began < 30
    assert load_checkpoint(run.out / "last.pt").history == []
    monkeypatch.undo()
    resumed = train(recipe, replace(run, resume=True))
    assert resumed.history == whole.history
    assert all(torch.equal(resumed.ema[name], whole.ema[name]) for name in whole.ema)


def test_a_signal_ends_the_drawing_of_the_report(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, catching: None
) -> None:
    def slowly(*_: object) -> None:
        signal.raise_signal(signal.SIGTERM)
        time.sleep(60)

    monkeypatch.setattr(records, "write_report", slowly)
    run = tmp_path / "run"
    assert train(recipe_from_dict(tiny_recipe()), options_for(run, photos)).step == 6
    assert f"no report, because it was stopped: 'nitido report {run}' draws it" in caplog.text


def test_two_processes_speak_with_one_voice(photos: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "tiny.toml"
    from nitido_train.recipe.files import as_toml

    recipe.write_text(as_toml(recipe_from_dict(tiny_recipe())))
    if not (Path(sys.executable).parent / "nitido").exists():
        pytest.skip("the command is not installed")
    whole = [str(Path(sys.executable).parent / "nitido"), "train", str(recipe), "--data", str(photos)]
    whole += ["--workers", "0", "--threads", "1", "--devices", "2", "--accelerator", "cpu"]
    done = subprocess.run([*whole, "--out", str(tmp_path / "run")], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("6 of 6 steps") == 1
    assert done.stderr.count("for validation") == done.stderr.count("validation on ") == 1
    assert "MEMBER" not in done.stderr
    failed = subprocess.run(
        [*whole, "--out", str(tmp_path / "nan"), "--set", "schedule.lr=1e39", "--set", "schedule.warmup=0"],
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert failed.returncode == 1
    assert failed.stderr.count("Error: ") == failed.stderr.count("has diverged") == 1
    assert "Traceback" not in failed.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no process groups of this kind")
@pytest.mark.parametrize("split", [["--workers", "2"], ["--workers", "0", "--devices", "2"]])
def test_a_signal_to_all_processes_of_a_run_ends_it_normally(photos: Path, tmp_path: Path, split: list[str]) -> None:
    from nitido_train.recipe.files import as_toml

    recipe, out = tmp_path / "tiny.toml", tmp_path / "run"
    recipe.write_text(as_toml(recipe_from_dict(tiny_recipe(steps=10**6, validate_every=10**6))))
    installed = Path(sys.executable).parent / "nitido"
    if not installed.exists():
        pytest.skip("the command is not installed")
    whole = [installed, "train", recipe, "--data", photos, "--out", out, "--threads", "1", "--accelerator", "cpu"]
    with subprocess.Popen([*whole, *split], stderr=subprocess.PIPE, text=True, start_new_session=True) as running:
        assert running.stderr is not None
        said = ""
        for line in running.stderr:
            said += line
            if "steps left" in line:
                os.killpg(running.pid, signal.SIGTERM)
        assert running.wait(HANG) == 0, said
    assert "Traceback" not in said and (out / "last.pt").is_file()


@pytest.mark.parametrize(
    ("usable", "physical", "workers", "devices", "expected"),
    [
        (2, 2, 1, 1, 1),
        (2, 2, 0, 1, 1),
        (8, 8, 0, 1, 7),
        (16, 8, 1, 1, 7),
        (4, 32, 1, 1, 3),
        (1, 8, 1, 1, 1),
        (8, 8, 1, 2, 3),
    ],
)
def test_threads_are_the_cores_that_are_free(
    monkeypatch: pytest.MonkeyPatch, usable: int, physical: int, workers: int, devices: int, expected: int
) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    machine = SimpleNamespace(usable_cpus=usable, physical_cores=physical)
    monkeypatch.setattr(threads, "describe_machine", lambda: machine)
    assert threads.default_threads(workers, devices) == expected
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    assert threads.default_threads(workers, devices) is None


def test_a_resumed_run_says_that_its_data_are_others(
    photos: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run = tmp_path / "run"
    train(recipe_from_dict(tiny_recipe(steps=2)), options_for(run, photos))
    again = options_for(run, photos, resume=True)
    train(recipe_from_dict(tiny_recipe(steps=3)), again)
    assert "different data" not in caplog.text
    others = tmp_path / "others"
    others.mkdir()
    for path in photos.iterdir():
        os.link(path, others / path.name)
        os.link(path, others / f"b-{path.name}")
    train(recipe_from_dict(tiny_recipe(steps=4)), replace(again, data=(others,)))
    (line,) = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
    assert f"--data {others}, before {photos}" in line and "before 1 pictures" in line
