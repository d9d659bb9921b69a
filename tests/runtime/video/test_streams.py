"""What a video holds beside its pictures, on its way into another container."""

from __future__ import annotations

import struct
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from av.stream import Disposition

from nitido.video.reader import VideoSource
from nitido.video.subtitles import text_of
from nitido.video.writer import VideoSink
from support.clip_server import served
from support.clips import make_clip, ramp, sound_of, times_of

PICTURES = [ramp(i) for i in range(25)]


def copy(source: Path, target: Path) -> None:
    with (
        VideoSource(source) as given,
        VideoSink(target, given.fps, like=given.info, streams_of=source) as sink,
    ):
        for timed in given.frames():
            sink.write_timed(timed.values, timed.pts, timed.duration)


def add(source: Path, target: Path, *, cover: bool = False, font: bytes = b"", chapters: bool = False) -> Path:
    """The streams of a file, copied into another with more beside them."""
    with av.open(str(source)) as given, av.open(str(target), "w") as made:
        copies: dict[int, Any] = {s.index: made.add_stream_from_template(s) for s in given.streams}
        if cover:
            track: Any = made.add_mux_stream("png", width=32, height=32)
            track.disposition = Disposition.attached_pic
        if font:
            made.add_attachment("some.ttf", "font/ttf", font)
        if chapters:
            base = Fraction(1, 1000)
            titles = [{"title": f"part {i}"} for i in range(2)]
            made.set_chapters(
                [
                    {"id": i, "start": 400 * i, "end": 400 * (i + 1), "time_base": base, "metadata": title}
                    for i, title in enumerate(titles)
                ]
            )
        made.start_encoding()
        if cover:
            packet = av.Packet(cv2.imencode(".png", np.full((32, 32, 3), 99, np.uint8))[1].tobytes())
            packet.stream, packet.pts, packet.dts = track, 0, 0
            made.mux_one(packet)
        copy_packets(given, made, copies)
    return target


def copy_packets(given: Any, made: Any, copies: dict[int, Any]) -> None:
    """All packets of a file into another. copies: the streams there, by their index here."""
    for packet in given.demux():
        if packet.size:
            packet.stream = copies[packet.stream.index]
            made.mux_one(packet)


def words_of(path: Path) -> list[tuple[float, str]]:
    """The subtitles of a file with their times, empty ones aside."""
    with av.open(str(path)) as container:
        stream = container.streams.subtitles[0]
        packets = [(p.pts * p.time_base, bytes(p)) for p in container.demux(stream) if p.size]
        found = [(round(float(at), 3), text_of(data, stream.codec_context.name)) for at, data in packets]
    return [(at, text) for at, text in found if text]


def with_subtitles(clip: Path, target: Path, codec: str) -> Path:
    """A clip in Matroska with two subtitles of text."""
    with av.open(str(clip)) as given, av.open(str(target), "w") as made:
        copies: dict[int, Any] = {s.index: made.add_stream_from_template(s) for s in given.streams}
        track: Any = made.add_mux_stream(codec)
        track.time_base = Fraction(1, 1000)
        track.metadata["language"] = "spa"
        made.start_encoding()
        for at, text in ((100, "<i>hola</i>"), (700, "día")):
            packet = av.Packet(text.encode())
            packet.pts = packet.dts = at
            packet.duration, packet.time_base, packet.stream = 200, Fraction(1, 1000), track
            made.mux_one(packet)
        copy_packets(given, made, copies)
    return target


def test_subtitles_of_text_are_carried_between_containers(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    source = with_subtitles(make_clip(tmp_path / "a.mp4", PICTURES), tmp_path / "in.mkv", "subrip")
    copy(source, tmp_path / "b.mkv")
    copy(source, tmp_path / "c.mp4")
    copy(source, tmp_path / "d.webm")
    copy(tmp_path / "c.mp4", tmp_path / "e.mkv")
    assert words_of(tmp_path / "b.mkv") == [(0.1, "<i>hola</i>"), (0.7, "día")]
    for name in ("c.mp4", "e.mkv"):
        assert words_of(tmp_path / name) == [(0.1, "hola"), (0.7, "día")]
        with av.open(str(tmp_path / name)) as container:
            assert container.streams.subtitles[0].language == "spa"
    assert [at for at, _ in words_of(tmp_path / "d.webm")] == [0.1, 0.7]
    assert caplog.text == ""
    copy(source, tmp_path / "f.avi")
    assert "f.avi: left out, because .avi files do not support it: subtitle 1 (srt, spa)" in caplog.text


def test_words_are_taken_out_of_every_form() -> None:
    assert text_of(struct.pack(">H", 4) + b"hola" + b"\0\0\0\x0cstyl", "mov_text") == "hola"
    assert text_of(b"0,0,Default,,0,0,0,,{\\i1}one\\Ntwo, three", "ass") == "one\ntwo, three"
    assert text_of(b"plain\n", "srt") == "plain"
    assert text_of(b"", "mov_text") == ""


@pytest.mark.parametrize(("begin", "end"), [(".mp4", ".mp4"), (".mp4", ".mkv")])
def test_a_cover_stays_a_cover(tmp_path: Path, caplog: pytest.LogCaptureFixture, begin: str, end: str) -> None:
    source = add(make_clip(tmp_path / "a.mp4", PICTURES), tmp_path / f"in{begin}", cover=True)
    copy(source, tmp_path / f"out{end}")
    with av.open(str(tmp_path / f"out{end}")) as container:
        covers = [s for s in container.streams.video if s.disposition & Disposition.attached_pic]
        assert [s.codec_context.name for s in covers] == ["png"]
    assert caplog.text == ""


def test_fonts_are_kept_in_matroska_and_else_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    source = add(make_clip(tmp_path / "a.mp4", PICTURES), tmp_path / "in.mkv", font=b"a font")
    copy(source, tmp_path / "out.mkv")
    with av.open(str(tmp_path / "out.mkv")) as container:
        (found,) = container.streams.attachments
        assert (found.name, found.data) == ("some.ttf", b"a font")
    assert caplog.text == ""
    copy(source, tmp_path / "out.mp4")
    assert "out.mp4: left out, because .mp4 files do not support it: attachment some.ttf" in caplog.text


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_chapters_are_kept_without_a_word(tmp_path: Path, caplog: pytest.LogCaptureFixture, suffix: str) -> None:
    source = add(make_clip(tmp_path / "a.mp4", PICTURES), tmp_path / f"in{suffix}", chapters=True)
    copy(source, tmp_path / f"out{suffix}")
    with av.open(str(tmp_path / f"out{suffix}")) as container:
        assert [chapter["metadata"]["title"] for chapter in container.chapters()] == ["part 0", "part 1"]
    assert caplog.text == ""


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov"])
@pytest.mark.parametrize("offset", [0.537, -0.41])
def test_sound_and_pictures_keep_their_distance(tmp_path: Path, suffix: str, offset: float) -> None:
    times = [max(0.0, offset) + i / 25 for i in range(25)]
    clip = make_clip(tmp_path / "a.mkv", PICTURES, times, sounds=["spa"], sound_begins=max(0.0, -offset))
    copy(clip, tmp_path / f"out{suffix}")

    def distance(path: Path) -> float:
        with av.open(str(path)) as container:
            sound = next(p for p in container.demux(audio=0) if p.size)
            return times_of(path)[0] - float(sound.pts * sound.time_base)

    assert distance(tmp_path / f"out{suffix}") == pytest.approx(distance(clip), abs=0.001)


def test_sound_that_fits_nowhere_is_encoded_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    clip = make_clip(tmp_path / "a.mkv", PICTURES, sounds=["spa"], sound_codec="libmp3lame")
    copy(clip, tmp_path / "out.webm")
    assert "out.webm: encoded again: audio 1 (mp3" in caplog.text and "spa) as opus" in caplog.text
    with av.open(str(tmp_path / "out.webm")) as container:
        samples = np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)])
        assert container.streams.audio[0].language == "spa"
    assert len(samples) / 48_000 == pytest.approx(1.0, abs=0.15) and np.abs(samples[4000:-4000]).mean() > 0.3


def test_sound_that_a_muxer_only_claims_to_hold_is_encoded_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    source = tmp_path / "in.mkv"
    with av.open(str(make_clip(tmp_path / "a.mkv", PICTURES))) as given, av.open(str(source), "w") as made:
        pictures = made.add_stream_from_template(given.streams.video[0])
        track: Any = made.add_stream("libopus", rate=48_000)
        track.codec_context.layout = "mono"
        track.metadata["language"] = "deu"
        for packet in given.demux():
            if packet.size:
                packet.stream = pictures
                made.mux_one(packet)
        tone = np.sin(np.arange(48_000) / 20).astype(np.float32)[None]
        for start in range(0, 48_000, 960):
            sound = av.AudioFrame.from_ndarray(tone[:, start : start + 960], format="flt", layout="mono")
            sound.sample_rate, sound.pts = 48_000, start
            made.mux(track.encode(sound))
        made.mux(track.encode(None))
    copy(source, tmp_path / "out.mov")
    with av.open(str(tmp_path / "out.mov")) as container:
        (found,) = container.streams.audio
        assert (found.codec_context.name, found.language) == ("aac", "ger")
    assert "encoded again: audio 1 (opus, deu) as aac" in caplog.text
    assert "left out" not in caplog.text


@pytest.mark.parametrize("suffix", [".mov", ".avi"])
def test_a_cover_that_does_not_fit_is_named(tmp_path: Path, caplog: pytest.LogCaptureFixture, suffix: str) -> None:
    source = add(make_clip(tmp_path / "a.mp4", PICTURES), tmp_path / "in.mp4", cover=True)
    copy(source, tmp_path / f"out{suffix}")
    with av.open(str(tmp_path / f"out{suffix}")) as container:
        assert len(container.streams.video) == 1
    assert "cover 1 (png)" in caplog.text


def test_what_an_avi_cannot_say_is_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    clip = make_clip(tmp_path / "a.mkv", PICTURES, sounds=["deu"], facts={"title": "Holiday", "mood": "good"})
    source = add(clip, tmp_path / "in.mkv", chapters=True)
    with av.open(str(source)) as container:
        assert container.chapters()
    copy(clip, tmp_path / "b.avi")
    copy(source, tmp_path / "c.avi")
    assert "b.avi: left out, because .avi files do not support it: MOOD, language deu" in caplog.text
    assert "c.avi: left out, because .avi files do not support it: chapters" in caplog.text
    with av.open(str(tmp_path / "b.avi")) as container:
        assert container.metadata["title"] == "Holiday"


def test_a_movie_is_as_long_as_its_frames_say_not_as_its_b_frames(tmp_path: Path) -> None:
    times = [i / 25 for i in range(12)] + [1 + i / 25 for i in range(13)]
    source = make_clip(tmp_path / "a.mp4", PICTURES, times, options={"crf": "20", "bf": "3"})
    copy(source, tmp_path / "b.mp4")
    with av.open(str(tmp_path / "b.mp4")) as container:
        assert container.duration == pytest.approx(1_520_000, abs=2000)
        packets = [p for p in container.demux(video=0) if p.size]
    assert [p.duration for p in packets[:-1]] == [b.pts - a.pts for a, b in pairwise(packets)]


@pytest.mark.parametrize("pause", [9, 20])
def test_a_last_frame_is_shown_as_long_as_in_its_source(tmp_path: Path, pause: int) -> None:
    times = [i / 25 + (1 if i > pause else 0) for i in range(25)]
    source = make_clip(tmp_path / "a.mp4", PICTURES, times, options={"crf": "20", "bf": "3", "b_strategy": "0"})
    copy(source, tmp_path / "b.mp4")
    with av.open(str(source)) as given, av.open(str(tmp_path / "b.mp4")) as made:
        ends = [float(c.streams.video[0].duration * c.streams.video[0].time_base) for c in (given, made)]
    assert ends[1] == pytest.approx(ends[0], abs=0.002)


def test_a_clip_behind_an_address_keeps_its_sound(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "a.mp4", PICTURES, sounds=["spa"], fast_start=True)
    with (
        served(clip, ranges=True) as url,
        VideoSource(url) as given,
        VideoSink(tmp_path / "b.mp4", given.fps, like=given.info, streams_of=url) as sink,
    ):
        for timed in given.frames():
            sink.write_timed(timed.values, timed.pts, timed.duration)
    assert sound_of(tmp_path / "b.mp4") == sound_of(clip)
