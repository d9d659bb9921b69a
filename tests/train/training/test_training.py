"""A training: how it begins, goes on, and names what it cannot use."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from nitido.errors import CheckpointError, NitidoError, RecipeError, SourceUnavailable
from nitido_train.checkpoint import Checkpoint, load_checkpoint
from nitido_train.data.pictures import find_pictures
from nitido_train.objectives.frames import FrameObjective
from nitido_train.objectives.options import RunOptions
from nitido_train.recipe.tables import recipe_from_dict
from nitido_train.training.loop import train
from support.paths import ROOT
from support.resuming import assert_resumes_bit_for_bit
from support.tiny_models import random_checkpoint, tiny_recipe

SHIPPED = ROOT / "models" / "checkpoints" / "denoise-n.pt"


def test_quantization_aware_training_needs_a_start_and_a_schedule(photos: Path, tmp_path: Path) -> None:
    options = RunOptions(out=tmp_path, data=(photos,), workers=0, accelerator="cpu", progress=False, qat=True)
    recipe = recipe_from_dict(tiny_recipe())
    with pytest.raises(NitidoError, match=r"no \[qat\] table"):
        train(recipe, options)
    with_table = recipe_from_dict(tiny_recipe() | {"qat": {"steps": 2}})
    with pytest.raises(CheckpointError, match="--from"):
        train(with_table, options)
    with pytest.raises(CheckpointError, match="the recipe asks for"):
        train(with_table, replace(options, start=load_checkpoint(SHIPPED)))


def test_a_denoiser_with_a_noise_level_is_trained_for_8_bits_and_its_estimator_stays(
    photos: Path, tmp_path: Path
) -> None:
    tiny = tiny_recipe(steps=2) | {"qat": {"steps": 2, "warmup": 1, "validate_every": 2}}
    tiny["net"] = {"kind": "level-denoiser", "options": {"channels": 8, "layers": 3, "grid": 2, "expansion": 0}}
    recipe = recipe_from_dict(tiny)
    options = RunOptions(out=tmp_path / "float", data=(photos,), workers=0, accelerator="cpu", progress=False)
    train(recipe, options)
    start = load_checkpoint(tmp_path / "float")
    train(recipe, replace(options, out=tmp_path / "int8", qat=True, start=start))
    result = load_checkpoint(tmp_path / "int8")
    assert result.quantization is not None
    estimator = [name for name in start.ema if name.startswith("estimator.")]
    assert estimator
    assert all(torch.equal(result.ema[name], start.ema[name]) for name in estimator)


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


def test_a_training_may_begin_with_a_shipped_model_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert load_checkpoint(Path("denoise-n")).recipe.name == "denoise-n"
    (tmp_path / "denoise-n").mkdir()  # a run of one's own comes first
    with pytest.raises(CheckpointError, match=r"no checkpoint in denoise-n"):
        load_checkpoint(Path("denoise-n"))
    with pytest.raises(CheckpointError, match=r"one of aae-digits, .*denoise-n,"):
        load_checkpoint(Path("denoise"))


@pytest.mark.slow
def test_a_training_says_what_it_began_with(photos: Path, tmp_path: Path) -> None:
    start = replace(random_checkpoint("denoise"), licence="for research only", data="pictures of others")
    options = RunOptions(out=tmp_path / "run", data=(photos,), workers=0, accelerator="cpu", progress=False)
    train(recipe_from_dict(tiny_recipe(steps=1)), replace(options, start=start))
    found = load_checkpoint(tmp_path / "run" / "last.pt")
    assert found.licence == "for research only"
    assert found.data == "not stated; started from a network that was trained on pictures of others"
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
