"""``nitido upscale`` to any size."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from nitido.images.io import Picture, read_picture, write_picture
from nitido.inference.model import load
from support.clips import make_clip, ramp
from support.commands import nitido
from support.frames import frames_in
from support.paths import SAMPLES

X2 = "upscale-x2-photo.int8"  # what doubles unless a model is chosen
X4 = "upscale-x4-photo.int8"


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """40×30 of a photograph."""
    pixels = np.asarray(Image.open(SAMPLES / "coffee.webp").convert("RGB").crop((200, 100, 360, 220)).resize((40, 30)))
    write_picture(tmp_path / "photo.png", Picture(np.ascontiguousarray(pixels[:, :, ::-1])))
    return tmp_path / "photo.png"


@pytest.mark.parametrize(
    ("words", "size", "models"),
    [
        ("--scale 1.5", (60, 45), [X2]),
        ("--scale 2", (80, 60), [X2]),
        ("--scale 5", (200, 150), [X2, "upscale-x3-n"]),
        ("--scale 8", (320, 240), [X2, X4]),
        ("--width 110", (110, 82), ["upscale-x3-n"]),
        ("--height 90", (120, 90), ["upscale-x3-n"]),
        ("--max-side 50", (50, 38), [X2]),
        ("--width 90 --height 60", (90, 60), ["upscale-x3-n"]),
        ("--width 90 --height 60 --fit", (80, 60), [X2]),
        ("--scale 1.5 --model upscale-x4-n", (60, 45), ["upscale-x4-n"]),
    ],
)
def test_a_result_has_the_size_asked_for_and_names_its_models(
    photo: Path, tmp_path: Path, words: str, size: tuple[int, int], models: list[str]
) -> None:
    run = nitido("upscale", photo, "-o", tmp_path / "out.png", *words.split())
    assert run.returncode == 0, run.stderr
    with Image.open(tmp_path / "out.png") as result:
        assert result.size == size
        software = str(result.info["Software"]).split(", ")
    assert [word for word in software if word.startswith("upscale")] == models


def test_the_result_is_that_of_the_model_reduced(photo: Path, tmp_path: Path) -> None:
    assert nitido("upscale", photo, "-o", tmp_path / "out.png", "--scale", 1.5).returncode == 0
    large = load(X2, "cpu")(read_picture(photo).pixels)
    wanted = cv2.resize(large, (60, 45), interpolation=cv2.INTER_AREA)
    found = read_picture(tmp_path / "out.png").pixels
    assert np.abs(found.astype(int) - wanted).mean() < 3
    assert np.abs(found.astype(int) - np.asarray(Image.fromarray(large).resize((60, 45), 3))).max() <= 1


def test_sixteen_bits_and_transparency_are_kept(tmp_path: Path) -> None:
    rows, columns = np.mgrid[0:24, 0:32]
    deep = np.stack([columns * 2000, rows * 2700, columns * 300 + 77], -1).astype(np.uint16)
    alpha = (rows * 2800).astype(np.uint16)
    pixels = (deep // 257).astype(np.uint8)
    write_picture(tmp_path / "deep.png", Picture(pixels, alpha=alpha, deep=deep))
    assert nitido("upscale", tmp_path / "deep.png", "-o", tmp_path / "out.png", "--width", 48).returncode == 0
    found = read_picture(tmp_path / "out.png")
    assert found.deep is not None and found.alpha is not None
    assert found.deep.shape == (36, 48, 3) and found.alpha.dtype == np.uint16
    assert len(np.unique(found.deep % 257)) > 100
    wanted = cv2.resize(alpha, (48, 36), interpolation=cv2.INTER_LINEAR)
    assert np.abs(found.alpha.astype(int) - wanted)[2:-2, 2:-2].max() < 700


def test_a_picture_that_is_larger_already_is_reduced_with_a_note(photo: Path, tmp_path: Path) -> None:
    run = nitido("upscale", photo, "-o", tmp_path / "out.png", "--max-side", 20)
    assert run.returncode == 0 and "40×30 is larger already: reduced without a model" in run.stderr
    assert read_picture(tmp_path / "out.png").pixels.shape == (15, 20, 3)
    run = nitido("upscale", photo, "-o", tmp_path / "same.png", "--width", 40)
    assert run.returncode == 0 and "40×30 has that size already: not enlarged" in run.stderr


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        ("--scale 9", 2, "--scale 9 asks for more than the ×8 that the models give"),
        ("--scale 3 --model upscale-x2-n", 2, "asks for more than the ×2 that upscale-x2-n gives"),
        ("--width 400", 1, "40×30 to 400×300 is ×10, more than the ×8 of the models"),
        ("--scale 2 --width 9", 2, "--width and --scale both set the size of the results"),
        ("--fit --width 9", 2, "--fit needs --width and --height"),
        ("--scale 1", 2, "is not in the range x>1"),
    ],
)
def test_a_size_that_cannot_be_had_is_one_line(
    photo: Path, tmp_path: Path, words: str, code: int, message: str
) -> None:
    run = nitido("upscale", photo, "-o", tmp_path / "out.png", *words.split())
    assert run.returncode == code and message in run.stderr
    assert not (tmp_path / "out.png").exists()


def test_results_of_another_size_are_not_taken_for_done(photo: Path, tmp_path: Path) -> None:
    arguments = ["upscale", photo, "-o", tmp_path / "out", "--width"]
    (tmp_path / "out").mkdir()
    assert "1 done" in nitido(*arguments, 60).stdout
    assert "1 skipped (done before)" in nitido(*arguments, 60).stdout
    assert "1 done" in nitido(*arguments, 70).stdout
    began = json.loads((tmp_path / "out" / ".nitido-journal.jsonl").read_text().splitlines()[0])
    assert '"width": 60' in json.dumps(began)


@pytest.mark.slow
def test_a_video_has_the_size_asked_for(tmp_path: Path) -> None:
    make_clip(tmp_path / "in.mp4", [ramp(i) for i in range(3)])
    run = nitido("upscale", tmp_path / "in.mp4", "-o", tmp_path / "out.mp4", "--scale", 1.5)
    assert run.returncode == 0, run.stderr
    assert frames_in(tmp_path / "out.mp4") == 3
    before, after = (cv2.VideoCapture(str(tmp_path / f"{name}.mp4")) for name in ("in", "out"))
    sides = [
        [int(film.get(p)) for p in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT)] for film in (before, after)
    ]
    assert sides[1] == [round(side * 1.5) for side in sides[0]]
