"""Models tried out on this machine, and which of them are recommended."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import onnxruntime as ort
import pytest

from nitido.doctor import checks as trials
from nitido.doctor.checks import (
    Speed,
    check_certificates,
    compare_quality,
    measure_speeds,
    recommend,
    try_provider,
    try_providers,
)
from nitido.model_file import zoo
from nitido.model_file.card import CONTRACT, Card

ENTRIES = [entry for entry in zoo.entries() if entry.takes_frames]
# The smallest file of each task and scale, which is also the fastest.
SMALLEST = {(e.task, e.scale): e for e in sorted(ENTRIES, key=lambda e: -e.path.stat().st_size)}.values()


def test_the_cpu_is_tried_in_a_process_of_its_own() -> None:
    (cpu,) = (t for t in try_providers(ENTRIES[0].path) if t.device == "cpu")
    assert cpu.usable and cpu.seconds > 0
    assert "AzureExecutionProvider" not in [t.provider for t in try_providers(ENTRIES[0].path, seconds=0.01)]


def test_a_missing_provider_is_reported_with_its_reason() -> None:
    if "CUDAExecutionProvider" in ort.get_available_providers():
        pytest.skip("this onnxruntime offers CUDA")
    trial = try_provider(ENTRIES[0].path, "CUDAExecutionProvider")
    assert not trial.usable and trial.device == "cuda" and "onnxruntime-gpu" in trial.detail


@pytest.mark.parametrize(
    ("script", "detail"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "SIGSEGV"),
        ("import time; time.sleep(60)", "no frame within"),
        ("raise SystemExit('driver missing')", "driver missing"),
        ("print('hello')", "said nothing"),
    ],
)
def test_a_provider_that_crashes_or_hangs_is_a_result(
    monkeypatch: pytest.MonkeyPatch, script: str, detail: str
) -> None:
    monkeypatch.setattr(trials, "_CHILD", script)
    monkeypatch.setattr(ort, "get_available_providers", lambda: ["CUDAExecutionProvider"])
    (trial,) = try_providers(ENTRIES[0].path, seconds=0.5 if "sleep" in script else 60)
    assert not trial.usable and detail in trial.detail


def test_shipped_models_pass_and_a_changed_one_fails(tmp_path: Path) -> None:
    assert all(found.passed for found in check_certificates(ENTRIES))
    data = bytearray(ENTRIES[0].path.read_bytes())
    data[data.index(ENTRIES[0].summary.encode())] ^= 1
    (tmp_path / "changed.onnx").write_bytes(data)
    (tmp_path / "text.onnx").write_text("no model")
    bad = [replace(ENTRIES[0], path=tmp_path / name) for name in ("changed.onnx", "text.onnx")]
    changed, text = check_certificates(bad)
    assert not changed.passed and "changed" in changed.detail
    assert not text.passed and "cannot be loaded" in text.detail


@pytest.mark.slow
def test_every_model_is_measured_and_unreadable_ones_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "text.onnx").write_text("no model")
    unreadable = replace(ENTRIES[0], path=tmp_path / "text.onnx")
    speeds = measure_speeds([*SMALLEST, unreadable], seconds=0, device="cpu")
    assert {(s.task, s.scale) for s in speeds} == {(e.task, e.scale) for e in ENTRIES}
    assert [s.model for s in speeds] == [e.name for e in SMALLEST]
    for speed in speeds:
        assert speed.frames == 3 and speed.fps == pytest.approx(1000 / speed.ms)
        assert (speed.width, speed.height) == ((640, 480) if speed.task == "denoise" else (640, 360))
    assert measure_speeds([], seconds=0) == []


def card(name: str, scale: int = 1, **values: float) -> Card:
    rows = [{"set": key, "condition": "", "metric": "PSNR", "value": value} for key, value in values.items()]
    return Card(CONTRACT, name, "denoise", "", scale, 2, 4, "bgr", 1, 1.0, 17, 8, "1.17", "", evaluation=rows)


def test_quality_is_compared_on_what_rivals_share() -> None:
    cards = [card("a", one=30, two=10), card("b", one=31), card("c"), card("d", two=12), card("other", 2, two=7)]
    assert compare_quality(cards) == {"a": 30, "b": 31, "c": None, "d": 12, "other": 7}


def speed(model: str, fps: float, quality: float | None, scale: int = 1, on: str = "one") -> Speed:
    known = None if quality is None else on
    return Speed(model, "denoise", scale, "cpu", 640, 480, 1000 / fps, fps, 9, known, quality)


@pytest.mark.parametrize(
    ("rivals", "chosen"),
    [
        ([speed("slow", 20, 35), speed("good", 31, 32), speed("quick", 90, 30)], "good"),
        ([speed("slow", 20, 35), speed("less slow", 25, 32)], "less slow"),
        ([speed("unknown", 90, None), speed("known", 31, 30)], "known"),
        ([speed("unknown", 31, None), speed("quick unknown", 90, None)], "quick unknown"),
    ],
)
def test_the_best_model_that_is_fast_enough_is_recommended(rivals: list[Speed], chosen: str) -> None:
    recommendations = recommend([*rivals, speed("twice", 5, 1, scale=2)])
    assert [(r.scale, r.model) for r in recommendations] == [(1, chosen), (2, "twice")]
    assert "below 30" in recommendations[1].reason


def test_models_for_different_test_sets_are_not_rivals() -> None:
    rivals = [speed("a", 90, 30), speed("better a", 40, 31), speed("b", 50, 40, on="two"), speed("never", 99, None)]
    chosen = recommend(rivals)
    assert [(r.measured_on, r.model) for r in chosen] == [("one", "better a"), ("two", "b")]
    assert "the best" in chosen[0].reason and "the best" not in chosen[1].reason
