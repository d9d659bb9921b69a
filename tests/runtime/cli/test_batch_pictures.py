"""A batch over the kinds of pictures, names and folders that people have."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nitido.images import plugins
from nitido.images.io import read_picture
from support.commands import nitido

RANDOM = np.random.default_rng(12)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    folder.mkdir()
    return folder


@pytest.fixture
def options(tiny_models: dict[str, Path], tmp_path: Path) -> list[object]:
    return ["-o", tmp_path / "out", "--model", tiny_models["denoise"], "--report", tmp_path / "r.json"]


def picture(path: Path, **options: object) -> Path:
    Image.fromarray(RANDOM.integers(0, 256, (24, 40, 3), dtype=np.uint8)).save(path, **options)  # pyright: ignore
    return path


def report(tmp_path: Path) -> dict[str, list]:
    return json.loads((tmp_path / "r.json").read_text())


def test_several_pictures_in_one_file_are_a_note(source: Path, options: list[object], tmp_path: Path) -> None:
    picture(source / "a.mpo", save_all=True, append_images=[Image.new("RGB", (8, 8))])
    run = nitido("denoise", source, *options)
    line = f"{source / 'a.mpo'}: 1 more picture in the file left out, the first one is used"
    assert run.returncode == 0 and f"note: {line}" in run.stderr.splitlines()
    assert (tmp_path / "out" / "a.jpg").is_file()
    assert report(tmp_path)["notes"] == [{"source": str(source / "a.mpo"), "note": line.split(": ", 1)[1]}]
    row = json.loads(nitido("denoise", source, *options, "--overwrite", "--json").stdout.splitlines()[0])
    assert row["state"] == "done" and row["notes"] == [line.split(": ", 1)[1]]
    assert "note:" not in nitido("denoise", source, *options, "--overwrite", "--quiet").stderr


def test_what_cannot_be_read_in_a_folder_fails_and_the_rest_is_done(
    source: Path, options: list[object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture(source / "a.png")
    for name in ("locked", "sub"):
        (source / name).mkdir()
    (source / "sub" / "dead.png").symlink_to("gone.png")
    (source / "linked").symlink_to(source / "sub")
    listed = os.scandir

    def scandir(path: str):
        if Path(path).name == "locked":
            raise PermissionError(13, "Permission denied", str(path))
        return listed(path)

    monkeypatch.setattr(os, "scandir", scandir)
    run = nitido("denoise", source, *options)
    assert run.returncode == 1
    assert sorted(line for line in run.stderr.splitlines() if line.startswith("failed: ")) == [
        f"failed: {source / 'locked'}: this folder cannot be searched: Permission denied",
        f"failed: {source / 'sub' / 'dead.png'}: a link to gone.png, which is not there",
    ]
    assert "1 done, 2 failed" in run.stdout
    told = f"folders that are links are not searched, name them as inputs: {source / 'linked'}"
    assert told in run.stdout.splitlines()
    assert report(tmp_path)["links"] == [str(source / "linked")]
    planned = nitido("denoise", source, *options, "--dry-run").stdout.splitlines()
    assert sum(line.startswith("would fail") for line in planned) == 2 and told in planned


def test_a_folder_that_cannot_be_searched_at_all_fails(
    source: Path, options: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    def scandir(path: str):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(os, "scandir", scandir)
    run = nitido("denoise", source, *options)
    assert run.returncode == 1 and "this folder cannot be searched: Permission denied" in run.stderr


def test_names_of_255_bytes_are_done_and_longer_ones_fail_with_a_line(
    source: Path, options: list[object], tmp_path: Path
) -> None:
    name = "é" * 125 + "x.png"
    assert len(os.fsencode(name)) == 255
    picture(source / name)
    run = nitido("denoise", source, *options)
    assert run.returncode == 0, run.stderr
    assert (tmp_path / "out" / name).is_file()
    longer = nitido("denoise", source, *options, "--format", "webp")
    assert longer.returncode == 1 and longer.stderr.count("failed: ") == 1 and "File name too long" in longer.stderr
    missing = nitido("denoise", source / ("n" * 300 + ".png"), *options)
    assert missing.returncode == 1 and "cannot be read: File name too long" in missing.stderr


def test_time_and_permissions_are_kept_when_asked(source: Path, options: list[object], tmp_path: Path) -> None:
    path = picture(source / "a.png")
    path.chmod(0o640)
    os.utime(path, ns=(1_500_000_000_000_000_000, 1_400_000_000_123_456_789))
    assert nitido("denoise", source, *options).returncode == 0
    result = tmp_path / "out" / "a.png"
    assert result.stat().st_mtime_ns != path.stat().st_mtime_ns
    assert nitido("denoise", source, *options, "--overwrite", "--preserve-times").returncode == 0
    assert result.stat().st_mtime_ns == path.stat().st_mtime_ns
    if os.name == "posix":
        assert result.stat().st_mode & 0o777 == 0o640
    assert "1 skipped (done before)" in nitido("denoise", source, *options, "--preserve-times").stdout
    path.chmod(0o440)
    assert nitido("denoise", source, *options, "--overwrite", "--preserve-times").returncode == 0


def test_a_lossless_webp_stays_lossless_unless_a_quality_is_asked(
    source: Path, options: list[object], tmp_path: Path
) -> None:
    pixels = np.asarray(Image.open(picture(source / "a.webp", lossless=True)))
    picture(source / "b.webp", quality=80)
    assert nitido("denoise", source, *options, "--strength", 0).returncode == 0
    assert np.array_equal(np.asarray(Image.open(tmp_path / "out" / "a.webp")), pixels)
    assert read_picture(tmp_path / "out" / "a.webp").lossless
    assert not read_picture(tmp_path / "out" / "b.webp").lossless
    assert nitido("denoise", source, *options, "--strength", 0, "--quality", 80).returncode == 0
    assert not read_picture(tmp_path / "out" / "a.webp").lossless


def test_netpbm_stays_what_it_was(source: Path, options: list[object], tmp_path: Path) -> None:
    picture(source / "a.ppm")
    for name, mode in (("b.pgm", "L"), ("c.pbm", "1")):
        Image.open(source / "a.ppm").convert(mode).save(source / name)
    assert nitido("denoise", source, *options).returncode == 0
    heads = {path.name: path.read_bytes()[:2] for path in (tmp_path / "out").glob("[!.]*")}
    assert heads == {"a.ppm": b"P6", "b.pgm": b"P5", "c.pgm": b"P5"}


def test_pictures_that_need_a_package_are_counted_and_it_is_named(
    source: Path, options: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    picture(source / "a.png")
    for name in ("b.jp2", "c.gif", "d.qoi"):
        (source / name).write_text("")
    run = nitido("denoise", source, *options)
    assert "reads: 1 .gif, 1 .jp2, 1 .qoi" in run.stdout
    if plugins.HAS_HEIF:
        pytest.skip("pillow-heif is installed")
    (source / "e.heic").write_text("")
    run = nitido("denoise", source, *options)
    assert run.stdout.splitlines()[-1].endswith("for .heic, .heif, .hif run: pip install pillow-heif")
    asked = nitido("denoise", source, *options, "--format", "heic")
    assert asked.returncode == 2 and "to write heic, run: pip install pillow-heif" in asked.stderr


def test_a_picture_of_a_camera_that_needs_a_smaller_exif_is_done(
    source: Path, options: list[object], tmp_path: Path
) -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x927C] = bytes(70_000)
    picture(source / "a.webp", exif=exif)
    run = nitido("denoise", source, *options, "--format", "jpeg")
    assert run.returncode == 0 and "left out: MakerNote" in run.stderr
    assert Image.open(io.BytesIO((tmp_path / "out" / "a.jpg").read_bytes())).size == (40, 24)
