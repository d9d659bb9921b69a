"""``--noise`` as it is typed."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np

from nitido.images.io import read_picture
from nitido.inference.model import load
from nitido.video.writer import VideoSink
from support.commands import nitido


def noisy(sigma: float, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.clip(128 + rng.normal(0, sigma, (48, 64, 3)), 0, 255).astype(np.uint8)


def test_a_level_is_given_or_estimated_and_is_in_the_report(level_model: Path, tmp_path: Path) -> None:
    source, report = tmp_path / "in.png", tmp_path / "report.json"
    cv2.imwrite(str(source), noisy(10))
    model = load(level_model, "cpu")

    def denoised(*options: object) -> tuple[np.ndarray, float]:
        run = nitido(
            "denoise",
            source,
            "-o",
            tmp_path / "out.png",
            "--model",
            level_model,
            "--overwrite",
            "--report",
            report,
            *options,
        )
        assert run.returncode == 0, run.stderr
        (row,) = json.loads(report.read_text())["noise_levels"]
        assert row["source"] == str(source)
        return read_picture(tmp_path / "out.png").pixels, row["noise"]

    frame = read_picture(source).pixels
    given, level = denoised("--noise", "20")
    assert level == 20 and np.array_equal(given, model(frame, noise=20.0))
    for options in ((), ("--noise", "auto")):
        automatic, level = denoised(*options)
        assert level == round(model.noise_level(frame), 2)
        assert np.array_equal(automatic, model(frame))


def test_a_video_is_given_the_average_level(level_model: Path, tmp_path: Path) -> None:
    with VideoSink(tmp_path / "in.avi", 10.0) as sink:
        for seed in range(4):
            sink.write(noisy(10, seed))
    report = tmp_path / "report.json"
    run = nitido("denoise", tmp_path / "in.avi", "-o", tmp_path / "out.avi", "--model", level_model, "--report", report)
    assert run.returncode == 0, run.stderr
    (row,) = json.loads(report.read_text())["noise_levels"]
    assert 0.5 <= row["noise"] <= 60


def test_what_cannot_be_is_one_line(level_model: Path, tiny_models: dict[str, Path], tmp_path: Path) -> None:
    source = tmp_path / "in.png"
    cv2.imwrite(str(source), noisy(10))
    other = tiny_models["denoise"]
    clip = tmp_path / "in.avi"
    with VideoSink(clip, 10.0) as sink:
        sink.write(noisy(10))
    for arguments, said in (
        (
            ("denoise", source, "-o", tmp_path / "out.png", "--model", level_model, "--noise", "loud"),
            "expected auto or",
        ),
        (("denoise", source, "-o", tmp_path / "out.png", "--model", level_model, "--noise", "-3"), "expected auto or"),
        (("denoise", source, "-o", tmp_path / "out.png", "--model", other, "--noise", "5"), "cannot be given a noise"),
        (("live", "--source", clip, "--sink", "none", "--model", other, "--noise", "5"), "cannot be given a noise"),
    ):
        run = nitido(*arguments)
        assert run.returncode == 2 and said in run.stderr
    assert not (tmp_path / "out.png").exists()


def test_a_live_run_shows_the_level(level_model: Path, tmp_path: Path) -> None:
    clip = tmp_path / "in.avi"
    with VideoSink(clip, 10.0) as sink:
        for seed in range(3):
            sink.write(noisy(10, seed))
    out = tmp_path / "out.avi"
    run = nitido(
        "live",
        "--source",
        clip,
        "--sink",
        out,
        "--every-frame",
        "--model",
        level_model,
        "--noise",
        "7",
        "--overlay",
        "-v",
    )
    assert run.returncode == 0, run.stderr
    assert "noise 7.0" in run.stderr
