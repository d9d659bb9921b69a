"""Frames that are kept with their means."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from nitido.calibration.pairs import find_pairs, keep_pairs
from nitido.images.io import read_picture
from support import cameras


def test_frames_pass_through_and_every_seventeenth_is_kept_with_the_mean_of_the_next(tmp_path: Path) -> None:
    given = list(cameras.frames(40))
    passed = list(keep_pairs(iter(given), tmp_path))
    assert all(np.array_equal(a, b) for a, b in zip(given, passed, strict=True))
    pairs = find_pairs(tmp_path.iterdir())
    assert [(a.name, b.name) for a, b in pairs] == [("000_real.png", "000_mean.png"), ("001_real.png", "001_mean.png")]
    for start, (noisy, clean) in zip((0, 17), pairs, strict=True):
        assert np.array_equal(read_picture(noisy).pixels, given[start])
        mean = np.mean(given[start + 1 : start + 17], axis=0)
        assert np.abs(read_picture(clean).pixels - mean).max() <= 0.51


def test_both_of_a_pair_are_the_mean_where_something_moves(tmp_path: Path) -> None:
    list(keep_pairs(cameras.moving(cameras.frames(17), lambda i: 10 + 12 * i), tmp_path))
    ((noisy, clean),) = find_pairs(tmp_path.iterdir())
    noisy, clean = (read_picture(path).pixels.astype(int) for path in (noisy, clean))
    assert (noisy[72:104, 40:200] == clean[72:104, 40:200]).mean() > 0.9
    assert (noisy[160:] == clean[160:]).mean() < 0.3


def test_a_picture_without_its_pair_is_left_out(tmp_path: Path) -> None:
    for name in ("a_real.png", "b_mean.png", "c_real.png", "c_mean.jpg", "d.png"):
        (tmp_path / name).touch()
    assert find_pairs(tmp_path.iterdir()) == [(tmp_path / "c_real.png", tmp_path / "c_mean.jpg")]
