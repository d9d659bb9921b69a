"""A network camera that speaks RTSP: lost, silent, back again, and stopped at any moment."""

from __future__ import annotations

import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from support.frames import frames_in
from support.live_run import Run
from support.rtsp import RtspCamera
from support.waiting import reached, until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="signals of this kind are not for Windows"),
]


def partial(path: Path) -> Path:
    return path.with_name(f".{path.stem}.partial{path.suffix}")


def test_a_camera_that_went_away_is_found_again(tiny_models: dict[str, Path], tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    with RtspCamera() as camera, Run("--source", camera.url, "--sink", out, "--model", tiny_models["denoise"]) as run:
        until(partial(out).exists)
        camera.close()
        run.wait_for("lost, trying to open it again")
        with RtspCamera(camera.port) as again:
            run.wait_for("back, 64×48")
            reached(again.playing)
            time.sleep(0.5)
            assert run.end(signal.SIGINT) == 0, run.said
    assert "1 reconnect; stopped" in run.said
    assert frames_in(out) > 0


def test_a_silent_camera_is_lost_after_ten_seconds(tiny_models: dict[str, Path], tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    with RtspCamera() as camera, Run("--source", camera.url, "--sink", out, "--model", tiny_models["denoise"]) as run:
        until(partial(out).exists)
        camera.silent.set()
        began = time.monotonic()
        run.wait_for("lost, trying to open it again")
        assert 8 < time.monotonic() - began < 20
        camera.silent.clear()
        run.wait_for("back, 64×48")
        assert run.end(signal.SIGINT) == 0, run.said
    assert frames_in(out) > 0


@pytest.mark.parametrize("moment", ["before the first frame", "silent", "reconnecting", "playing"])
def test_a_signal_ends_a_run_at_any_moment(tiny_models: dict[str, Path], tmp_path: Path, moment: str) -> None:
    """Ten runs, several at a time, since each of them mostly waits."""

    def stop_a_run(attempt: int) -> None:
        folder = tmp_path / str(attempt)
        folder.mkdir()
        stop_at(moment, 0.07 * attempt, tiny_models["denoise"], folder)

    with ThreadPoolExecutor(5) as pool:
        assert len(list(pool.map(stop_a_run, range(10)))) == 10


def stop_at(moment: str, later: float, model: Path, folder: Path) -> None:
    """A run into ``folder`` that gets a signal ``later`` seconds after a moment."""
    out = folder / "out.mp4"
    with RtspCamera() as camera:
        if moment == "before the first frame":
            camera.silent.set()
        with Run("--source", camera.url, "--sink", out, "--model", model) as run:
            if moment == "before the first frame":
                reached(camera.playing)
            else:
                until(partial(out).exists)
            if moment == "silent":
                camera.silent.set()
            elif moment == "reconnecting":
                camera.close()
                run.wait_for("lost, trying")
            time.sleep(later)
            assert run.end(signal.SIGINT) == 0, run.said
        assert "Traceback" not in run.said and "stopped" in run.said
    if moment == "before the first frame":
        assert not out.exists() or frames_in(out) > 0
    else:
        assert frames_in(out) > 0
    assert [p.name for p in folder.iterdir()] == ([out.name] if out.exists() else [])
