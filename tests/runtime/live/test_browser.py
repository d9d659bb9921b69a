from __future__ import annotations

import http.client
import json
import logging
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import cast

import cv2
import numpy as np
import pytest

from nitido.errors import SinkUnavailable
from nitido.frames import Frame
from nitido.inference.model import Model
from nitido.live.loop import run
from nitido.live.sinks.browser import Board, MjpegSink
from nitido.live.state import Controls, Shot, Status
from support.live_fakes import FakeModel, FakeSource, frame
from support.waiting import WAIT, threads_left, until

STATUS = Status(10.0, 12.0, 20.0, 5, 4, 1, "denoise-n", (16, 12), 1.0, False)


def show(sink: MjpegSink, value: int, size: tuple[int, int] = (16, 12)) -> None:
    shot = Shot(frame(value, size), frame(value + 100, size), value, 0.0, 0.0, "m")
    sink.show(shot, replace(STATUS, shown=value), Controls())


@pytest.fixture
def sink() -> Iterator[MjpegSink]:
    with MjpegSink(port=0, patience=WAIT) as opened:
        yield opened


def get(sink: MjpegSink, path: str, **headers: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(*sink.address, timeout=WAIT)
    try:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


class Stream:
    """A client of a stream that takes a picture when it is told to."""

    def __init__(self, sink: MjpegSink, path: str) -> None:
        self.connection = http.client.HTTPConnection(*sink.address, timeout=WAIT)
        self.connection.request("GET", path)
        self.answer = self.connection.getresponse()
        self.kind = self.answer.headers["Content-Type"]

    def picture(self) -> Frame:
        length = 0
        while (line := self.answer.fp.readline()) != b"\r\n" or not length:
            assert line, "the stream has ended"
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        picture = cv2.imdecode(np.frombuffer(self.answer.fp.read(length), np.uint8), cv2.IMREAD_COLOR)
        assert picture is not None
        return np.asarray(picture, np.uint8)

    def close(self) -> None:
        self.answer.close()
        self.connection.close()


def test_page_statistics_and_both_streams(sink: MjpegSink) -> None:
    status, page = get(sink, "/")
    assert status == 200 and b"/after.mjpg" in page and b"/stats.json" in page
    assert b"http://" not in page and b"https://" not in page  # nothing from elsewhere
    assert b"/base.css" in page and get(sink, "/base.css")[0] == 200
    assert get(sink, "/stats.json") == (200, b"{}")
    show(sink, 3)
    assert json.loads(get(sink, "/stats.json")[1])["rung"] == "denoise-n"
    for path, value in (("/before.mjpg", 3), ("/after.mjpg?1", 103)):
        stream = Stream(sink, path)
        assert stream.kind.startswith("multipart/x-mixed-replace")
        assert abs(int(stream.picture()[5, 5, 0]) - value) <= 2
        stream.close()
    assert get(sink, "/etc/passwd")[0] == 404


def test_a_reader_that_was_busy_gets_the_newest_picture_next_and_it_is_made_once() -> None:
    board = Board(quality=90)
    assert board.jpeg("after", 0, timeout=0) == (0, b"")
    for value in range(1, 60):
        board.publish(Shot(frame(value), frame(value + 100), value, 0.0, 0.0, "m"), {})
    number, data = board.jpeg("after", 1, timeout=0)
    assert number == 59
    assert abs(int(np.asarray(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR))[5, 5, 0]) - 159) <= 2
    assert board.jpeg("after", 0, timeout=0)[1] is data  # for the next reader
    assert board.jpeg("after", 59, timeout=0) == (59, data)  # nothing newer came


def test_a_still_picture_is_sent_again_so_that_vanished_clients_are_found(
    sink: MjpegSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nitido.live.sinks.browser._REPEAT", 0.01)
    show(sink, 1)
    stream = Stream(sink, "/after.mjpg")
    assert np.array_equal(stream.picture(), stream.picture())
    stream.close()


def test_clients_that_read_nothing_or_vanish_are_disconnected_and_delay_nobody() -> None:
    with MjpegSink(port=0, patience=0.5) as sink:
        show_to_clients_of_all_kinds(sink)


def show_to_clients_of_all_kinds(sink: MjpegSink) -> None:
    threads = threading.enumerate()
    stuck = []
    for _ in range(4):
        client = socket.create_connection(sink.address)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.sendall(b"GET /after.mjpg HTTP/1.0\r\n\r\n")  # and never reads
        stuck.append(client)
    silent = socket.create_connection(sink.address)  # never even asks
    rng = np.random.default_rng(0)

    model = FakeModel()

    def frames() -> Iterator[Frame]:
        for value in range(40):
            taken = model.calls
            yield rng.integers(0, 256, (480, 640, 3), dtype=np.uint8)
            until(lambda: model.calls > taken)  # noqa: B023 (called at once)
            if value == 20:
                stuck[0].close()  # one vanishes
        until(lambda: {thread.name for thread in threads_left(threads)} == {"capture", "stage"})

    with FakeSource(frames()) as source:
        report = run(source, cast(Model, model), sink)
    assert report.ended == "source ended" and report.shown + report.dropped == 40
    show(sink, 5)
    stream = Stream(sink, "/before.mjpg")  # and others are still served
    assert abs(int(stream.picture()[5, 5, 0]) - 5) <= 2
    stream.close()
    for client in [*stuck, silent]:
        client.close()


def test_leaving_ends_all_streams_and_frees_the_port() -> None:
    threads = threading.enumerate()
    with MjpegSink(port=0) as sink:
        show(sink, 1)
        stream = Stream(sink, "/after.mjpg")
        stream.picture()
        port = sink.address[1]
    assert stream.answer.fp.read() is not None  # ends instead of waiting
    stream.close()
    until(lambda: not threads_left(threads))
    with MjpegSink(port=port) as again:
        assert again.address[1] == port


def test_a_port_in_use_is_one_clear_error(sink: MjpegSink) -> None:
    with pytest.raises(SinkUnavailable, match="choose another address or port"):
        MjpegSink(port=sink.address[1])


def test_another_name_for_this_machine_gets_nothing(sink: MjpegSink) -> None:
    show(sink, 1)
    assert get(sink, "/stats.json", Host="evil.example:80")[0] == 403
    assert get(sink, "/after.mjpg", Host="evil.example")[0] == 403
    assert get(sink, "/stats.json", Host=f"localhost:{sink.address[1]}")[0] == 200
    assert get(sink, "/stats.json", Host="[::1]:80")[0] == 200


def test_only_an_address_beyond_loopback_is_warned_about(caplog: pytest.LogCaptureFixture) -> None:
    with MjpegSink(port=0):
        assert "not loopback" not in caplog.text
    with MjpegSink("0.0.0.0", 0):
        assert "not loopback" in caplog.text
    assert [r.levelno for r in caplog.records if "not loopback" in r.message] == [logging.WARNING]


def test_too_many_viewers_are_turned_away(sink: MjpegSink) -> None:
    show(sink, 1)
    streams = [Stream(sink, "/after.mjpg") for _ in range(16)]
    assert all(stream.picture().size for stream in streams)
    assert get(sink, "/after.mjpg")[0] == 503
    for stream in streams:
        stream.close()
