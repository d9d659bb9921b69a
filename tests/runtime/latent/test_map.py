"""Latents on a plane, with thumbnails."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nitido.errors import FrameMismatch
from nitido.latent.map import Plane, draw_map, plane_of, thumbnail_side


def test_a_plane_is_the_latents_or_their_widest_directions() -> None:
    rng = np.random.default_rng(0)
    flat = rng.normal(size=(50, 2))
    assert np.array_equal(plane_of(flat).points, flat) and plane_of(flat).titles == ("z_0", "z_1")
    assert plane_of(flat[:, :1]).points[:, 1].any() == np.False_
    # Three spread directions turned into ten axes come out again, the widest first.
    turned, _ = np.linalg.qr(rng.normal(size=(10, 10)))
    inner = rng.normal(size=(400, 3)) * [10, 4, 1]
    plane = plane_of(inner @ turned[:3] + 7)
    expected = np.abs(inner - inner.mean(axis=0))
    assert np.corrcoef(np.abs(plane.points[:, 0]), expected[:, 0])[0, 1] > 0.99
    assert np.corrcoef(np.abs(plane.points[:, 1]), expected[:, 1])[0, 1] > 0.98
    assert plane.titles[0].startswith("component 1, 8") and plane.titles[1].startswith("component 2, 1")
    for wrong in (np.zeros((0, 3)), np.zeros(3), np.full((2, 3), np.nan)):
        with pytest.raises(FrameMismatch, match="finite latents"):
            plane_of(wrong)


@pytest.mark.parametrize("z", [np.zeros((1, 5)), np.ones((4, 2)), np.ones((3, 1)), np.full((2, 3), 1e30)])
def test_points_that_are_all_one_still_make_a_map(z: np.ndarray) -> None:
    picture = draw_map(plane_of(z), np.full((len(z), 16, 16, 3), (1, 2, 3), np.uint8))
    assert (picture == (1, 2, 3)).all(axis=2).sum() == 16 * 16  # one is shown, on nobody


def test_thumbnails_stand_where_their_latents_are_and_hide_no_other() -> None:
    rng = np.random.default_rng(1)
    points = rng.uniform(-3, 3, (600, 2))
    colours = np.stack([np.arange(600) % 256, np.arange(600) // 256 + 100, np.full(600, 7)], axis=1).astype(np.uint8)
    picture = draw_map(Plane(points, ("z_0", "z_1")), np.broadcast_to(colours[:, None, None], (600, 32, 32, 3)))
    whose = np.full(picture.shape[:2], -1)
    marked = picture[..., 2] == 7
    whose[marked] = picture[marked].astype(int) @ [1, 256, 0] - 25600
    shown, sizes = np.unique(whose[marked], return_counts=True)
    assert 150 < len(shown) < 600
    assert (sizes == 32 * 32).all()  # none is partly hidden
    middles = [(x.mean(), -y.mean()) for y, x in (np.nonzero(whose == i) for i in shown[:30])]
    shown = shown[:30]
    # Places in the picture are those in the plane, in one measure for both axes.
    measure = np.polyfit(points[shown, 0], [x for x, _ in middles], 1)[0]
    assert np.allclose(np.diff(middles, axis=0), np.diff(points[shown], axis=0) * measure, atol=1.1)


def test_groups_have_their_colours(tmp_path: Path) -> None:
    plane = Plane(np.array([[0.0, 0.0], [5.0, 3.0]]), ("z_0", "z_1"))
    plain, grouped = draw_map(plane), draw_map(plane, groups=["cats", "dogs"])

    def is_coloured(picture: np.ndarray) -> bool:
        return bool((picture.max(axis=2).astype(int) - picture.min(axis=2) > 60).any())

    assert not is_coloured(plain) and is_coloured(grouped)
    assert not is_coloured(draw_map(plane, groups=["same", "same"]))
    with pytest.raises(FrameMismatch, match="expected 2 groups"):
        draw_map(plane, groups=["one"])


def test_the_more_pictures_the_smaller_their_thumbnails() -> None:
    assert thumbnail_side(10) > thumbnail_side(900) > thumbnail_side(40_000)
    assert 40_000 * thumbnail_side(40_000) ** 2 * 3 < 150e6
