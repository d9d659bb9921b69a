"""Half precision."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from nitido.errors import ExportError
from nitido.frames import Frame
from nitido_export.draft import ReleaseInfo
from nitido_export.quantization import calibration as calibrate
from nitido_export.quantization import gptq as rounding
from nitido_export.quantization.fp16 import to_fp16
from nitido_export.quantization.guard import QualityGuard
from nitido_export.quantization.reference import opened_reference
from nitido_train.checkpoint import load_checkpoint
from nitido_train.evaluation.conditions import conditions, read_pictures
from support.paths import ROOT

SHIPPED = ROOT / "models" / "checkpoints" / "denoise-n.pt"
INFO = ReleaseInfo("none", "none")


@pytest.fixture
def pictures(photos: Path) -> list[Frame]:
    return [p[:160, :160] for p in read_pictures(photos)[:2]]


@pytest.fixture(scope="module", autouse=True)
def little_calibration() -> Iterator[None]:
    """Fewer crops and positions than a model that is to be shipped needs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(calibrate, "CROPS", 8)
        patch.setattr(rounding, "POSITIONS", 4096)
        yield


@pytest.mark.slow
def test_half_precision_is_guarded_too_and_says_that_it_was_not_timed(pictures: list[Frame]) -> None:
    checkpoint = load_checkpoint(SHIPPED)
    with opened_reference(checkpoint, None, INFO) as reference:
        held_out = {"crops": conditions("denoise", 1, pictures[:1])}
        half = to_fp16(checkpoint, "m.fp16", INFO, QualityGuard(0.1, held_out, reference))
        assert half.card.precision == "fp16" and "not timed" in half.card.quantization["timing"]
        with pytest.raises(ExportError, match="the fp16 model loses"):
            to_fp16(checkpoint, "m.fp16", INFO, QualityGuard(-1.0, held_out, reference))
        cameras = {"crops": conditions("denoise", 1, pictures[:1], purpose="camera")}
        scores = to_fp16(checkpoint, "m.fp16", INFO, QualityGuard(0.1, cameras, reference)).card.quantization["scores"]
        assert [row["condition"] for row in scores] == [f"crops, camera noise, {n}" for n in ("low", "mid", "high")]
