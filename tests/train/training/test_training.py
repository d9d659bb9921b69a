from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from nitido.errors import CheckpointError, RecipeError, SourceUnavailable
from nitido_train.checkpoint import Checkpoint, load_checkpoint
from nitido_train.data import degrade
from nitido_train.data.patches import PatchStream, ProcessSampler
from nitido_train.data.pictures import PictureStore, find_pictures
from nitido_train.evaluation.metrics import psnr
from nitido_train.nets.blocks import collapse, depth_to_space, space_to_depth
from nitido_train.nets.registry import build
from nitido_train.objectives.frames import FrameObjective
from nitido_train.objectives.options import RunOptions
from nitido_train.recipe.files import load_recipe, recipe_names
from nitido_train.recipe.tables import recipe_from_dict
from nitido_train.training.loop import train
from support.paths import ROOT
from support.resuming import assert_resumes_bit_for_bit
from support.tiny_models import random_checkpoint, tiny_recipe

SHIPPED = ROOT / "models" / "checkpoints" / "denoise-n.pt"


def test_cells_go_there_and_back() -> None:
    frames = torch.randn(2, 3, 12, 8).to(memory_format=torch.channels_last)
    cells = space_to_depth(frames, 4)
    assert cells.shape == (2, 48, 3, 2)
    assert cells[0, (1 * 4 + 2) * 3 + 1, 0, 1] == frames[0, 1, 1, 4 + 2]  # row 1, column 2, green
    assert torch.equal(depth_to_space(cells, 4), frames)


@pytest.mark.parametrize("name", [name for name in recipe_names() if load_recipe(name).task != "autoencode"])
def test_shipped_recipes_build_and_collapse_to_the_same(name: str) -> None:
    recipe = load_recipe(name)
    torch.manual_seed(0)
    net = build(recipe.net.kind, recipe.net.options)
    frames = torch.rand(1, 3, 32, 16) - 0.5
    assert (net(frames) - collapse(net)(frames)).abs().max() < 1e-5
    assert not torch.equal(net(frames)[..., :32, :16], frames)


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", ["adam", "muon"])
def test_resumed_training_equals_an_uninterrupted_one(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, optimizer: str
) -> None:
    recipe = recipe_from_dict(tiny_recipe())
    recipe = replace(recipe, schedule=replace(recipe.schedule, optimizer=optimizer))
    options = RunOptions(out=tmp_path / "whole", data=(photos,), workers=0, accelerator="cpu", progress=False)
    assert_resumes_bit_for_bit(recipe, options, 3, monkeypatch)


def test_a_run_is_never_overwritten_and_never_resumed_as_another(photos: Path, tmp_path: Path) -> None:
    recipe = recipe_from_dict(tiny_recipe(steps=2))
    options = RunOptions(out=tmp_path / "run", data=(photos,), workers=0, accelerator="cpu", progress=False)
    train(recipe, options)
    with pytest.raises(CheckpointError, match="already exists"):
        train(recipe, options)
    with pytest.raises(CheckpointError, match="differs in: seed"):
        train(replace(recipe, seed=9), replace(options, resume=True))


@pytest.mark.slow
def test_a_training_may_begin_with_the_body_of_another_scale(photos: Path, tmp_path: Path) -> None:
    options = RunOptions(out=tmp_path / "x2", data=(photos,), workers=0, accelerator="cpu", progress=False)
    raw = tiny_recipe("upscale", steps=2)
    double = train(recipe_from_dict(raw), options)
    net = {"kind": "superres", "options": {"channels": 8, "layers": 3, "grid": 2, "scale": 3}}
    treble = recipe_from_dict(raw | {"net": net, "data": {"patch": 36, "batch": 2}})
    state = Checkpoint(treble, 0, {}, {})
    begun = FrameObjective(treble, options).first_net(state, replace(options, start=double))
    assert torch.equal(begun.state_dict()["body.convs.1.plain"], double.ema["body.convs.1.plain"])
    assert begun.state_dict()["body.convs.2.bias"].shape == (12 * 9,)
    with pytest.raises(CheckpointError, match="the recipe asks for superres"):
        train(treble, replace(options, out=tmp_path / "x3", start=load_checkpoint(SHIPPED)))


def test_processes_share_every_batch_evenly() -> None:
    alone = list(ProcessSampler(3, 5, 4))
    apart = [list(ProcessSampler(3, 5, 4, rank, 2)) for rank in (0, 1)]
    assert alone == [*range(12, 20)]
    assert apart == [[12, 13, 16, 17], [14, 15, 18, 19]]


def test_a_training_may_begin_with_a_shipped_model_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert load_checkpoint(Path("denoise-n")).recipe.name == "denoise-n"
    (tmp_path / "denoise-n").mkdir()  # a run of one's own comes first
    with pytest.raises(CheckpointError, match=r"no checkpoint in denoise-n"):
        load_checkpoint(Path("denoise-n"))
    with pytest.raises(CheckpointError, match=r"one of denoise-camera-n, .*denoise-n,"):
        load_checkpoint(Path("denoise"))


@pytest.mark.slow
def test_a_training_says_what_it_began_with(photos: Path, tmp_path: Path) -> None:
    start = replace(random_checkpoint("denoise"), licence="for research only", data="pictures of others")
    options = RunOptions(out=tmp_path / "run", data=(photos,), workers=0, accelerator="cpu", progress=False)
    train(recipe_from_dict(tiny_recipe(steps=1)), replace(options, start=start))
    found = load_checkpoint(tmp_path / "run" / "last.pt")
    assert found.licence == "for research only"
    assert found.data == "not stated; begun with a network that was trained on pictures of others"
    train(recipe_from_dict(tiny_recipe(steps=1)), replace(options, out=tmp_path / "fresh"))
    fresh = load_checkpoint(tmp_path / "fresh" / "last.pt")
    assert (fresh.licence, fresh.data) == ("", "")


def test_unusable_checkpoints_and_recipes_are_named(tmp_path: Path) -> None:
    (tmp_path / "last.pt").write_text("hello")
    with pytest.raises(CheckpointError, match="not a checkpoint"):
        load_checkpoint(tmp_path)
    with pytest.raises(RecipeError, match=r"unknown key 'schedule\.stepz'"):
        recipe_from_dict(tiny_recipe(stepz=1))
    with pytest.raises(RecipeError, match=r"'schedule\.steps' expects"):
        recipe_from_dict(tiny_recipe(steps="many"))
    with pytest.raises(SourceUnavailable, match="no such folder"):
        find_pictures([tmp_path / "absent"])


def test_unreadable_training_pictures_are_counted_and_left_out(photos: Path) -> None:
    (photos / "broken.png").write_bytes(b"\x89PNG broken")
    store = PictureStore(find_pictures([photos]), smallest=64)
    assert (len(store), store.skipped) == (3, 1)


@pytest.mark.parametrize("task", ["denoise", "upscale"])
def test_patches_depend_on_their_index_alone_and_fit_together(photos: Path, task: str) -> None:
    recipe = recipe_from_dict(tiny_recipe(task))
    stream = PatchStream(PictureStore(find_pictures([photos]), smallest=64), recipe)
    given, target = stream[5]
    assert np.array_equal(given, stream[5][0])
    assert not np.array_equal(target, stream[6][1])
    assert target.shape == (32, 32, 3)
    assert given.shape == (32 // recipe.scale, 32 // recipe.scale, 3)
    if task == "upscale":
        assert psnr(degrade.enlarge(given, 2), target) > 20  # misaligned pairs fall far below


def test_zoom_shows_more_of_a_picture_in_a_patch(photos: Path) -> None:
    store = PictureStore(find_pictures([photos]), smallest=64)
    plain, zoomed = (
        PatchStream(store, recipe_from_dict({**tiny_recipe("upscale"), "data": {"patch": 16, "zoom": zoom}}))
        for zoom in ([1.0, 1.0], [0.25, 0.25])
    )
    detail = [
        np.mean([np.abs(np.diff(s[i][1].astype(float), axis=1)).mean() for i in range(40)]) for s in (plain, zoomed)
    ]
    assert zoomed[0][1].shape == plain[0][1].shape == (16, 16, 3)
    assert detail[1] > 1.3 * detail[0]
    data = {"patch": 16, "zoom": [0.25, 0.25], "zoomed": 0.5}
    mixed = PatchStream(store, recipe_from_dict({**tiny_recipe("upscale"), "data": data}))
    some = np.mean([np.abs(np.diff(mixed[i][1].astype(float), axis=1)).mean() for i in range(40)])
    assert 1.1 * detail[0] < some < detail[1] / 1.1
    with pytest.raises(RecipeError, match="zoom expects"):
        recipe_from_dict({**tiny_recipe(), "data": {"zoom": [1.5, 0.5]}})


def test_compressed_pictures_have_less_detail_in_colour(photos: Path) -> None:
    store = PictureStore(find_pictures([photos]), smallest=64)

    def detail(data: dict[str, Any]) -> float:
        stream = PatchStream(store, recipe_from_dict({**tiny_recipe(), "data": {"patch": 48, **data}}))
        colour = [cv2.cvtColor(stream[i][1], cv2.COLOR_BGR2YCrCb)[..., 1:].astype(float) for i in range(20)]
        return float(np.mean([np.abs(np.diff(c, axis=1)).mean() for c in colour]))

    plain, some, all_of_them = detail({}), detail({"jpeg": 0.5}), detail({"jpeg": 1.0})
    assert all_of_them < 0.8 * plain and all_of_them < some < plain
    with pytest.raises(RecipeError, match="jpeg_quality"):
        detail({"jpeg_quality": [98, 80]})


def test_noise_has_the_strength_it_says() -> None:
    grey = np.full((256, 256, 3), 128, np.uint8)
    noise = degrade.add_gaussian(grey, 25, np.random.default_rng(0)).astype(float) - 128
    assert noise.std() == pytest.approx(25, rel=0.02)  # clipping at 128/25 = 5 sigma changes nothing
    camera = degrade.CameraNoise(shot=0.005, read=1e-5, smear=0.0)
    dark, bright = (
        degrade.add_camera_noise(np.full_like(grey, v), camera, np.random.default_rng(0)) for v in (60, 180)
    )
    assert psnr(dark, np.full_like(grey, 60)) < 40 > psnr(bright, np.full_like(grey, 180))
    kept = degrade.add_camera_noise(np.full_like(grey, 60), replace(camera, grain=0.8), np.random.default_rng(0))
    assert kept.std() == pytest.approx(dark.std(), rel=0.05)
    assert np.corrcoef(kept[:, 1:, 1].ravel(), kept[:, :-1, 1].ravel())[0, 1] > 0.6
    dull = degrade.add_camera_noise(np.full_like(grey, 60), replace(camera, colour=2.0), np.random.default_rng(0))
    luma = [p @ np.array([0.114, 0.587, 0.299]) for p in (dark, dull)]
    assert luma[1].std() == pytest.approx(luma[0].std(), rel=0.1)
    assert (dull[..., 0] - luma[1]).std() < 0.3 * (dark[..., 0] - luma[0]).std()
    silent = degrade.CameraNoise(shot=0.0, read=0.0)
    ramp = np.arange(256, dtype=np.uint8).repeat(3).reshape(16, 16, 3)
    assert np.abs(degrade.add_camera_noise(ramp, silent, np.random.default_rng(0)).astype(int) - ramp).max() <= 1
