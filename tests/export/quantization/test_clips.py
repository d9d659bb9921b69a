"""Recurrent denoisers in 8 bits: calibrated and guarded on clips."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from nitido.errors import SourceUnavailable
from nitido.inference.model import load
from nitido.inference.verify import verify
from nitido_export.draft import ReleaseInfo
from nitido_export.export import AllowedLoss, export_int8
from nitido_export.quantization import clips, gptq, search
from nitido_export.quantization.calibration import calibration
from nitido_export.quantization.clips import LENGTH, clip_conditions, restore_clip
from nitido_export.quantization.timing import Comparison
from nitido_train.evaluation.conditions import read_pictures
from nitido_train.quantization.imitation import as_quantized
from support.tiny_models import random_live_checkpoint

INFO = ReleaseInfo("none", "none")


@pytest.fixture(autouse=True)
def little_work(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fewer clips and positions than a model that is to be shipped needs."""
    monkeypatch.setattr(clips, "CLIPS", 2)
    monkeypatch.setattr(clips, "BATCH", 2)
    monkeypatch.setattr(clips, "SIDE", 48)
    monkeypatch.setattr(clips, "TEST_SIDE", 64)
    monkeypatch.setattr(gptq, "POSITIONS", 2048)
    monkeypatch.setattr(search, "candidates", lambda net, measured, make=search.candidates: make(net, measured)[:1])
    monkeypatch.setitem(
        search.quantize.__kwdefaults__, "time", lambda _reference, _candidate: Comparison(2.0, 1.0, 2.0)
    )
    yield


def test_conditions_are_clips_with_fresh_noise_in_each_frame(photos: Path) -> None:
    recipe = random_live_checkpoint().recipe
    found = clip_conditions(read_pictures(photos)[:2], recipe)
    assert len(found) == 3 and all("camera" in condition.name for condition in found)
    for condition in found:
        assert [clip.shape for clip in condition.given] == [(LENGTH, 64, 64, 3)] * 2
        off = condition.given[0].astype(int) - condition.clean[0]
        assert not np.array_equal(off[0], off[1])
    part = found[0].part(2, 32)
    assert [clip.shape for clip in part.given] == [(LENGTH, 32, 32, 3)]
    with pytest.raises(SourceUnavailable, match="no picture to make clips of"):
        clip_conditions([], recipe)


def test_both_stacks_are_calibrated_with_a_past(photos: Path) -> None:
    checkpoint = random_live_checkpoint()
    net = as_quantized(checkpoint.frame_net())
    found = calibration(net, checkpoint.recipe, read_pictures(photos))
    assert set(found) == {"gate", "body"}
    for seen in found.values():
        assert len(seen.cells) == len(seen.weights) == len(clips.SEEN)
        assert not np.array_equal(seen.cells[0].numpy(), seen.cells[1].numpy())


def test_a_recurrent_denoiser_is_exported_in_8_bits_and_proved_along_a_sequence(photos: Path, tmp_path: Path) -> None:
    target = tmp_path / "live.int8.onnx"
    allowed = AllowedLoss([photos], max_drop=3.0)
    card, reports = export_int8(random_live_checkpoint(), target, INFO, allowed, photos, tmp_path / "reports")
    assert card.precision == "int8" and card.states and card.quantization["float_layers"] == []
    assert {name.split(".")[0] for name in card.quantization["sensitivity"]} == {"gate", "body"}
    assert all(path.exists() for path in reports)
    verdict = verify(target, "cpu")
    assert verdict.passed and len(verdict.replays) == 3
    model = load(target, "cpu")
    (clip,) = clip_conditions(read_pictures(photos)[:1], random_live_checkpoint().recipe)[0].given
    assert not np.array_equal(restore_clip(model, clip)[-1], model(clip[-1]))
