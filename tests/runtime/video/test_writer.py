"""Video files as sinks: complete or not there, at their times, in their colours, with what was beside the pictures."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import av
import numpy as np
import pytest

from nitido.errors import FrameMismatch, SinkUnavailable
from nitido.video.formats import Encoding, crf_of
from nitido.video.reader import VideoSource
from nitido.video.writer import VideoSink
from support.clips import make_clip, pictures_of, psnr, ramp, times_of
from support.live_fakes import frame


def frames_in(path: Path) -> int:
    with VideoSource(path) as source:
        return len(list(source))


def write(sink: VideoSink, count: int, size: tuple[int, int] = (64, 48)) -> None:
    for value in range(count):
        sink.write(frame(value, size))


def copy(source: Path, target: Path, *, beside: bool = False, whole: bool = True, frames: int = 1000) -> None:
    """A clip into another, frame by frame."""
    with VideoSource(source) as given:
        streams_of = source if beside else None
        with VideoSink(target, given.fps, like=given.info, streams_of=streams_of, whole=whole) as sink:
            for timed, _ in zip(given.frames(deep=sink.deep), range(frames), strict=False):
                sink.write_timed(timed.values, timed.pts, timed.duration)


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".m4v", ".mkv", ".avi", ".webm", ".MP4"])
def test_a_file_appears_whole_when_it_is_finished(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / "new" / f"clip{suffix}"
    with VideoSink(path, 25) as sink:
        write(sink, 12)
        assert not path.exists()
    assert frames_in(path) == 12
    assert [p.name for p in path.parent.iterdir()] == [path.name]
    assert np.allclose(times_of(path), np.arange(12) / 25, atol=0.002)


def test_an_exception_removes_a_result_and_keeps_a_recording(tmp_path: Path) -> None:
    for keep in (False, True):
        path = tmp_path / f"{keep}.mp4"
        with pytest.raises(RuntimeError), VideoSink(path, 25, keep=keep) as sink:
            write(sink, 9)
            raise RuntimeError
        assert path.exists() == keep
    assert frames_in(tmp_path / "True.mp4") == 9
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize("keep", [False, True])
def test_a_disk_that_is_nearly_full_is_noticed_in_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keep: bool
) -> None:
    room = iter([10**9] * 8 + [10**6])
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: SimpleNamespace(free=next(room)))
    path = tmp_path / "clip.mp4"
    kept = "8 frames so far are kept" if keep else "nothing was kept"
    with pytest.raises(SinkUnavailable, match=kept), VideoSink(path, 25, keep=keep) as sink:
        write(sink, 30)
    assert path.exists() == keep
    if keep:
        assert frames_in(path) == 8
    assert not list(tmp_path.glob(".*"))


# The kernel refuses what goes beyond a limit, as a quota or a full disk would.
_LIMITED = """
import resource, signal, sys
from pathlib import Path
import numpy as np
from nitido.errors import SinkUnavailable
from nitido.video.writer import VideoSink
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
rng = np.random.default_rng(0)
try:
    with VideoSink(Path(sys.argv[1]), 25, keep=sys.argv[2] == "keep") as sink:
        for _ in range(40):
            sink.write(rng.integers(0, 256, (240, 320, 3), dtype=np.uint8))
except SinkUnavailable as error:
    print(error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit on file sizes")
@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".avi"])
@pytest.mark.parametrize("keep", ["keep", "drop"])
def test_a_write_that_fails_is_one_line_and_leaves_nothing_half(tmp_path: Path, suffix: str, keep: str) -> None:
    path = tmp_path / f"clip{suffix}"
    command = [sys.executable, "-c", _LIMITED, str(path), keep]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0 and "cannot write" in done.stdout, done.stderr
    assert keep == "keep" or not path.exists()
    assert not path.exists() or 0 < frames_in(path) < 40
    assert not list(tmp_path.glob(".*"))


def test_frames_of_another_size_are_refused_not_lost(tmp_path: Path) -> None:
    with pytest.raises(FrameMismatch, match="expected frames of"), VideoSink(tmp_path / "a.mp4", 25) as sink:
        write(sink, 1)
        sink.write(frame(1, (32, 32)))


@pytest.mark.parametrize("size", [(63, 47), (64, 47), (1, 1)])
def test_odd_sides_lose_nothing(tmp_path: Path, size: tuple[int, int]) -> None:
    with VideoSink(tmp_path / "a.mp4", 25) as sink:
        write(sink, 2, size)
    (found, _) = pictures_of(tmp_path / "a.mp4")
    assert found.shape[0] - size[1] in (0, 1) and found.shape[1] - size[0] in (0, 1)


@pytest.mark.parametrize(
    ("name", "codec"),
    [("a.mp4", "h264"), ("a.mp4", "h265"), ("a.mp4", "av1"), ("a.webm", "vp9"), ("a.mkv", "ffv1"), ("a.avi", "mjpeg")],
)
def test_each_codec_gives_the_pictures_back(tmp_path: Path, name: str, codec: str) -> None:
    pictures = [ramp(i, 96, 128) for i in range(5)]
    with VideoSink(tmp_path / name, 25, encoding=Encoding(codec)) as sink:
        for picture in pictures:
            sink.write(picture)
    with VideoSource(tmp_path / name) as source:
        found = list(source)
    assert len(found) == 5
    worst = min(psnr(a, b) for a, b in zip(pictures, found, strict=True))
    assert worst > (90 if codec == "ffv1" else 36), worst


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads the threads of this process on Linux")
def test_encoding_av1_makes_no_thread_a_real_time_one(tmp_path: Path) -> None:
    """For root, SVT-AV1 does; for others, it may not."""
    before = os.sched_getscheduler(0)
    with VideoSink(tmp_path / "a.mp4", 25, encoding=Encoding("av1")) as sink:
        write(sink, 2)
        policies = {os.sched_getscheduler(int(task.name)) for task in Path("/proc/self/task").iterdir()}
    assert policies == {before}


def test_quality_is_size(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (96, 128, 3), np.uint8)
    sizes: list[int] = []
    for quality in (30, 60, 90, 100):
        path = tmp_path / f"{quality}.mp4"
        with VideoSink(path, 25, encoding=Encoding(quality=quality)) as sink:
            for _ in range(5):
                sink.write(noise)
        sizes.append(path.stat().st_size)
    assert sizes == sorted(sizes) and sizes[0] < sizes[-1] / 3
    rates = [crf_of(quality) for quality in range(1, 101)]
    assert rates == sorted(rates, reverse=True) and rates[-1] == 1.0 and rates[0] <= 51


def test_mp4_is_made_for_browsers(tmp_path: Path) -> None:
    with VideoSink(tmp_path / "a.mp4", 25) as sink:
        write(sink, 3)
    data = (tmp_path / "a.mp4").read_bytes()
    assert 0 < data.find(b"moov") < data.find(b"mdat")  # its index comes first
    with av.open(str(tmp_path / "a.mp4")) as container:
        context = container.streams.video[0].codec_context
        assert (context.name, context.pix_fmt) == ("h264", "yuv420p")
        assert (context.colorspace, context.color_primaries, context.color_trc, context.color_range) == (1, 1, 1, 1)


@pytest.mark.parametrize(
    ("codec", "message"), [("h266", "expected one of h264"), ("aac", "encodes audio"), ("h264_nvenc", "h264_nvenc")]
)
def test_a_codec_that_is_not_there_is_one_line(tmp_path: Path, codec: str, message: str) -> None:
    with (
        pytest.raises(SinkUnavailable, match=message),
        VideoSink(tmp_path / "a.mp4", 25, encoding=Encoding(codec)) as s,
    ):
        write(s, 1, (320, 240))
    assert not list(tmp_path.iterdir())


def test_a_codec_that_a_container_cannot_hold_is_one_line(tmp_path: Path) -> None:
    encoding = Encoding("h264")
    with pytest.raises(SinkUnavailable, match="libx264"), VideoSink(tmp_path / "a.webm", 25, encoding=encoding) as sink:
        write(sink, 1)
    assert not list(tmp_path.iterdir())


def test_a_recording_keeps_when_frames_came(tmp_path: Path) -> None:
    times = [0.0, 0.031, 0.07, 0.5, 0.502, 1.9]
    for suffix in (".mp4", ".mkv"):
        with VideoSink(tmp_path / f"a{suffix}", 30) as sink:
            for index, time in enumerate(times):
                sink.write_at(frame(index, (64, 48)), time)
        assert np.allclose(times_of(tmp_path / f"a{suffix}"), times, atol=0.002)


@pytest.mark.parametrize("tags", [(1, 1, 1, 1), (6, 6, 6, 1), (1, 13, 1, 2), (9, 14, 9, 1)])
def test_a_source_is_written_as_it_is(tmp_path: Path, tags: tuple[int, int, int, int]) -> None:
    times = [1.0, 1.04, 1.2, 1.7]
    pictures = [ramp(i) for i in range(4)]
    source = make_clip(tmp_path / "in.mkv", pictures, times, tags=tags, aspect=Fraction(64, 45))
    copy(source, tmp_path / "out.mp4")
    assert np.allclose(times_of(tmp_path / "out.mp4"), times, atol=0.002)
    with av.open(str(tmp_path / "out.mp4")) as container:
        context = container.streams.video[0].codec_context
        found = (context.color_primaries, context.color_trc, context.colorspace, context.color_range)
        assert found == tags and context.sample_aspect_ratio == Fraction(64, 45)
    with VideoSource(tmp_path / "out.mp4") as again:
        assert min(psnr(a, b) for a, b in zip(pictures, again, strict=True)) > 36


def test_ten_bits_stay_ten_bits(tmp_path: Path) -> None:
    options = {"crf": "1", "x265-params": "log-level=none:bframes=0"}
    pictures = [ramp(i) for i in range(3)]
    source = make_clip(
        tmp_path / "in.mkv", pictures, pixel_format="yuv420p10le", codec="libx265", tags=(9, 16, 9, 1), options=options
    )
    copy(source, tmp_path / "out.mp4")
    with av.open(str(tmp_path / "out.mp4")) as container:
        context = container.streams.video[0].codec_context
        assert (context.name, context.pix_fmt, context.color_trc) == ("hevc", "yuv420p10le", 16)


def test_the_other_streams_of_a_file_are_copied(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    facts = {"title": "Holiday", "creation_time": "2020-05-05T10:00:00.000000Z"}
    source = make_clip(tmp_path / "in.mp4", [ramp(i) for i in range(25)], sounds=["spa", "eng"], facts=facts)
    for name in ("out.mp4", "out.mkv", "out.webm"):
        copy(source, tmp_path / name, beside=True)
        with av.open(str(tmp_path / name)) as container:
            languages = [stream.language for stream in container.streams.audio]
            known = {key.lower(): value for key, value in container.metadata.items()}
            assert known["title"] == "Holiday"
            assert languages == ["spa", "eng"]
            ends = [float((p.pts + p.duration) * p.time_base) for p in container.demux(audio=1) if p.pts is not None]
            assert max(ends) == pytest.approx(1.0, abs=0.06)
    assert "encoded again: audio 1 (aac, spa) as opus, audio 2 (aac, eng) as opus" in caplog.text
    assert caplog.text.count("encoded again") == 1


def test_a_recording_ends_with_its_pictures(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "in.mp4", [ramp(i) for i in range(25)], sounds=["spa"])
    copy(source, tmp_path / "out.mp4", beside=True, whole=False, frames=8)
    with av.open(str(tmp_path / "out.mp4")) as container:
        ends = [float((p.pts + p.duration) * p.time_base) for p in container.demux(audio=0) if p.pts is not None]
    assert 0.2 < max(ends) < 0.4
