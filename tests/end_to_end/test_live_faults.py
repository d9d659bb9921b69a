"""What goes wrong around a live run, made to go wrong on purpose in real processes: nothing is lost and nothing hangs.

Kept apart from the unit tests because these start processes, mount a small file system, and serve on real sockets.
"""

from __future__ import annotations

import contextlib
import http.server
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from nitido.video.writer import VideoSink
from support.commands import HANG, command, opened_by_signal, running, send
from support.frames import frames_in
from support.live_run import Run
from support.waiting import until

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A minute of noise that hardly compresses, 160×120, 30 frames per second."""
    path = tmp_path_factory.mktemp("clips") / "long.avi"
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (40, 120, 160, 3), dtype=np.uint8)
    with VideoSink(path, 30) as sink:
        for i in range(1800):
            sink.write(noise[i % 40])
    return path


def wait_until_it_grows(path: Path, size: int) -> None:
    until(lambda: path.exists() and path.stat().st_size >= size)


@pytest.mark.skipif(sys.platform == "win32", reason="signals of this kind are not for Windows")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".avi"])
def test_a_signal_leaves_a_playable_file_and_exit_code_0(
    tiny_models: dict[str, Path], clip: Path, tmp_path: Path, number: signal.Signals, suffix: str
) -> None:
    out = tmp_path / f"out{suffix}"
    with Run("--source", clip, "--sink", out, "--model", tiny_models["denoise"]) as run:
        wait_until_it_grows(tmp_path / f".out.partial{suffix}", 100_000)
        assert run.end(number) == 0, run.said
        shown = re.search(r"\d+ of (\d+) frames shown.*stopped", run.said)
        assert shown, run.said
    assert 0 < frames_in(out) <= int(shown[1])
    assert [p.name for p in tmp_path.iterdir()] == [out.name]


@pytest.mark.skipif(sys.platform == "win32", reason="signals of this kind are not for Windows")
def test_a_signal_before_the_first_frame_ends_as_well(tiny_models: dict[str, Path], tmp_path: Path) -> None:
    reading, writing = os.pipe()
    live = command("live", "--source", "-", "--size", "16x12", "--sink", tmp_path / "out.mp4", "--model")
    try:
        with running([*live, str(tiny_models["denoise"])], stdin=reading, stderr=subprocess.PIPE) as process:
            os.close(reading)
            assert b"-> " in process.stderr.readline()
            process.send_signal(signal.SIGTERM)
            said = process.stderr.read().decode()
            assert process.wait(HANG) == 0, said
    finally:
        os.close(writing)
    assert "0 of 0 frames shown" in said
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 7 MB."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("mounting a small disk needs root")
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=7m", "tmpfs", str(disk)], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"a small disk cannot be mounted here: {mounted.stderr.strip()}")
    try:
        yield disk
    finally:
        subprocess.run(["umount", str(disk)], check=True)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".avi"])
def test_a_disk_that_fills_up_is_reported_and_what_was_recorded_can_be_played(
    tiny_models: dict[str, Path], clip: Path, small_disk: Path, suffix: str
) -> None:
    out = small_disk / f"out{suffix}"
    with Run("--source", clip, "--sink", out, "--every-frame", "--model", tiny_models["denoise"]) as run:
        assert run.end() == 1, run.said
    kept = re.search(r"Error: cannot continue .* the (\d+) frames so far are kept", run.said)
    assert kept and "Traceback" not in run.said, run.said
    assert frames_in(out) == int(kept[1]) > 20
    assert [p.name for p in small_disk.iterdir()] == [out.name]


class Camera(http.server.BaseHTTPRequestHandler):
    """A network camera that breaks off after ten pictures, and serves again."""

    connections = 0
    picture = cv2.imencode(".jpg", np.full((48, 64, 3), 90, np.uint8))[1].tobytes()

    def do_GET(self) -> None:
        type(self).connections += 1
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=b")
        self.end_headers()
        with contextlib.suppress(OSError):
            for _ in range(10):
                head = f"--b\r\nContent-Type: image/jpeg\r\nContent-Length: {len(self.picture)}\r\n\r\n"
                self.wfile.write(head.encode() + self.picture + b"\r\n")
                time.sleep(0.02)

    def log_message(self, format: str, *args: object) -> None:
        pass


def test_a_network_camera_that_breaks_off_is_found_again(tiny_models: dict[str, Path], tmp_path: Path) -> None:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Camera)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    source = f"http://127.0.0.1:{server.server_address[1]}/cam.mjpg"
    out = tmp_path / "out.mp4"
    try:
        with Run("--source", source, "--sink", out, "--model", tiny_models["denoise"]) as run:
            run.wait_for(r"lost, trying.*(\n.*)*back, 64×48(.*\n)*.*lost, trying.*(\n.*)*back")
            time.sleep(0.3)
            assert run.end(signal.SIGTERM) == 0, run.said
        reconnects = re.search(r"(\d+) reconnect", run.said)
        assert reconnects and int(reconnects[1]) >= 2, run.said
        assert Camera.connections >= 3
    finally:
        server.shutdown()
        server.server_close()
    assert frames_in(out) > 0


def test_a_network_camera_that_never_comes_back_does_not_keep_a_run_from_ending(
    tiny_models: dict[str, Path], tmp_path: Path
) -> None:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Camera)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    source = f"http://127.0.0.1:{server.server_address[1]}/cam.mjpg"
    out = tmp_path / "out.mp4"
    with Run("--source", source, "--sink", out, "--model", tiny_models["denoise"]) as run:
        run.wait_for("cam.mjpg -> ")
        server.shutdown()
        server.server_close()
        run.wait_for("still not there, next try in 1 s")
        assert run.end(signal.SIGTERM) == 0, run.said
    assert "0 reconnects; stopped" in run.said
    assert frames_in(out) > 0


def test_a_slow_and_a_vanishing_client_do_not_hold_up_the_web_page(
    tiny_models: dict[str, Path], clip: Path, tmp_path: Path
) -> None:
    with Run(
        "--source", clip, "--sink", "mjpeg://127.0.0.1:0", "--model", tiny_models["denoise"],
        "--stats", tmp_path / "stats.json",
    ) as run:  # fmt: skip
        run.wait_for(r"open http://127.0.0.1:\d+/")
        port = int(re.findall(r"127.0.0.1:(\d+)/", run.said)[0])
        slow, gone = (socket.create_connection(("127.0.0.1", port)) for _ in range(2))
        for client in (slow, gone):
            client.sendall(b"GET /after.mjpg HTTP/1.0\r\n\r\n")
        gone.recv(2000)
        gone.close()
        for _ in range(8):  # other clients get pictures all the while
            read = 0
            with socket.create_connection(("127.0.0.1", port), timeout=HANG) as client:
                client.sendall(b"GET /after.mjpg HTTP/1.0\r\n\r\n")
                while read < 2000:
                    got = client.recv(500)
                    assert got, run.said
                    read += len(got)
        assert run.end(signal.SIGTERM) == 0, run.said
        slow.close()
    assert "Traceback" not in run.said
    assert "stopped" in run.said


@pytest.mark.skipif(sys.platform == "win32", reason="signals of this kind are not for Windows")
def test_a_reader_that_stalls_is_broken_off_by_a_second_signal(
    tiny_models: dict[str, Path], clip: Path, tmp_path: Path
) -> None:
    dealt_with = tmp_path / "dealt with"
    arguments = ["--source", clip, "--sink", "-", "--model", tiny_models["denoise"]]
    with Run(*arguments, before=opened_by_signal(dealt_with)) as run:
        run.wait_for("raw frames on stdout")  # nobody reads them: the pipe is full with the second frame
        time.sleep(0.5)
        send(run.process, signal.SIGTERM, gate=dealt_with)  # two that come too close together would count as one
        assert run.end(signal.SIGTERM) == 130, run.said
