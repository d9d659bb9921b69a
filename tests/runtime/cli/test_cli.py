from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from nitido.images.io import Picture, read_picture, write_picture
from nitido.video.io import VideoSink
from support.commands import nitido


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys\nfrom nitido.cli.main import main\nsys.argv = ['nitido', '--help']\n"
        "try: main()\nexcept SystemExit: pass\n"
        "print(sorted({'torch', 'onnxruntime', 'cv2', 'numpy', 'PIL'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
    assert "denoise" in done.stdout and "train" in done.stdout


def test_bad_files_are_reported_and_the_others_done(tiny_models: dict[str, Path], photos: Path, tmp_path: Path) -> None:
    data = (photos / "coffee.png").read_bytes()
    (photos / "sub").mkdir()
    (photos / "sub" / "text.png").write_text("not a picture")
    ok, encoded = cv2.imencode(".jpg", cv2.imread(str(photos / "coffee.png")))
    assert ok
    (photos / "cut.jpg").write_bytes(encoded.tobytes()[: len(encoded) // 2])
    (photos / "sub" / "again.png").write_bytes(data)
    out = tmp_path / "out"
    run = nitido("denoise", photos, tmp_path / "missing.png", "-o", out, "--model", tiny_models["denoise"])
    assert run.returncode == 1
    failures = [line for line in run.stderr.splitlines() if line.startswith("failed:")]
    assert len(failures) == 3
    assert any("cut.jpg" in f and "complete" in f for f in failures)
    assert any("text.png is not a picture" in f for f in failures)
    assert any("no such file" in f and "missing.png" in f for f in failures)
    assert sorted(str(p.relative_to(out)) for p in out.rglob("[!.]*.*")) == [
        "astronaut.png", "chelsea.png", "coffee.png", "sub/again.png",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["denoise", "{photos}", "-o", "{file}/out"], "cannot write"),
        (["upscale", "{photos}", "-o", "{out}"], "expected one"),
    ],
)
def test_unwritable_output_and_wrong_task_are_one_clear_line(
    tiny_models: dict[str, Path], photos: Path, tmp_path: Path, arguments: list[str], message: str
) -> None:
    (tmp_path / "file").write_text("")
    places = {"photos": photos / "coffee.png", "file": tmp_path / "file", "out": tmp_path / "out"}
    run = nitido(*[a.format(**places) for a in arguments], "--model", tiny_models["denoise"])
    assert run.returncode == 1
    assert message in run.stderr
    assert "Traceback" not in run.stderr


def test_existing_results_are_kept_unless_asked(tiny_models: dict[str, Path], photos: Path, tmp_path: Path) -> None:
    arguments = ["denoise", photos, "-o", tmp_path / "out", "--model", tiny_models["denoise"]]
    assert "3 done" in nitido(*arguments).stdout
    assert "3 skipped" in nitido(*arguments).stdout
    assert "3 done" in nitido(*arguments, "--overwrite").stdout


def test_video_keeps_its_frames_and_size_doubles(tiny_models: dict[str, Path], tmp_path: Path) -> None:
    writer = cv2.VideoWriter(str(tmp_path / "in.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 10, (64, 48))
    for i in range(7):
        writer.write(np.full((48, 64, 3), 30 * i, np.uint8))
    writer.release()
    run = nitido("upscale", tmp_path / "in.avi", "-o", tmp_path / "out.mp4", "--model", tiny_models["upscale"])
    assert run.returncode == 0, run.stderr
    result = cv2.VideoCapture(str(tmp_path / "out.mp4"))
    frames = 0
    while (got := result.read())[0]:
        assert got[1].shape == (96, 128, 3)
        frames += 1
    result.release()
    assert frames == 7
    assert not list(tmp_path.glob("*partial*"))


def test_alpha_grey_icc_and_orientation_survive(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # stored lying on its side
    exif[0x010F] = "maker"
    Image.new("RGB", (20, 10), (250, 10, 10)).save(tmp_path / "a.jpg", exif=exif, icc_profile=b"profile", quality=95)
    picture = read_picture(tmp_path / "a.jpg")
    assert picture.pixels.shape == (20, 10, 3)
    assert picture.pixels[5, 5, 2] > 240  # BGR: red is last
    write_picture(tmp_path / "b.jpg", picture)
    with Image.open(tmp_path / "b.jpg") as kept:
        assert kept.getexif().get(0x0112, 1) == 1
        assert kept.getexif()[0x010F] == "maker"
        assert kept.info["icc_profile"] == b"profile"
    write_picture(tmp_path / "g.png", Picture(picture.pixels, alpha=np.full((20, 10), 7, np.uint8)))
    alpha = read_picture(tmp_path / "g.png").alpha
    assert alpha is not None and alpha[3, 3] == 7
    Image.new("L", (8, 8), 99).save(tmp_path / "l.png")
    assert read_picture(tmp_path / "l.png").grey


def test_a_video_that_breaks_off_is_a_failure(tiny_models: dict[str, Path], tmp_path: Path) -> None:
    whole, cut, out = tmp_path / "whole.mkv", tmp_path / "cut.mkv", tmp_path / "out"
    noise = np.random.default_rng(0)
    with VideoSink(whole, 25) as sink:
        for _ in range(30):
            sink.write(noise.integers(0, 256, (96, 128, 3), np.uint8))
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 3])
    result = nitido("denoise", cut, "-o", out, "--model", tiny_models["denoise"])
    assert result.returncode == 1
    assert "of the 30 frames it promises" in result.stderr
    assert not (out / "cut.mkv").exists()


def test_a_misspelt_file_name_does_not_become_a_folder(
    tiny_models: dict[str, Path], photos: Path, tmp_path: Path
) -> None:
    photo = next(photos.glob("*.png"))
    result = nitido("denoise", photo, "-o", tmp_path / "x.gif", "--model", tiny_models["denoise"])
    assert result.returncode == 2 and "x.gif is neither a folder nor" in result.stderr
    assert not (tmp_path / "x.gif").exists()


def test_usage_events_of_the_runtime_are_off_unless_asked_for() -> None:
    code = "import os, nitido; print(os.environ['ORT_DISABLE_TELEMETRY'])"
    for given, expected in (({}, "1"), ({"ORT_DISABLE_TELEMETRY": "0"}, "0")):
        environment = {k: v for k, v in os.environ.items() if k != "ORT_DISABLE_TELEMETRY"} | given
        found = subprocess.run(
            [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
        )
        assert found.stdout.strip() == expected
