"""What models are measured on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from torch import Tensor, nn

from nitido.errors import SourceUnavailable
from nitido_train.data import degrade
from nitido_train.data.pictures import find_pictures
from nitido_train.evaluation.conditions import (
    conditions,
    conditions_of,
    read_pairs,
    read_pictures,
    validation_conditions,
)
from nitido_train.evaluation.metrics import psnr
from nitido_train.evaluation.validation import ValidationSet
from nitido_train.recipe.files import load_recipe


@pytest.fixture
def pairs(tmp_path: Path, photos: Path) -> Path:
    """Two photographs, each beside itself five levels brighter."""
    folder = tmp_path / "pairs"
    folder.mkdir()
    for name, picture in zip("ab", read_pictures(photos), strict=False):
        cv2.imwrite(str(folder / f"{name}_mean.png"), picture)
        cv2.imwrite(str(folder / f"{name}_real.png"), np.minimum(picture, 250) + 5)
    return folder


def test_a_folder_of_pairs_is_measured_with_the_noise_that_is_there(pairs: Path) -> None:
    (condition,) = conditions_of(pairs, "denoise", 1)
    assert (condition.name, len(condition.clean)) == ("real noise", 2)
    undone = condition.measure(lambda p: np.asarray(p - 5, np.uint8))
    assert undone > condition.measure(condition.baseline) + 10
    assert abs(condition.measure(condition.baseline) - 20 * np.log10(255 / 5)) < 1


def test_a_picture_without_its_pair_makes_a_folder_of_clean_pictures(pairs: Path) -> None:
    (pairs / "b_real.png").unlink()
    assert read_pairs(pairs) is None
    assert [c.name for c in conditions_of(pairs, "denoise", 1)] == [f"gaussian sigma {s}" for s in (15, 25, 50)]


def test_a_denoiser_for_cameras_is_measured_on_their_noise_and_need_not_stand_white_noise(photos: Path) -> None:
    found = conditions_of(photos, "denoise", 1, purpose="camera")
    meant = {c.name: c.meant for c in found}
    cameras = [f"camera noise, {name}" for name in ("low", "mid", "high")]
    assert meant == dict.fromkeys(cameras, True) | {f"gaussian sigma {s}": False for s in (15, 25, 50)}
    assert all(c.meant for c in conditions_of(photos, "denoise", 1))
    given = [c.measure(c.baseline) for c in found[:3]]
    assert given == sorted(given, reverse=True)
    assert np.array_equal(found[1].given[1], degrade.camera_noise_at(found[1].clean[1], 1, "mid"))
    assert load_recipe("denoise-camera-s").for_cameras and not load_recipe("denoise-s").for_cameras


def test_a_truncated_pair_is_named(pairs: Path) -> None:
    path = pairs / "b_real.png"
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(SourceUnavailable, match=r"b_real\.png cannot be decoded"):
        read_pairs(pairs)


@pytest.mark.parametrize(("task", "scale"), [("denoise", 1), ("upscale", 3)])
def test_a_part_of_a_condition_keeps_pairs_together(photos: Path, task: str, scale: int) -> None:
    part = conditions(task, scale, read_pictures(photos))[0].part(2, 48)
    assert len(part.given) == len(part.clean) == (len(read_pictures(photos)) + 1) // 2
    for given, clean in zip(part.given, part.clean, strict=True):
        assert clean.shape == (48, 48, 3) and given.shape == (48 // scale, 48 // scale, 3)
        assert psnr(np.asarray(cv2.resize(given, (48, 48), interpolation=cv2.INTER_CUBIC), np.uint8), clean) > 20


@pytest.mark.parametrize(
    ("name", "keys"),
    [
        ("denoise-n", ["psnr_s15", "psnr_s25", "psnr_s50"]),
        ("denoise-camera-n", [f"psnr_{key}" for key in ("low", "mid", "high", "soft", "medium", "strong")]),
        ("parts-n", ["psnr_blots"]),
        ("upscale-x3-n", ["psnr_y"]),
    ],
)
def test_a_training_is_validated_under_the_conditions_of_an_evaluation(
    photos: Path, name: str, keys: list[str]
) -> None:
    recipe = load_recipe(name)

    def repeated(frames: Tensor) -> Tensor:
        return frames.repeat_interleave(recipe.scale, 2).repeat_interleave(recipe.scale, 3)

    pictures = [p for p in read_pictures(photos) if min(p.shape[:2]) >= 96]
    crops = [p[(top := (len(p) - 96) // 2) : top + 96, (left := (p.shape[1] - 96) // 2) : left + 96] for p in pictures]
    measured = validation_conditions(recipe, crops)
    scores = ValidationSet(find_pictures([photos]), recipe, side=96).score(_Function(repeated))
    expected = [c.measure(lambda p: np.repeat(np.repeat(p, recipe.scale, 0), recipe.scale, 1)) for c in measured]
    assert list(scores) == [*keys, "psnr", "ssim"]
    assert [scores[key] for key in keys] == expected


class _Function(nn.Module):
    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.forward = function
