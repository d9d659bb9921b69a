"""The choice of ``nitido restore``: what it costs, and that it changes nothing of what the models do."""

from __future__ import annotations

from collections import Counter

import cv2
import numpy as np
import pytest

from nitido.batch import choosing
from nitido.batch.choosing import Chooser, Need
from nitido.frames import Frame
from nitido.images.io import PictureFile
from nitido.images.picture import Picture
from nitido.images.restore import restore_picture
from nitido.inference import model as model_module
from nitido.inference.model import Model, load
from support.paths import SAMPLES

MODELS = {Need.ARTEFACTS: "dejpeg-n", Need.NOISE: "denoise-camera-n.int8"}


@pytest.fixture(scope="module")
def chooser() -> Chooser:
    return Chooser(dict.fromkeys(MODELS, "0" * 64), lambda need: load(MODELS[need], "cpu", spinning=False))


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Frames and batches of tiles that each model restores."""
    found: Counter[str] = Counter()
    run = Model.measured

    def counted(model: Model, frame: Frame, **options: float | None) -> object:
        found[model.card.name] += 1
        return run(model, frame, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(Model, "measured", counted)
    return found


def noisy_jpeg(sigma: float) -> Picture:
    photo = cv2.imread(str(SAMPLES / "coffee.webp"))
    assert photo is not None
    clean = np.asarray(photo[40:340, 60:420], np.float64)
    noise = np.random.default_rng([int(sigma), 0]).normal(0, sigma, clean.shape)
    noisy = np.clip(np.rint(clean + noise), 0, 255).astype(np.uint8)
    _, data = cv2.imencode(".jpg", noisy, [cv2.IMWRITE_JPEG_QUALITY, 85])
    with PictureFile(data.tobytes(), "a.jpg") as file:
        return file.decode()


@pytest.mark.parametrize("whole", [True, False], ids=["whole", "in tiles"])
def test_strong_noise_is_removed_once_with_the_level_that_the_choice_found(
    chooser: Chooser, runs: Counter[str], monkeypatch: pytest.MonkeyPatch, *, whole: bool
) -> None:
    if not whole:
        for module, name in ((choosing, "WHOLE_PIXELS"), (model_module, "WHOLE_PIXELS"), (model_module, "TILE")):
            monkeypatch.setattr(module, name, 128)
    picture = noisy_jpeg(20)
    result, models = chooser.restore(picture)
    assert [model.card.name for model in models] == ["denoise-camera-n.int8"] and runs.total() == 1
    alone = restore_picture(models[0], picture)
    assert np.array_equal(result.pixels, alone.pixels) and result.noise == alone.noise
    assert result.notes[-1].startswith("noise removed (denoise-camera-n.int8): JPEG with an error of about")


def test_weak_noise_is_removed_after_the_artefacts(chooser: Chooser) -> None:
    picture = noisy_jpeg(6)
    result, models = chooser.restore(picture)
    assert [model.card.name for model in models] == ["dejpeg-n", "denoise-camera-n.int8"]
    assert chooser.need_of(picture)[0] is Need.BOTH
    assert np.array_equal(result.pixels, restore_picture(models[1], restore_picture(models[0], picture)).pixels)
