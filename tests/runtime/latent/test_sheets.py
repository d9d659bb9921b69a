"""Decoded pictures as sheets, animations and numbered files."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from nitido.errors import FrameMismatch, SinkUnavailable
from nitido.latent.sheets import Style, check_target, contact_sheet, write_frames
from nitido.video.reader import VideoSource


def levels(*values: int, side: int = 4) -> list[np.ndarray]:
    return [np.full((side, side, 3), value, np.uint8) for value in values]


def test_a_sheet_goes_row_by_row() -> None:
    sheet = contact_sheet(levels(0, 10, 20, 30, 40), 5)
    assert sheet.shape == (2 * 6 - 2, 3 * 6 - 2, 3)
    assert sheet[::6, ::6, 0].tolist() == [[0, 10, 20], [30, 40, 96]]
    assert (sheet[4:6] == 96).all() and (sheet[:, 4:6] == 96).all()
    bare = contact_sheet(levels(1, 2), 2, Style(columns=1, gap=0, zoom=3))
    assert bare.shape == (24, 12, 3) and bare[11:13, 0, 0].tolist() == [1, 2]


def test_a_strip_is_one_row_until_it_is_wider_than_a_screen() -> None:
    assert contact_sheet(levels(*range(16)), 16, Style(strip=True)).shape[0] == 4
    wide = contact_sheet(levels(*range(16), side=200), 16, Style(strip=True))
    # Seven would fit beside each other; three rows of six are more even.
    assert wide.shape == (3 * 202 - 2, 6 * 202 - 2, 3)


@pytest.mark.parametrize(
    ("frames", "count"),
    [(levels(1, 2), 3), (levels(1, 2), 1), ([], 0), (levels(1) + levels(2, side=5), 2), ([np.zeros((4, 4, 3))], 1)],
)
def test_other_pictures_than_promised_are_refused(frames: list[np.ndarray], count: int, tmp_path: Path) -> None:
    for target in ("sheet.png", "moving.gif", "moving.mp4"):
        with pytest.raises(FrameMismatch, match="expected"):
            write_frames(tmp_path / target, frames, count)
    assert not list(tmp_path.iterdir())


def test_a_sheet_that_no_machine_holds_is_refused_before_it_is_made() -> None:
    with pytest.raises(SinkUnavailable, match="too large"):
        contact_sheet(iter(levels(0, side=1000)), 1000)


def test_grey_pictures_become_a_grey_file_and_coloured_ones_do_not(tmp_path: Path) -> None:
    write_frames(tmp_path / "grey.png", levels(0, 255), 2)
    write_frames(tmp_path / "blue.png", [np.full((4, 4, 3), (255, 0, 0), np.uint8)], 1)
    with Image.open(tmp_path / "grey.png") as grey, Image.open(tmp_path / "blue.png") as blue:
        assert grey.mode == "L"
        assert blue.convert("RGB").getpixel((0, 0)) == (0, 0, 255)


def test_a_gif_holds_every_frame(tmp_path: Path) -> None:
    frames = [*levels(0, 77, 200), np.full((4, 4, 3), (10, 20, 250), np.uint8)]
    write_frames(tmp_path / "a.gif", frames, 4, Style(fps=10))
    with Image.open(tmp_path / "a.gif") as gif:
        assert gif.size == (256, 256) and getattr(gif, "n_frames", 1) == 4
        assert gif.info["duration"] == 100 and gif.info["loop"] == 0
        for number, colour in enumerate([(0, 0, 0), (77, 77, 77), (200, 200, 200), (250, 20, 10)]):
            gif.seek(number)
            assert gif.convert("RGB").getpixel((128, 128)) == colour


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".avi"])
def test_a_video_loses_no_row_or_column_of_an_odd_size(suffix: str, tmp_path: Path) -> None:
    frames = [np.full((7, 9, 3), value, np.uint8) for value in (40, 120, 200)]
    write_frames(tmp_path / f"a{suffix}", frames, 3, Style(zoom=3, fps=5))
    with VideoSource(tmp_path / f"a{suffix}") as video:
        found = list(video)
    assert [frame.shape for frame in found] == [(22, 28, 3)] * 3
    assert np.allclose([frame.mean() for frame in found], [40, 120, 200], atol=6)


def test_a_folder_gets_a_file_each(tmp_path: Path) -> None:
    write_frames(tmp_path / "out", levels(1, 2), 2, Style(zoom=2))
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["0001.png", "0002.png"]
    second = cv2.imread(str(tmp_path / "out" / "0002.png"))
    assert second is not None and np.asarray(second).shape == (8, 8, 3) and (np.asarray(second) == 2).all()


def test_what_exists_or_has_no_meaning_as_a_target_is_reported(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"mine")
    for there in (tmp_path / "a.png", tmp_path):
        with pytest.raises(SinkUnavailable, match="exists"):
            check_target(there)
        check_target(there, overwrite=True)
    check_target(tmp_path / "new")
    with pytest.raises(SinkUnavailable, match=r"expected a picture .* or a folder"):
        check_target(tmp_path / "a.xyz", overwrite=True)
