"""Places in a latent space: drawn, on a plane, and on the way between two."""

from __future__ import annotations

from pathlib import Path
from statistics import NormalDist

import numpy as np
import pytest

from nitido.errors import FrameMismatch
from nitido.latent.autoencoder import load_decoder
from nitido.latent.sampling import between, decode_each, draw, labels_in_turn, manifold
from support.latent_models import latent_space, write_latent_model


def test_the_same_seed_draws_the_same_and_the_prior_says_from_where() -> None:
    there = latent_space(3)
    assert np.array_equal(draw(there, 5, 7), draw(there, 5, 7))
    assert not np.array_equal(draw(there, 5, 7), draw(there, 5, 8))
    assert not np.array_equal(draw(there, 5), draw(there, 5))
    assert draw(there, 5, 7).dtype == np.float32
    many = draw(latent_space(2, "none", mean=[5.0, -1.0], std=[0.1, 3.0]), 4000, 1)
    assert np.allclose(many.mean(axis=0), [5, -1], atol=0.2) and np.allclose(many.std(axis=0), [0.1, 3], rtol=0.05)
    # A normal prior is what the model was trained for, wherever the training set came to lie.
    many = draw(latent_space(2, "normal", mean=[5.0, -1.0], std=[0.1, 3.0]), 4000, 1)
    assert np.allclose(many.mean(axis=0), 0, atol=0.1) and np.allclose(many.std(axis=0), 1, rtol=0.05)


def test_temperature_scales_the_spread() -> None:
    there = latent_space(2, "none", mean=[5.0, -1.0], std=[2.0, 2.0])
    assert np.allclose(draw(there, 3, 1, temperature=0), [5, -1])
    assert np.allclose(draw(there, 3, 1, temperature=0.5) - [5, -1], (draw(there, 3, 1) - [5, -1]) / 2, atol=1e-6)
    with pytest.raises(FrameMismatch, match="from 0 on"):
        draw(there, 3, temperature=-1)


def test_a_manifold_stands_on_quantiles() -> None:
    z = manifold(latent_space(4), 3, (3, 1)).reshape(3, 3, 4)
    edge = NormalDist().inv_cdf(1 / 6)
    assert np.allclose(z[:, :, 3], [[edge, 0, -edge]] * 3)  # grows to the right
    assert np.allclose(z[:, 0, 1], [-edge, 0, edge])  # and upwards
    assert not z[:, :, [0, 2]].any()
    spread = manifold(latent_space(2, "none", mean=[4.0, 2.0], std=[1.0, 10.0]), 3).reshape(3, 3, 2)
    assert np.allclose(spread[1, 1], [4, 2]) and np.allclose(spread[0, 2], [4 - edge, 2 - 10 * edge])


@pytest.mark.parametrize(("size", "axes"), [(1, (0, 1)), (3, (0, 3)), (3, (1, 1)), (3, (-1, 0))])
def test_a_manifold_over_axes_that_there_are_not_is_refused(size: int, axes: tuple[int, int]) -> None:
    with pytest.raises(FrameMismatch, match="two different axes"):
        manifold(latent_space(size), 3, axes)


def test_the_straight_way_and_the_way_on_the_sphere() -> None:
    a, b = np.array([[2.0, 0.0]], np.float32), np.array([[0.0, 4.0]], np.float32)
    straight = between(a, b, 5)
    assert np.allclose(straight, [[2, 0], [1.5, 1], [1, 2], [0.5, 3], [0, 4]])
    round_ = between(a, b, 5, "spherical")
    assert np.allclose(round_[[0, -1]], [[2, 0], [0, 4]], atol=1e-6)
    assert np.allclose(np.linalg.norm(round_, axis=1), [2, 2.5, 3, 3.5, 4])
    assert np.allclose(np.arctan2(round_[:, 1], round_[:, 0]), np.linspace(0, np.pi / 2, 5), atol=1e-6)


@pytest.mark.parametrize("end", [[3.0, 0.0], [-3.0, 0.0], [0.0, 0.0]])
def test_where_a_sphere_gives_no_direction_the_way_is_straight(end: list[float]) -> None:
    a, b = np.array([1.0, 0.0], np.float32), np.array(end, np.float32)
    assert np.array_equal(between(a, b, 7, "spherical"), between(a, b, 7))


def test_a_way_of_one_step_or_between_spaces_is_refused() -> None:
    with pytest.raises(FrameMismatch, match="two steps or more"):
        between(np.zeros(2, np.float32), np.ones(2, np.float32), 1)
    with pytest.raises(FrameMismatch, match="latents of one size"):
        between(np.zeros(2, np.float32), np.ones(3, np.float32), 3)


def test_classes_come_in_turn() -> None:
    turn = labels_in_turn(latent_space(labels=("a", "b", "c")), 5)
    assert turn is not None and turn.tolist() == [0, 1, 2, 0, 1]
    assert labels_in_turn(latent_space(), 5) is None


def test_decoding_one_by_one_gives_what_decoding_all_gives(tmp_path: Path) -> None:
    decoder = load_decoder(write_latent_model(tmp_path, kind="cvae", labels=("a", "b")), "cpu")
    z, labels = draw(decoder.space, 300, 0), np.arange(300, dtype=np.int64) % 2
    assert np.array_equal(list(decode_each(decoder, z, labels)), decoder(z, labels))
