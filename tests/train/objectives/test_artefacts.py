"""Networks against JPEG artefacts."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from nitido.errors import RecipeError
from nitido.images.compression import level_of_quality
from nitido_train.data.artefacts import CLEAN_LEVEL, ArtefactStream
from nitido_train.data.pictures import PictureStore, find_pictures
from nitido_train.evaluation.conditions import JPEG_QUALITIES, conditions
from nitido_train.objectives.artefacts import ArtefactObjective
from nitido_train.objectives.objective import open_objective
from nitido_train.objectives.options import RunOptions
from nitido_train.recipe.schema import Recipe
from nitido_train.recipe.tables import recipe_from_dict
from nitido_train.training.loop import train
from support.tiny_models import tiny_recipe


def recipe(**noise: object) -> Recipe:
    net = {"kind": "level-denoiser", "options": {"channels": 8, "layers": 3}}
    return recipe_from_dict({**tiny_recipe(), "net": net, "noise": {"compressed": [10, 90], **noise}})


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for i in range(3):
        smooth = cv2.GaussianBlur(rng.normal(128, 90, (288, 288, 3)), (0, 0), 2).clip(0, 255).astype(np.uint8)
        cv2.imwrite(str(tmp_path / f"{i}.png"), smooth)
    return tmp_path


def test_levels_are_those_of_the_last_and_of_the_strongest_compression(pictures: Path) -> None:
    stream = ArtefactStream(PictureStore(find_pictures([pictures]), smallest=96), recipe(compressed_twice=0.5))
    examples = [stream[i] for i in range(80)]
    of_file, strongest = np.array([levels for *_, levels in examples]).T
    compressed = of_file > CLEAN_LEVEL
    low, high = level_of_quality(90), level_of_quality(10)
    assert ((of_file[compressed] >= low - 1e-5) & (strongest[compressed] <= high + 1e-5)).all()
    assert (strongest >= of_file).all() and (strongest > of_file).any()
    assert all(
        np.array_equal(given, target)
        for (given, target, _), is_jpeg in zip(examples, compressed, strict=True)
        if not is_jpeg
    )
    error = [float(np.std(given.astype(int) - target)) for given, target, _ in examples]
    assert np.corrcoef(error, strongest)[0, 1] > 0.5


def test_a_training_runs_and_a_stream_repeats(pictures: Path, tmp_path: Path) -> None:
    options = RunOptions(data=(pictures,), out=tmp_path / "run")
    objective = open_objective(recipe(), options)
    assert isinstance(objective, ArtefactObjective)
    train(recipe(), options)
    assert (tmp_path / "run" / "best.pt").is_file()


def test_these_networks_are_measured_on_jpeg() -> None:
    assert recipe().purpose == "jpeg"
    frame = np.random.default_rng(1).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    found = conditions("denoise", 1, [frame], purpose=recipe().purpose)
    assert [c.name for c in found] == [f"JPEG {quality}" for quality in JPEG_QUALITIES]


def test_a_network_without_levels_is_refused(pictures: Path) -> None:
    plain = recipe_from_dict({**tiny_recipe(), "noise": {"compressed": [10, 90]}})
    with pytest.raises(RecipeError, match="takes a level"):
        open_objective(plain, RunOptions(data=(pictures,), out=pictures / "run"))
