"""Video files as they are: times, turns, fields, colours, names."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from nitido.errors import SourceUnavailable
from nitido.video.colour import PQ
from nitido.video.reader import VideoSource
from support.clips import make_clip, psnr, ramp, times_of

PICTURES = [ramp(i) for i in range(12)]


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_every_frame_has_its_own_time(tmp_path: Path, suffix: str) -> None:
    times = [0.5 + t for t in (0, 0.04, 0.08, 0.4, 0.44, 0.9, 1.0, 1.004733, 2, 2.1, 2.2, 3)]
    path = make_clip(tmp_path / f"a{suffix}", PICTURES, times)
    found: list[float] = []
    with VideoSource(path) as source:
        found.extend(source.time for _ in source)
    assert np.allclose(found, times, atol=0.0011)  # Matroska counts in milliseconds
    assert np.allclose(found, times_of(path))


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_a_turned_phone_is_upright(tmp_path: Path, degrees: int) -> None:
    path = make_clip(tmp_path / "a.mp4", PICTURES, rotation=degrees, aspect=Fraction(4, 3))
    with VideoSource(path) as source:
        frame, info = next(iter(source)), source.info
    expected = np.rot90(PICTURES[0], info.rotated // 90)
    assert frame.shape == expected.shape and psnr(expected, frame) > 38
    assert (info.width, info.height) == (frame.shape[1], frame.shape[0])
    assert info.aspect == (Fraction(3, 4) if degrees != 180 else Fraction(4, 3))


def with_matrix(path: Path, a: int, b: int, c: int, d: int) -> Path:
    """The MP4 with another display matrix in the header of its first track."""
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 44
    for place, value in zip((0, 4, 12, 16), (a, b, c, d), strict=True):
        struct.pack_into(">i", data, at + place, value << 16)
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
def test_a_mirrored_picture_is_not_turned_instead(tmp_path: Path, turns: int) -> None:
    # Mirrored after turning: x' = -x of what turning by 0, 90, 180 and 270 degrees counterclockwise gives.
    matrix = [(-1, 0, 0, 1), (0, -1, -1, 0), (1, 0, 0, -1), (0, 1, 1, 0)][turns]
    path = with_matrix(make_clip(tmp_path / "a.mp4", PICTURES), *matrix)
    with VideoSource(path) as source:
        frame = next(iter(source))
    expected = np.rot90(PICTURES[0], turns)[:, ::-1]
    assert frame.shape == expected.shape and psnr(expected, frame) > 38


@pytest.mark.parametrize("tags", [(1, 1, 1, 1), (6, 6, 6, 1), (1, 1, 1, 2), (2, 2, 2, 0), (9, 14, 9, 1)])
def test_colours_are_read_by_their_tags(tmp_path: Path, tags: tuple[int, int, int, int]) -> None:
    with VideoSource(make_clip(tmp_path / "a.mp4", PICTURES[:3], tags=tags)) as source:
        frames = list(source)
    assert min(psnr(a, b) for a, b in zip(PICTURES[:3], frames, strict=True)) > 38


def test_interlaced_frames_are_made_whole_or_left(tmp_path: Path) -> None:
    fields = [ramp(3 * i, 96) for i in range(16)]
    rows = np.arange(96)[:, None, None] % 2 == 0
    woven = [np.where(rows, a, b) for a, b in zip(fields[::2], fields[1::2], strict=True)]
    options = {"crf": "1", "bf": "0", "flags": "+ildct+ilme", "x264opts": "tff=1"}
    path = make_clip(tmp_path / "a.mp4", woven, options=options)
    with VideoSource(path) as source, VideoSource(path, deinterlace=False) as combed:
        whole, left = list(source), list(combed)
    assert len(whole) == len(left) == 8
    # Combed rows differ from their neighbours; a whole picture's do not.
    made, raw, clean = (float(np.abs(np.diff(f.astype(int), axis=0)).mean()) for f in (whole[3], left[3], fields[6]))
    assert made < 0.1 * raw and made < 4 * clean
    assert all(10 < frame.mean() < 245 for frame in whole)


def test_ten_bits_are_there_for_who_asks(tmp_path: Path) -> None:
    options = {"crf": "1", "x265-params": "log-level=none:bframes=0"}
    hdr = (9, PQ, 9, 1)
    path = make_clip(
        tmp_path / "a.mkv", PICTURES[:2], pixel_format="yuv420p10le", codec="libx265", tags=hdr, options=options
    )
    with VideoSource(path) as source:
        assert source.info.bits == 10 and source.info.tags.hdr == "PQ"
        deep = next(source.frames(deep=True)).values
    with VideoSource(path) as source:
        shallow = next(iter(source))
    with VideoSource(path, tone_map=True) as source:
        mapped = next(iter(source))
        assert source.info.tags.hdr == "" and mapped.dtype == np.uint8
    assert deep.dtype == np.uint16 and np.abs(deep / 257 - shallow).mean() < 1.5
    assert abs(float(mapped.mean()) - float(shallow.mean())) > 5


def test_a_picture_shorter_than_its_sound_is_complete(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "a.mkv", PICTURES, sounds=["spa"])
    with VideoSource(path) as source:
        source.require_complete(len(list(source)))


@pytest.mark.parametrize("suffix", [".mkv", ".avi", ".mp4"])
def test_a_file_that_was_cut_is_noticed(tmp_path: Path, suffix: str) -> None:
    noisy = [np.random.default_rng(i).integers(0, 256, (48, 64, 3), np.uint8) for i in range(100)]
    if suffix == ".avi":
        made = make_clip(tmp_path / "a.avi", noisy, codec="mjpeg", pixel_format="yuvj420p", options={"qmin": "1"})
    else:
        made = make_clip(tmp_path / f"a{suffix}", noisy, fast_start=suffix == ".mp4")
    cut = tmp_path / f"cut{suffix}"
    data = made.read_bytes()
    cut.write_bytes(data[: len(data) // 2])
    with VideoSource(cut) as source, pytest.raises(SourceUnavailable, match="it promises"):
        source.require_complete(len(list(source)))


def test_frames_that_an_edit_list_hides_are_not_missing(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "a.mp4", [ramp(i) for i in range(25)])
    data = bytearray(path.read_bytes())
    at = data.index(b"elst") + 12  # length and beginning, in units of the movie and of the track
    struct.pack_into(">I", data, at, 400)
    (first,) = struct.unpack_from(">i", data, at + 4)
    with VideoSource(path) as source:
        per_frame = round(1 / source.info.time_base / 25)
    struct.pack_into(">i", data, at + 4, first + 10 * per_frame)
    path.write_bytes(data)
    with VideoSource(path) as source:
        frames = list(source)
        source.require_complete(len(frames))
    assert 10 <= len(frames) <= 11 and psnr(ramp(10), frames[0]) > 38


def test_a_file_that_begins_late_is_complete(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "a.mkv", PICTURES, [100 + i / 25 for i in range(len(PICTURES))])
    with VideoSource(path) as source:
        source.require_complete(len(list(source)))


def test_an_avi_with_b_frames_has_even_times(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "a.avi", PICTURES, codec="mpeg4", options={"bf": "2"}, ticks=25)
    found: list[float] = []
    with VideoSource(path) as source:
        found.extend(source.time for _ in source)
    assert np.allclose(np.diff(found), 1 / 25)


@pytest.mark.parametrize(
    ("suffix", "codec", "pixel_format"),
    [(".h264", "libx264", "yuv420p"), (".mjpeg", "mjpeg", "yuvj420p"), (".m2v", "mpeg2video", "yuv420p")],
)
def test_pictures_without_a_container_are_read(tmp_path: Path, suffix: str, codec: str, pixel_format: str) -> None:
    options = {"qmin": "1"} if suffix != ".h264" else {"crf": "1", "bf": "2"}
    path = make_clip(
        tmp_path / f"a{suffix}", PICTURES, codec=codec, pixel_format=pixel_format, options=options, ticks=25
    )
    found: list[tuple[float, float]] = []
    with VideoSource(path) as source:
        found.extend((source.time, psnr(PICTURES[i], frame)) for i, frame in enumerate(source))
    assert np.allclose(np.diff([time for time, _ in found]), 1 / 25)
    assert len(found) == len(PICTURES) and min(level for _, level in found) > 25


@pytest.mark.parametrize("content", [b"", b"not a video at all", bytes(4096)])
def test_what_is_not_a_video_is_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.mp4").write_bytes(content)
    with pytest.raises(SourceUnavailable, match=r"a\.mp4"):
        VideoSource(tmp_path / "a.mp4")


NAMES = ["12:30.mp4", "100%d.mp4", "-rf.mp4", "a\nb.mp4", os.fsdecode(b"vid\xe9o.mp4"), "día.mp4"]


@pytest.mark.skipif(sys.platform != "linux", reason="file names of any bytes")
@pytest.mark.parametrize("name", NAMES)
def test_any_file_name_is_read(tmp_path: Path, name: str) -> None:
    path = make_clip(tmp_path / "a.mp4", PICTURES[:3]).rename(tmp_path / name)
    with VideoSource(path) as source:
        assert len(list(source)) == 3


def test_closing_a_source_ends_its_iteration(tmp_path: Path) -> None:
    with VideoSource(make_clip(tmp_path / "a.mp4", PICTURES)) as source:
        frames = iter(source)
        next(frames)
        source.close()
        assert list(frames) == []
        assert (source.count, source.live) == (12, False) and source.fps == pytest.approx(25, rel=0.2)


def test_without_the_library_one_line_names_the_extra(tmp_path: Path) -> None:
    (tmp_path / "av").mkdir()
    (tmp_path / "av" / "__init__.py").write_text("raise ModuleNotFoundError(\"No module named 'av'\", name='av')")
    make_clip(tmp_path / "a.mp4", PICTURES[:2])
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); from nitido.cli.main import main; main()"
    command = [sys.executable, "-c", code, "denoise", str(tmp_path / "a.mp4"), "-o", str(tmp_path / "b.mp4")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1 and "pip install 'nitido[video]'" in done.stderr and "Traceback" not in done.stderr
