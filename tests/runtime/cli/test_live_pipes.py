"""``nitido live`` between two pipes."""

from __future__ import annotations

import subprocess
from pathlib import Path

from support.commands import HANG, command, running
from support.live_fakes import raw_frames


def live(*arguments: object, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(command("live", *arguments), input=given, capture_output=True, timeout=HANG, check=False)


def test_every_piped_frame_comes_out_restored_and_text_goes_to_stderr(tiny_models: dict[str, Path]) -> None:
    done = live(
        "--source", "-", "--size", "16x12", "--sink", "-", "--every-frame", "--model", tiny_models["denoise"],
        given=raw_frames(*range(20)) + b"rest",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    assert len(done.stdout) == 20 * 16 * 12 * 3
    text = done.stderr.decode()
    assert "20 of 20 frames shown" in text and "4 of 576 bytes" in text and "bgr24, 16×12" in text


def test_strength_nothing_returns_the_piped_bytes(tiny_models: dict[str, Path]) -> None:
    given = raw_frames(*range(5))
    done = live(
        "--source", "-", "--size", "16x12", "--sink", "-", "--every-frame", "--strength", 0,
        "--model", tiny_models["denoise"], given=given,
    )  # fmt: skip
    assert done.stdout == given


def test_a_reader_that_goes_away_ends_the_run_normally(tiny_models: dict[str, Path]) -> None:
    arguments = ["--source", "-", "--size", "160x120", "--sink", "-", "--every-frame", "--model"]
    with running(
        command("live", *arguments, tiny_models["denoise"]),
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0,
    ) as process:  # fmt: skip
        process.stdin.write(raw_frames(1, 2, size=(160, 120)))
        process.stdout.read(1000)
        process.stdout.close()
        try:
            for value in range(200):
                process.stdin.write(raw_frames(value, size=(160, 120)))
        except BrokenPipeError:
            pass
        process.stdin.close()
        text = process.stderr.read().decode()
        assert process.wait(HANG) == 0, text
    assert "the reader closed the pipe" in text and "Traceback" not in text


def test_an_empty_pipe_ends_at_once_and_is_an_error(tiny_models: dict[str, Path]) -> None:
    done = live("--source", "-", "--size", "16x12", "--sink", "none", "--model", tiny_models["denoise"])
    assert done.returncode == 1 and b"ended without a frame" in done.stderr
