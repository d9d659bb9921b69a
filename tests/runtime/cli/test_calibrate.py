"""``nitido calibrate``, and what ``--calibration`` does with what it writes."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import pytest

from nitido.calibration.calibration import load_calibration
from nitido.images.io import Picture, write_picture
from nitido.inference.model import load
from support import cameras
from support.clips import make_clip
from support.commands import nitido


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clips") / "cam.mkv"
    frames = list(cameras.frames(36))
    make_clip(path, frames, [i / 30 for i in range(len(frames))], codec="ffv1")
    return path


def test_a_clip_is_measured_and_the_calibration_used(
    clip: Path, tmp_path: Path, level_model: Path, tiny_models: dict[str, Path]
) -> None:
    path = tmp_path / "cam.json"
    done = nitido("calibrate", clip, "-o", path)
    assert done.returncode == 0 and "36 frames of 320×240" in done.stdout, done.stderr
    found = load_calibration(path)
    assert f"noise level {found.level:.2f}" in done.stdout and path.with_suffix(".svg").is_file()
    assert 3 < found.level < 6

    picture, out = tmp_path / "a.png", tmp_path / "out.png"
    (frame,) = cameras.frames(1)
    write_picture(picture, Picture(frame))
    report = tmp_path / "report.json"
    options = ("--model", level_model, "--calibration", path)
    assert nitido("denoise", picture, "-o", out, *options, "--report", report).returncode == 0
    level = found.level_of(frame)
    assert json.loads(report.read_text())["noise_levels"][0]["noise"] == pytest.approx(level, abs=0.01)
    expected = load(level_model, "cpu")(frame, noise=level)
    assert (cv2.imread(str(out)) == expected).all()
    live = nitido("live", "--source", clip, "--sink", tmp_path / "out.mkv", "--every-frame", *options)
    assert live.returncode == 0, live.stderr

    both = nitido("denoise", picture, "-o", tmp_path / "b.png", *options, "--noise", "3")
    assert both.returncode == 2 and "leave one out" in both.stderr
    blind = nitido(
        "denoise", picture, "-o", tmp_path / "b.png", "--model", tiny_models["denoise"], "--calibration", path
    )
    assert blind.returncode == 2 and "cannot be given a noise level; leave out --calibration" in blind.stderr


def test_a_batch_goes_on_with_the_same_calibration_only(clip: Path, tmp_path: Path, level_model: Path) -> None:
    (frame,) = cameras.frames(1)
    (tmp_path / "in").mkdir()
    write_picture(tmp_path / "in" / "a.png", Picture(frame))
    for name, source in (("one.json", clip), ("other.json", tmp_path / "dark")):
        if name == "other.json":
            for index, dark in enumerate(cameras.frames(4, scale=0.3)):
                write_picture(tmp_path / "dark" / f"{index}.png", Picture(dark))
        assert nitido("calibrate", source, "-o", tmp_path / name).returncode == 0
    run = ("denoise", tmp_path / "in", "-o", tmp_path / "out", "--model", level_model, "--calibration")
    assert "1 done" in nitido(*run, tmp_path / "one.json").stdout
    assert "0 done" in nitido(*run, tmp_path / "one.json").stdout
    assert "1 done" in nitido(*run, tmp_path / "other.json").stdout


def test_a_folder_of_pairs_is_measured(tmp_path: Path) -> None:
    for index, frame in enumerate(cameras.frames(3)):
        write_picture(tmp_path / "pairs" / f"{index}_real.png", Picture(frame))
        write_picture(tmp_path / "pairs" / f"{index}_mean.png", Picture(cameras.scene()))
    done = nitido("calibrate", tmp_path / "pairs", "-o", tmp_path / "cam.json")
    assert done.returncode == 0 and "3 frames" in done.stdout


def test_frames_are_kept_when_asked(clip: Path, tmp_path: Path) -> None:
    done = nitido("calibrate", clip, "-o", tmp_path / "cam.json", "--keep-frames")
    assert done.returncode == 0, done.stderr
    assert load_calibration(tmp_path / "cam.json").pairs == "cam.frames"
    assert len(list((tmp_path / "cam.frames").iterdir())) == 4


@pytest.mark.parametrize(
    ("source", "options", "code", "said"),
    [
        ("none.mp4", [], 1, "no such file"),
        ("empty", [], 1, "no pictures"),
        ("63", [], 1, "cannot open camera 63"),
        ("clip", ["-o", "cam.txt"], 2, "ending in .json"),
        ("empty", ["--keep-frames"], 2, "for cameras and clips"),
        ("clip", ["-o", "there.json"], 1, "exists; choose another -o or give --overwrite"),
        ("short", ["--keep-frames"], 1, "expects at least 17 frames"),
    ],
)
def test_what_cannot_be_measured_is_one_line_and_nothing_is_written(
    source: str, options: list[str], code: int, said: str, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("empty").mkdir()
    Path("there.json").write_text("mine")
    make_clip(Path("short.mkv"), list(cameras.frames(9)), [i / 30 for i in range(9)], codec="ffv1")
    given = {"clip": str(clip), "short": "short.mkv"}.get(source, source)
    before = sorted(path.name for path in Path().iterdir())
    done = nitido("calibrate", given, "-o", "cam.json", *options)
    assert done.returncode == code and said in done.stderr
    assert "Traceback" not in done.stderr and Path("there.json").read_text() == "mine"
    assert sorted(path.name for path in Path().iterdir()) == before
