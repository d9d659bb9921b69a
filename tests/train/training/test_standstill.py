"""A training that learns nothing says so once, and one that learns says nothing."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nitido_train.objectives.options import RunOptions
from nitido_train.recipe.tables import recipe_from_dict
from nitido_train.training.loop import train
from nitido_train.training.standstill import Standstill
from support.recipes import tiny_latent, write_digits
from support.tiny_models import tiny_recipe

STEPS = 400


def said(loss: Callable[[int], float], score: Callable[[int], float], *, fresh: bool = True, **more: Any) -> list[str]:
    """What is reported of a training with such losses and scores, the latter after every twentieth step."""
    watch = Standstill(recipe_from_dict(tiny_recipe(steps=STEPS, warmup=10)), "psnr", fresh=fresh)
    lines: list[str | None] = []
    for step in range(1, STEPS + 1):
        lines.append(watch.step(step, loss(step)))
        if step % 20 == 0:
            lines.append(watch.validated(step, score(step), alike=more.get("alike", False)))
    return [line for line in lines if line]


def noisy(rng: np.random.Generator, falls: float) -> Callable[[int], float]:
    return lambda step: float((0.2 + falls * np.exp(-step / 100)) * rng.uniform(0.7, 1.3))


def rising(step: int) -> float:
    return 25 + 5 * (1 - np.exp(-step / 100))


def test_a_training_that_learns_is_not_reported() -> None:
    for seed in range(20):
        assert said(noisy(np.random.default_rng(seed), 0.4), rising) == []


def test_what_stands_still_is_reported_once() -> None:
    rng = np.random.default_rng(0)
    falling = noisy(rng, 0.4)
    (constant,) = said(lambda _: 0.25, rising)
    assert "loss has been 0.25" in constant and "--set schedule.lr" in constant
    (unmoved,) = said(noisy(rng, 0.0), lambda step: 20 - step / 100)
    assert "has not fallen" in unmoved or "has not surpassed" in unmoved
    (score,) = said(falling, lambda _: 4.386189647)
    assert "score (psnr) has been 4.3862 since step 20" in score
    (grown,) = said(lambda step: 0.1 if step < 5 else 40.0 + step, rising)
    assert "loss has grown: 0.1 at the first step" in grown and "a lower learning rate" in grown
    (worse,) = said(falling, lambda step: 30 - abs(step - 100) / 20)
    assert "has not surpassed 30" in worse
    (black,) = said(falling, rising, alike=True)
    assert "the same (such as black)" in black


def test_a_network_that_was_trained_before_may_stay_as_good_as_it_was() -> None:
    assert said(noisy(np.random.default_rng(1), 0.0), rising, fresh=False) == []


def test_the_end_of_a_schedule_may_be_quiet() -> None:
    assert said(noisy(np.random.default_rng(2), 0.4), lambda step: rising(min(step, 330))) == []


def reports(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [r.getMessage() for r in caplog.records if r.levelno >= logging.WARNING]


@pytest.mark.parametrize("lr", [1e-12, 3.0])
def test_a_learning_rate_that_teaches_nothing_is_named(
    photos: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, lr: float
) -> None:
    recipe = recipe_from_dict(tiny_recipe(steps=60, lr=lr, final_lr=lr / 10, warmup=0, validate_every=20))
    options = RunOptions(out=tmp_path / "run", data=(photos,), workers=0, accelerator="cpu", progress=False)
    train(recipe, options)
    assert [line.partition(":")[0] for line in reports(caplog)] == ["the training is not learning"]


def test_an_autoencoder_that_ignores_its_pictures_is_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    recipe = tiny_latent("vae", steps=100, validate_every=25, lr=0.01, latent={"beta": 1000.0})
    options = RunOptions(
        out=tmp_path / "run",
        data=(write_digits(tmp_path / "digits"),),
        workers=0,
        accelerator="cpu",
        progress=False,
    )
    train(replace(recipe, seed=1), options)
    (line,) = reports(caplog)
    assert "for every input" in line and "latent.beta" in line
