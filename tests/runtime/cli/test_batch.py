"""``nitido denoise``, ``upscale`` and ``run`` as they are typed."""

from __future__ import annotations

import hashlib
import json
import subprocess
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from nitido import __version__ as nitido_version
from nitido.batch.plan import SUFFIXES, plan_jobs
from nitido.errors import SourceUnavailable
from nitido.images.io import read_picture
from nitido.model_file import zoo
from nitido.system.search import left_out
from nitido.video.writer import VideoSink
from support.batch_files import crops, names
from support.commands import nitido


def test_two_inputs_of_one_target_are_reported_and_one_is_done(tiny_models: dict[str, Path], tmp_path: Path) -> None:
    for folder in ("one", "two"):
        crops(tmp_path / folder, 1)
    (tmp_path / "one" / "sub" / "0000.png").write_bytes((tmp_path / "one" / "sub" / "0000.jpg").read_bytes())
    arguments = ["-o", tmp_path / "out", "--model", tiny_models["denoise"], "--format", "png"]
    run = nitido("denoise", tmp_path / "one", tmp_path / "two", tmp_path / "one", *arguments)
    assert run.returncode == 1
    failed = [line for line in run.stderr.splitlines() if line.startswith("failed")]
    assert len(failed) == 2
    assert all("is where the result of" in line and "one/sub/0000" in line for line in failed)
    assert names(tmp_path / "out") == ["sub/0000.png"]


def test_pictures_of_other_kinds_are_reported_and_other_files_are_not(setting, tmp_path: Path) -> None:
    source, out, model = setting
    (source / "scans").mkdir()
    others = ("a.gif", "b.GIF", "sub/c.jp2", "scans/d.rm", "e.cr2")
    for name in (*others, ".hidden.gif", "notes.txt", "e.xmp", "Thumbs.db", "page.xml"):
        (source / name).write_text("")
    told = "left out, not pictures or videos that this version reads: 2 .gif, 1 .cr2, 1 .jp2, 1 .rm"
    assert nitido("denoise", source, "-o", out, *model, "--dry-run").stdout.splitlines()[-1] == told
    run = nitido("denoise", source, source / "sub", "-o", out, *model)  # the inner folder's file is one all the same
    assert run.returncode == 0 and run.stdout.splitlines()[-1] == told
    chosen = nitido("denoise", source, "-o", out, *model, "--exclude", "*.[gG][iI][fF]", "--exclude", "*.rm")
    assert chosen.stdout.splitlines()[-1].endswith("reads: 1 .cr2, 1 .jp2")
    assert "left out" not in nitido("denoise", source, "-o", out, *model, "--include", "*.jpg").stdout
    assert (
        left_out([source / "a.gif"], SUFFIXES, outside=out) == {}
    )  # named by the user, it fails with a line of its own
    for path in source.rglob("*.[jp][pn]g"):
        path.unlink()
    with pytest.raises(SourceUnavailable, match=f"no pictures or videos in .*; {told}"):
        plan_jobs([source], out)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["{in}", "{in}", "-o", "{tmp}/x.png"], "expected a folder for several inputs"),
        (["{in}", "-o", "{in}"], "is the folder that is read"),
        (["{in}/0001.png", "-o", "{in}/0001.png"], "would replace its own source"),
        (["{in}/0001.png", "-o", "{tmp}/x.png", "--format", "jpeg"], "does not name a jpeg file"),
        (["{in}", "-o", "{tmp}/out", "--lossless"], "jpeg cannot be lossless"),
        (["{in}", "-o", "{tmp}/x.png", "--watch"], "--watch needs a folder"),
        (["{in}", "-o", "{tmp}/out", "--quality", "0"], "quality"),
    ],
)
def test_wrong_usage_is_exit_code_2(
    tiny_models: dict[str, Path], tmp_path: Path, arguments: list[str], said: str
) -> None:
    crops(tmp_path / "in", 3)
    places = {"in": tmp_path / "in", "tmp": tmp_path}
    run = nitido("denoise", *[a.format(**places) for a in arguments], "--model", tiny_models["denoise"])
    assert run.returncode == 2
    assert said in run.stderr
    assert not (tmp_path / "out").exists()


def test_provenance_names_the_model_unless_unwanted(setting) -> None:
    source, out, model = setting
    nitido("denoise", source / "0002.jpg", source / "0001.png", "-o", out, *model)
    with Image.open(out / "0002.jpg") as jpeg, Image.open(out / "0001.png") as png:
        software = jpeg.getexif()[0x0131]
        assert png.info["Software"] == software
    digest = hashlib.sha256(Path(str(model[1])).read_bytes()).hexdigest()
    assert software == f"nitido {nitido_version}, denoise, sha256 {digest[:12]}"
    nitido("denoise", source, "-o", out, *model, "--no-provenance")
    assert b"nitido" not in (out / "0002.jpg").read_bytes()
    assert b"nitido" not in (out / "0001.png").read_bytes()


def test_a_picture_of_1_bit_becomes_grey(tiny_models: dict[str, Path], tmp_path: Path) -> None:
    page = np.zeros((40, 50), bool)
    page[10:20] = True
    for name, compression in (("page.tif", "group4"), ("page.png", None)):
        Image.fromarray(page).save(tmp_path / name, compression=compression)
        run = nitido("denoise", tmp_path / name, "-o", tmp_path / "out", "--model", tiny_models["denoise"])
        assert run.returncode == 0, run.stderr
        with Image.open(tmp_path / "out" / name) as result:
            assert (result.mode, result.size) == ("L", (50, 40))


def test_report_holds_every_file(setting, tmp_path: Path) -> None:
    source, out, model = setting
    (source / "bad.webp").write_text("bad")
    (source / "moving.GIF").write_text("not read")
    out.mkdir()
    (out / "0001.png").write_text("kept")
    run = nitido("denoise", source, "-o", out, *model, "--report", tmp_path / "r.json")
    report = json.loads((tmp_path / "r.json").read_text())
    assert run.returncode == 1
    assert (len(report["done"]), len(report["skipped"]), len(report["resumed"])) == (5, 1, 0)
    assert report["failed"][0]["source"].endswith("bad.webp") and "not a picture" in report["failed"][0]["reason"]
    assert report["stopped"] is None and report["left_out"] == {".gif": 1}
    assert report["model"] and len(report["sha256"]) == 64 and report["options"]["strength"] == 1.0


def test_a_model_file_is_found_by_its_bare_name(
    tiny_models: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = crops(tmp_path / "in", 2)[1]
    for name in ("mine.ort", "denoise"):
        (tmp_path / name).write_bytes(tiny_models["upscale"].read_bytes())
    monkeypatch.chdir(tmp_path)
    assert zoo.find("mine.ort") == Path("mine.ort")
    run = nitido("run", source, "-o", tmp_path / "x.png", "--model", "./denoise")  # the file, not the shipped model
    assert run.returncode == 0, run.stderr
    assert read_picture(tmp_path / "x.png").pixels.shape == (96, 96, 3)
    assert zoo.find("denoise").parent != Path()
    assert "no such model file: other.ort" in nitido("denoise", source, "-o", "x.png", "--model", "other.ort").stderr


def test_run_takes_a_model_of_any_task(tiny_models: dict[str, Path], tmp_path: Path) -> None:
    crops(tmp_path / "in", 2)
    for task, side in (("denoise", 48), ("upscale", 96)):
        out = tmp_path / task
        assert nitido("run", tmp_path / "in", "-o", out, "--model", tiny_models[task]).returncode == 0
        assert read_picture(out / "0001.png").pixels.shape == (side, side, 3)


def test_a_video_keeps_its_sound(tiny_models: dict[str, Path], tmp_path: Path) -> None:
    import shutil

    if not shutil.which("ffmpeg") or not shutil.which("ffprobe"):
        pytest.skip("needs ffmpeg")
    clip = tmp_path / "clip.mp4"
    made = ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc=size=64x48:rate=10:duration=1"]
    made += ["-f", "lavfi", "-i", "sine=duration=1", "-c:v", "mpeg4", "-c:a", "aac", str(clip)]
    subprocess.run(made, check=True, capture_output=True)
    run = nitido("denoise", clip, "-o", tmp_path / "out", "--model", tiny_models["denoise"])
    assert run.returncode == 0, run.stderr
    probe = ["ffprobe", "-v", "error", "-show_entries", "stream=codec_type,nb_frames", "-of", "csv=p=0"]
    found = subprocess.run([*probe, str(tmp_path / "out" / "clip.mp4")], check=True, capture_output=True, text=True)
    streams = found.stdout.split()
    assert "video,10" in streams and any(line.startswith("audio,") for line in streams)
    assert names(tmp_path / "out") == ["clip.mp4"]
    assert not [p for p in (tmp_path / "out").iterdir() if "silent" in p.name]


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


def test_videos_go_through_the_model_that_remembers_unless_one_is_chosen(tmp_path: Path) -> None:
    noise = np.random.default_rng(0)
    (tmp_path / "in").mkdir()
    with VideoSink(tmp_path / "in" / "clip.mp4", 10) as sink:
        for _ in range(4):
            sink.write(noise.normal(120, 12, (64, 96, 3)).clip(0, 255).astype(np.uint8))
    cv2.imwrite(str(tmp_path / "in" / "photo.png"), noise.integers(0, 255, (48, 64, 3), np.uint8))

    def results(*options: str) -> list[bytes]:
        out = tmp_path / "-".join(("out", *options))
        run = nitido("denoise", tmp_path / "in", "-o", out, *options)
        assert run.returncode == 0, run.stderr
        return [(out / name).read_bytes() for name in ("clip.mp4", "photo.png")]

    chosen_clip, _ = results("--model", "denoise-live-n.int8")
    other_clip, chosen_photo = results("--model", "denoise-camera-n")
    clip, photo = results()
    assert clip == chosen_clip != other_clip
    assert photo == chosen_photo
    again = nitido("denoise", tmp_path / "in", "-o", tmp_path / "out")
    assert "2 skipped (done before)" in again.stdout


def test_a_video_that_breaks_off_is_a_failure(tiny_models: dict[str, Path], tmp_path: Path) -> None:
    whole, cut, out = tmp_path / "whole.mkv", tmp_path / "cut.mkv", tmp_path / "out"
    noise = np.random.default_rng(0)
    with VideoSink(whole, 25) as sink:
        for _ in range(30):
            sink.write(noise.integers(0, 256, (96, 128, 3), np.uint8))
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 3])
    result = nitido("denoise", cut, "-o", out, "--model", tiny_models["denoise"])
    assert result.returncode == 1
    assert "s it promises" in result.stderr
    assert not (out / "cut.mkv").exists()


def test_a_misspelt_file_name_does_not_become_a_folder(
    tiny_models: dict[str, Path], photos: Path, tmp_path: Path
) -> None:
    photo = next(photos.glob("*.png"))
    result = nitido("denoise", photo, "-o", tmp_path / "x.gif", "--model", tiny_models["denoise"])
    assert result.returncode == 2 and "x.gif is neither a folder nor" in result.stderr
    assert not (tmp_path / "x.gif").exists()
