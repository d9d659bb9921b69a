"""``nitido restore`` chooses what each picture needs."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from nitido.frames import Frame
from support.commands import nitido
from support.paths import SAMPLES


@pytest.fixture
def photo() -> Frame:
    """192×256 of a photograph, shrunk so that it has no noise of its own."""
    whole = cv2.imdecode(np.frombuffer((SAMPLES / "coffee.webp").read_bytes(), np.uint8), cv2.IMREAD_COLOR)
    assert whole is not None
    return np.asarray(cv2.resize(whole, (256, 192), interpolation=cv2.INTER_AREA), np.uint8)


def noisy(photo: Frame) -> Frame:
    return np.clip(photo + np.random.default_rng(0).normal(0, 8, photo.shape), 0, 255).astype(np.uint8)


def as_jpeg(path: Path, frame: Frame, quality: int) -> None:
    assert cv2.imwrite(str(path), frame, [cv2.IMWRITE_JPEG_QUALITY, quality])


def chosen(folder: Path, out: Path, *more: str) -> dict[str, str]:
    """The note of each file, by its name."""
    run = nitido("restore", folder, "-o", out, "--json", *more)
    rows = [json.loads(line) for line in run.stdout.splitlines()]
    assert run.returncode == 0
    return {Path(row["source"]).name: row["notes"][-1] for row in rows if "notes" in row}


def test_each_picture_gets_what_it_needs(photo: Frame, tmp_path: Path) -> None:
    source, out = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    assert cv2.imwrite(str(source / "good.png"), photo) and cv2.imwrite(str(source / "noisy.png"), noisy(photo))
    as_jpeg(source / "blocky.jpg", photo, 30)
    as_jpeg(source / "both.jpg", noisy(photo) // 2 + photo // 2, 80)
    notes = chosen(source, out)
    assert notes["good.png"].startswith("left as it is") and notes["noisy.png"].startswith("noise removed")
    assert notes["blocky.jpg"].startswith("JPEG artefacts removed (dejpeg-s)")
    assert notes["both.jpg"].startswith("JPEG artefacts, then noise removed")

    def error(name: str, folder: Path) -> float:
        read = cv2.imread(str(folder / name))
        assert read is not None
        return float(np.abs(read.astype(float) - photo).mean())

    for name in ("noisy.png", "blocky.jpg", "both.jpg"):
        assert error(name, out) < 0.95 * error(name, source)


def test_a_picture_that_needs_nothing_keeps_its_bytes(photo: Frame, tmp_path: Path) -> None:
    as_jpeg(tmp_path / "good.jpg", photo, 99)
    assert nitido("restore", tmp_path / "good.jpg", "-o", tmp_path / "out").returncode == 0
    assert (tmp_path / "out/good.jpg").read_bytes() == (tmp_path / "good.jpg").read_bytes()
    run = nitido("restore", tmp_path / "good.jpg", "-o", tmp_path / "small", "--quality", "50")
    assert run.returncode == 0  # what was asked for is done all the same
    assert (tmp_path / "small/good.jpg").stat().st_size < (tmp_path / "good.jpg").stat().st_size / 2


def test_it_runs_here_only(tmp_path: Path) -> None:
    run = nitido("restore", tmp_path, "-o", tmp_path / "out", "--engine", "ray")
    assert run.returncode == 2 and "--engine ray runs one model" in run.stderr
