"""Cameras of a Raspberry Pi as the guide connects them: rpicam-vid in a pipe, under systemd, and over TCP."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest

from support.commands import HANG, command, running
from support.frames import frames_in
from support.live_run import Run
from support.paths import ROOT
from support.rtsp import encoded_pictures
from support.systemd import Listener
from support.waiting import until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="a Raspberry Pi runs Linux"),
]

# Grey I420 frames at the size that was asked for, as fast as a camera gives them, for as long as somebody reads.
RPICAM = """#!{python}
import signal, sys, time
signal.signal(signal.SIGPIPE, signal.SIG_DFL)
options = dict(zip(sys.argv, sys.argv[1:]))
assert options["--codec"] == "yuv420" and options["-o"] == "-" and options["-t"] == "0", sys.argv
size = int(options["--width"]) * int(options["--height"]) * 3 // 2
while True:
    sys.stdout.buffer.write(bytes([128]) * size)
    time.sleep(1 / float(options["--framerate"]))
"""


def program(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)


def unit_command() -> str:
    """What the unit for rpicam-vid gives to bash."""
    text = (ROOT / "docs/guide/systemd/nitido-rpicam.service").read_text(encoding="utf-8")
    (line,) = [line for line in text.replace("\\\n", " ").splitlines() if line.startswith("ExecStart=")]
    shell, option, script = shlex.split(line.removeprefix("ExecStart="))
    assert (shell, option) == ("/bin/bash", "-c")
    return script


def test_the_unit_for_rpicam_vid_restores_its_frames_and_ends_on_sigterm(
    tiny_models: dict[str, Path], tmp_path: Path
) -> None:
    if shutil.which("ffmpeg") is None or shutil.which("bash") is None:
        pytest.skip("ffmpeg and bash are not on PATH")
    out = tmp_path / "out.mp4"
    program(tmp_path / "rpicam-vid", RPICAM.format(python=sys.executable))
    nitido = shlex.join(command())
    program(tmp_path / "nitido", f'#!/bin/bash\nexec {nitido} "$@" --model {tiny_models["denoise"]}\n')
    script = unit_command()
    for old, new in (
        ("/opt/nitido/bin/nitido", str(tmp_path / "nitido")),
        ("mjpeg://127.0.0.1:8080", str(out)),
    ):
        assert old in script
        script = script.replace(old, new)
    with (
        Listener() as systemd,
        running(
            ["bash", "-c", script], stderr=subprocess.PIPE, stdin=subprocess.DEVNULL,
            env=os.environ | {"NOTIFY_SOCKET": systemd.address, "PATH": f"{tmp_path}:{os.environ['PATH']}"},
        ) as process,
    ):  # fmt: skip
        assert process.stderr is not None
        assert systemd.next(HANG) == "READY=1"
        process.send_signal(signal.SIGTERM)
        text = process.stderr.read().decode()  # ends when rpicam-vid and ffmpeg have ended too
        assert process.wait(HANG) == 0, text
        assert systemd.rest()[-1] == "STOPPING=1"
    assert frames_in(out) > 0
    assert "Traceback" not in text


def test_h264_over_tcp_is_restored_and_found_again(tiny_models: dict[str, Path], tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    with socket.create_server(("127.0.0.1", 0)) as server:
        closing = threading.Event()
        threading.Thread(target=serve, args=(server, closing), daemon=True).start()
        url = f"tcp://127.0.0.1:{server.getsockname()[1]}"
        with Run("--source", url, "--sink", out, "--model", tiny_models["denoise"]) as run:
            run.wait_for("64×48")
            until((tmp_path / ".out.partial.mp4").exists)
            closing.set()
            run.wait_for("lost, trying to open it again")
            run.wait_for("back, 64×48")
            assert run.end(signal.SIGINT) == 0, run.said
    assert frames_in(out) > 0


def serve(server: socket.socket, closing: threading.Event) -> None:
    """``rpicam-vid --codec h264 --inline --listen -o tcp://…``; the first viewer is left when ``closing`` is set."""
    pictures = encoded_pictures(50)
    while True:
        try:
            connection, _ = server.accept()
        except OSError:
            return
        with connection, suppress(OSError):
            for number in range(1_000_000):
                connection.sendall(b"".join(b"\0\0\0\1" + unit for unit in pictures[number % 50]))
                if closing.is_set():
                    closing.clear()
                    break
                if number > 200:  # until then ffmpeg finds out what it gets
                    time.sleep(0.04)
