"""``--noise`` as it is typed."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np

from nitido.images.compression import level_of_quality
from nitido.images.io import read_picture
from nitido.inference.model import load
from nitido.video.writer import VideoSink
from support.commands import nitido
from support.paths import SAMPLES


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


def test_jpeg_artefacts_are_removed_as_strongly_as_the_file_says(tmp_path: Path) -> None:
    clean = cv2.imread(str(SAMPLES / "coffee.webp"))
    assert clean is not None
    clean = np.ascontiguousarray(clean[100:260, 100:340])
    cv2.imwrite(str(tmp_path / "a.jpg"), clean, [cv2.IMWRITE_JPEG_QUALITY, 30])
    jpeg, report = read_picture(tmp_path / "a.jpg").pixels, tmp_path / "report.json"
    found: dict[str, tuple[np.ndarray, float]] = {}
    for asked in ("auto", "30", "90"):
        arguments = ["denoise", tmp_path / "a.jpg", "-o", tmp_path / f"{asked}.png", "--report", report]
        run = nitido(*arguments, "--dejpeg", asked)
        assert run.returncode == 0, run.stderr
        (row,) = json.loads(report.read_text())["noise_levels"]
        found[asked] = read_picture(tmp_path / f"{asked}.png").pixels, row["noise"]
    assert found["auto"][1] == found["30"][1] == round(level_of_quality(30), 2) > found["90"][1]
    assert np.array_equal(found["auto"][0], found["30"][0])
    error = {name: float(np.square(pixels.astype(float) - clean).mean()) for name, (pixels, _) in found.items()}
    assert error["auto"] < 0.93 * float(np.square(jpeg.astype(float) - clean).mean())
    assert error["auto"] < error["90"]


def test_dejpeg_is_not_for_noise_and_not_for_models_against_it(level_model: Path, tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.jpg"), noisy(10))
    for options, words in (
        (("--dejpeg", "auto", "--noise", "3"), "choose one"),
        (("--dejpeg", "auto", "--model", level_model), "does not remove JPEG artefacts"),
        (("--dejpeg", "best"), "expected auto or a JPEG quality"),
    ):
        run = nitido("denoise", tmp_path / "a.jpg", "-o", tmp_path / "b.png", *options)
        assert run.returncode == 2 and words in run.stderr, run.stderr
    assert not (tmp_path / "b.png").exists()


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
