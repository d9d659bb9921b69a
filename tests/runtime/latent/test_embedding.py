"""Folders as latents, and which of them are alike."""

from __future__ import annotations

import shutil
import tracemalloc
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from nitido.errors import CardMismatch, FrameMismatch, SourceUnavailable
from nitido.images.io import read_opaque
from nitido.latent.autoencoder import load_encoder
from nitido.latent.embedding import Embedding, embed_files, nearest, pictures_below
from nitido.latent.space import LatentSpace
from support.latent_models import (
    LEVELS,
    LEVELS_Z,
    LOG_VAR,
    halves,
    write_latent_model,
    write_melody_model,
    write_pictures,
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_pictures(tmp_path / "pictures")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_latent_model(tmp_path / "models")


def test_files_become_latents_in_their_order(folder: Path, model: Path) -> None:
    done: list[int] = []
    embedding, failed = embed_files(
        load_encoder(model, "cpu"), pictures_below(folder), below=folder, batch=3, thumbnail=6, progress=done.append
    )
    assert embedding.paths == list(LEVELS) and not failed and done == [3, 1]
    assert np.allclose(embedding.z, LEVELS_Z, atol=1e-4) and embedding.z.dtype == np.float32
    assert embedding.log_var is not None and np.allclose(embedding.log_var, LOG_VAR)
    assert embedding.model == "tiny"
    assert embedding.thumbnails is not None
    assert np.array_equal(embedding.thumbnails, [halves(*levels, 6, 6) for levels in LEVELS.values()])


def test_bad_files_are_reported_and_the_others_done(folder: Path, model: Path) -> None:
    (folder / "b.png").write_text("no picture")
    (folder / "sub" / "cut.png").write_bytes((folder / "a.png").read_bytes()[:60])
    paths = [*pictures_below(folder), folder / "gone.png"]
    embedding, failed = embed_files(load_encoder(model, "cpu"), paths, below=folder, batch=2)
    assert embedding.paths == list(LEVELS) and np.allclose(embedding.z, LEVELS_Z, atol=1e-4)
    assert [path.name for path, _ in failed] == ["b.png", "cut.png", "gone.png"]
    assert ["is not a picture" in failed[0][1], "cut.png" in failed[1][1], "no such file" in failed[2][1]] == [True] * 3


def test_nothing_readable_is_an_empty_embedding(tmp_path: Path, model: Path) -> None:
    embedding, failed = embed_files(load_encoder(model, "cpu"), [tmp_path / "gone.png"])
    assert embedding.z.shape == (0, 2) and embedding.paths == [] and len(failed) == 1


def test_videos_and_hidden_files_are_left_out(folder: Path, tmp_path: Path) -> None:
    shutil.copy(folder / "a.png", folder / ".hidden.png")
    (folder / "film.mp4").write_bytes(b"film")
    (folder / "notes.txt").write_text("text")
    assert pictures_below(folder) == [folder / name for name in LEVELS]
    assert pictures_below(folder / "a.png") == [folder / "a.png"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(SourceUnavailable, match="no pictures"):
        pictures_below(tmp_path / "empty")


def test_what_is_transparent_is_white(tmp_path: Path) -> None:
    pixels = np.array([[[0, 0, 0, 0], [0, 0, 0, 255], [0, 100, 200, 128]]], np.uint8)
    cv2.imwrite(str(tmp_path / "a.png"), pixels)
    cv2.imwrite(str(tmp_path / "deep.png"), pixels.astype(np.uint16) * 257)
    for name in ("a.png", "deep.png"):
        found = read_opaque(tmp_path / name)
        assert np.abs(found[0].astype(int) - [[255] * 3, [0] * 3, [127, 177, 227]]).max() <= 1


def test_decoded_pictures_are_not_kept(tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nitido.latent.embedding.usable_cpus", lambda: 2)
    Image.new("RGB", (1500, 1000), (50, 50, 50)).save(tmp_path / "0.png")
    paths = [tmp_path / f"{i}.png" for i in range(24)]
    for path in paths[1:]:
        shutil.copy(paths[0], path)
    encoder = load_encoder(model, "cpu")
    tracemalloc.start()
    try:
        embedding, _ = embed_files(encoder, paths, batch=8)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(embedding.z) == 24
    assert peak < 10 * 1500 * 1000 * 3  # two that are read, copied and cut, not 24


def test_a_class_goes_for_all(folder: Path, tmp_path: Path) -> None:
    encoder = load_encoder(write_latent_model(tmp_path, "told", "cvae", labels=("a", "b")), "cpu")
    embedding, _ = embed_files(encoder, pictures_below(folder), label="b")
    assert np.allclose(embedding.z, LEVELS_Z - 1, atol=1e-4)
    with pytest.raises(FrameMismatch, match="needs a class"):
        embed_files(encoder, pictures_below(folder))


def test_melodies_are_no_pictures(folder: Path, tmp_path: Path) -> None:
    encoder = load_encoder(write_melody_model(tmp_path), "cpu")
    with pytest.raises(FrameMismatch, match="takes melodies"):
        embed_files(encoder, pictures_below(folder))


def space(mean: list[float], std: list[float]) -> LatentSpace:
    return LatentSpace("s", "vae", "picture", 2, np.array(mean, np.float32), np.array(std, np.float32), "none", 8, 8)


def test_neighbours_by_distance_and_by_direction() -> None:
    embedding = Embedding(["near", "far", "other"], np.array([[1, 1.1], [9, 9], [1, -1]], np.float32))
    there, query = space([0, 0], [1, 1]), np.array([[2, 2]], np.float32)
    by_distance = nearest(embedding, query, there, 2)
    assert [n.path for n in by_distance] == ["near", "other"]
    assert np.allclose([n.distance for n in by_distance], [np.hypot(1, 0.9), 10**0.5])
    by_direction = nearest(embedding, query, there, 8, "cosine")
    assert [n.path for n in by_direction] == ["far", "near", "other"]
    assert np.allclose([n.distance for n in by_direction], [0, 1 - 2.1 / 2**0.5 / np.hypot(1, 1.1), 1], atol=1e-6)
    with pytest.raises(FrameMismatch, match="metric"):
        nearest(embedding, query, there, 2, "taxi")


def test_axes_count_by_how_far_they_usually_vary() -> None:
    embedding = Embedding(["a", "b"], np.array([[3.0, 0.0], [0.0, 1.0]], np.float32))
    query = np.zeros(2, np.float32)
    assert nearest(embedding, query, space([0, 0], [1, 1]))[0].path == "b"
    assert nearest(embedding, query, space([0, 0], [10, 1]))[0].path == "a"  # 0.3 and 1 standard deviations
    # An axis that the model does not use varies by next to nothing: that is not blown up to count as much.
    assert nearest(embedding, query, space([0, 0], [1, 1e-6]))[0].path == "a"
    quiet = Embedding(["a", "b"], np.array([[3.0, 0.0], [0.0, 0.01]], np.float32))
    assert nearest(quiet, query, space([0, 0], [1, 1e-6]))[0].path == "b"


def test_latents_of_another_model_have_no_neighbours_here() -> None:
    there, query = space([0, 0], [1, 1]), np.zeros(2, np.float32)
    for other in (
        Embedding(["a"], np.zeros((1, 2), np.float32), None, "t"),
        Embedding(["a"], np.zeros((1, 3), np.float32)),
    ):
        with pytest.raises(CardMismatch, match="expected latents of 2 numbers by s"):
            nearest(other, query, there)
