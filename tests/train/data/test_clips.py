"""Clips for training: motion made from pictures, videos, and the noise of one camera along a clip."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from nitido.errors import RecipeError, SourceUnavailable
from nitido_train.data import motion
from nitido_train.data.clip_noise import ClipNoise, Compression
from nitido_train.data.clips import ClipStore, ClipStream, find_sources
from nitido_train.data.degrade import CAMERAS
from nitido_train.data.motion import moving_clip
from nitido_train.data.pictures import PictureStore, find_pictures
from nitido_train.recipe.schema import NoiseRecipe
from nitido_train.recipe.tables import recipe_from_dict
from support.clips import make_clip
from support.tiny_models import tiny_recipe

LIVE = {"net": {"kind": "live-denoiser", "options": {"channels": 8, "layers": 3, "gate": 8}}}


def picture(rng: np.random.Generator) -> np.ndarray:
    return np.asarray(cv2.resize(rng.integers(0, 256, (12, 12, 3), np.uint8), (120, 120)), np.uint8)


@pytest.fixture
def videos(tmp_path: Path) -> Path:
    folder = tmp_path / "videos"
    folder.mkdir()
    rng = np.random.default_rng(1)
    still = cv2.resize(rng.integers(0, 256, (20, 20, 3), np.uint8), (200, 160))
    make_clip(folder / "pan.mp4", [np.ascontiguousarray(np.roll(still, 2 * i, 1)) for i in range(14)])
    make_clip(folder / "short.mp4", [still] * 3)
    return folder


def test_clips_differ_in_motion_and_are_reproducible() -> None:
    clips = [moving_clip(picture, 4, 32, np.random.default_rng(i)) for i in range(40)]
    assert all(clip.shape == (4, 32, 32, 3) and clip.dtype == np.uint8 for clip in clips)
    still = sum(bool((clip == clip[0]).all()) for clip in clips)
    assert 2 < still < 25
    assert np.array_equal(clips[7], moving_clip(picture, 4, 32, np.random.default_rng(7)))


def test_a_cut_shows_another_scene(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(motion, "CUTS", 1.0)
    monkeypatch.setattr(motion, "OBJECTS", 0.0)
    monkeypatch.setattr(motion, "STATIC", 1.0)
    clip = moving_clip(picture, 6, 32, np.random.default_rng(2)).astype(int)
    changes = np.abs(np.diff(clip, axis=0)).mean((1, 2, 3))
    assert (changes > 0).sum() == 1
    assert changes.max() > 10


def test_noise_is_fresh_in_each_frame_and_its_kind_stays() -> None:
    frame = np.full((64, 64, 3), 120, np.uint8)
    rng = np.random.default_rng(3)
    kinds = [ClipNoise.draw(NoiseRecipe(sigma=(10, 20), camera=0.4, developed=0.4), rng) for _ in range(30)]
    assert len({type(noise.kind) for noise in kinds}) == 3
    for noise in (ClipNoise(15.0), ClipNoise(CAMERAS["high"], (Compression(80, 3, 5),))):
        first, second = noise.add(frame, rng), noise.add(frame, rng)
        assert not np.array_equal(first, second)
        assert first.std() == pytest.approx(second.std(), rel=0.15)


def test_a_compression_stays_on_its_grid() -> None:
    noise = ClipNoise(0.0, (Compression(30, 3, 5),))
    frame = picture(np.random.default_rng(4))
    assert np.array_equal(noise.add(frame, np.random.default_rng(0)), noise.add(frame, np.random.default_rng(1)))


def test_videos_are_halved_and_short_ones_left_out(videos: Path) -> None:
    store = ClipStore(find_sources([videos])[1], smallest=48, shortest=8)
    assert (len(store), store.skipped) == (1, 1)
    assert store[0].shape == (14, 80, 100, 3)
    cut = store.cut(4, 48, np.random.default_rng(0))
    assert cut.shape == (4, 48, 48, 3)
    assert np.array_equal(cut, store.cut(4, 48, np.random.default_rng(0)))


def test_a_stream_depends_on_seed_and_index_alone(videos: Path, photos: Path) -> None:
    recipe = recipe_from_dict({**tiny_recipe(), **LIVE, "clips": {"length": 4, "real": 0.5}})
    pictures, clips = (
        PictureStore(find_pictures([photos]), smallest=32),
        ClipStore([videos / "pan.mp4"], smallest=32, shortest=8),
    )
    streams = [ClipStream(pictures, clips, recipe) for _ in range(2)]
    for index in range(6):
        (given, target), (again, _) = streams[0][index], streams[1][index]
        assert given.shape == target.shape == (4, 32, 32, 3)
        assert np.array_equal(given, again)
    assert ClipStream(None, clips, recipe)[0][1].shape == (4, 32, 32, 3)


def test_sources_are_pictures_and_videos(videos: Path, photos: Path, tmp_path: Path) -> None:
    pictures, found = find_sources([photos, videos])
    assert pictures == find_pictures([photos])
    assert [path.name for path in found] == ["pan.mp4", "short.mp4"]
    with pytest.raises(SourceUnavailable, match="no such folder"):
        find_sources([tmp_path / "missing"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(SourceUnavailable, match="neither pictures nor videos"):
        find_sources([tmp_path / "empty"])


def test_clips_are_for_denoisers_and_have_two_frames() -> None:
    with pytest.raises(RecipeError, match="length >= 2"):
        recipe_from_dict({**tiny_recipe(), "clips": {"length": 1}})
    with pytest.raises(RecipeError, match=r"\[clips\]"):
        recipe_from_dict({**tiny_recipe("upscale"), "clips": {}})
