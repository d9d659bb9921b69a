"""The window, without one: what it does with keys and frames."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from nitido.errors import SinkClosed
from nitido.frames import Frame
from nitido.live.sinks.window import WindowSink
from nitido.live.state import Controls, Shot, Status
from support.live_fakes import frame

SHOT = Shot(frame(40, (320, 200)), frame(90, (320, 200)), 7, 0.0, 0.0, "m")
STATUS = Status(24.9, 12.4, 20.1, 50, 45, 5, "denoise-n", (320, 200), 1.0, False)


class FakeScreen:
    """OpenCV's window functions, with a list of keys to press."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, keys: str = "") -> None:
        self.shown: list[Frame] = []
        self.visible = 1.0
        self.keys = [ord(key) for key in keys]
        for name in ("namedWindow", "resizeWindow", "destroyWindow"):
            monkeypatch.setattr(cv2, name, lambda *_: None)
        monkeypatch.setattr(cv2, "imshow", lambda _title, view: self.shown.append(view))
        monkeypatch.setattr(cv2, "pollKey", lambda: self.keys.pop(0) if self.keys else -1)
        monkeypatch.setattr(cv2, "getWindowProperty", lambda *_: self.visible)
        monkeypatch.setattr("nitido.live.sinks.window.find_display", lambda: SimpleNamespace(available=True, detail=""))
        monkeypatch.setattr("nitido.live.sinks.window._try_window", lambda: "")


def test_keys_change_the_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    FakeScreen(monkeypatch)
    window, controls = WindowSink(snapshots=tmp_path), Controls()
    for key in " v---+":
        window.press(ord(key), controls)
    assert (controls.bypass, controls.split, controls.strength, controls.stopping) == (True, True, 0.8, False)
    for key in "+++++ ":
        window.press(ord(key), controls)
    assert (controls.bypass, controls.strength) == (False, 1.0)
    assert controls.past
    window.press(ord("g"), controls)
    assert not controls.past
    window.press(ord("g"), controls)
    assert controls.past
    window.press(-1, controls)
    assert not controls.stopping
    window.press(27, controls)
    assert controls.stopping


def test_a_snapshot_keeps_both_pictures_and_a_full_disk_does_not_end_the_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    screen = FakeScreen(monkeypatch, keys="s")
    with WindowSink(snapshots=tmp_path / "new") as window:
        window.show(SHOT, STATUS, Controls())
    values = {path.stem.split("-")[-1]: cv2.imread(str(path)) for path in (tmp_path / "new").iterdir()}
    assert {name: int(np.asarray(p)[9, 9, 0]) for name, p in values.items()} == {"before": 40, "after": 90}
    (tmp_path / "file").write_text("")
    screen.keys = [ord("s")]
    with WindowSink(snapshots=tmp_path / "file") as window:
        window.show(SHOT, STATUS, Controls())
    assert "no snapshot" in caplog.text


def test_a_closed_window_ends_the_run_and_is_not_opened_again(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = FakeScreen(monkeypatch)
    with WindowSink() as window:
        window.show(SHOT, STATUS, Controls())
        screen.visible = 0.0
        with pytest.raises(SinkClosed, match="closed"):
            window.idle(Controls())
    assert len(screen.shown) == 1


def test_a_window_that_the_system_has_forgotten_counts_as_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    def forgotten(*_: object) -> float:
        raise cv2.error("NULL window")

    FakeScreen(monkeypatch)
    with WindowSink() as window:
        window.show(SHOT, STATUS, Controls())
        monkeypatch.setattr(cv2, "getWindowProperty", forgotten)
        with pytest.raises(SinkClosed):
            window.show(SHOT, STATUS, Controls())
