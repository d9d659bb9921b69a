"""Anomalies on pictures whose heat can be worked out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nitido.anomaly.inspector import find_regions, open_inspector
from nitido.anomaly.reconstruction import Reconstruction
from nitido.anomaly.threshold import PROPERTY, Measure, Threshold, fit_threshold, write_fitted
from nitido.errors import CardMismatch, FrameMismatch, ModelNotFound, SourceUnavailable
from nitido.model_file.properties import with_properties
from support.anomaly_models import SPOT, faulty_picture, good_picture
from support.latent_models import halves, write_latent_model, write_melody_model


def test_a_fault_is_hot_where_it_is(part: Path) -> None:
    inspect = open_inspector(part, "cpu")
    assert not inspect(good_picture(75)).anomalous
    found = inspect(faulty_picture(75))
    assert found.anomalous and found.score > 5 * found.threshold.score
    row, column = np.unravel_index(int(found.heat.argmax()), found.heat.shape)
    assert SPOT[0].start - 3 <= row < SPOT[0].stop + 3 and SPOT[1].start - 3 <= column < SPOT[1].stop + 3
    (region,) = found.regions
    assert region.x <= SPOT[1].start and region.x + region.width >= SPOT[1].stop
    assert region.y <= SPOT[0].start and region.y + region.height >= SPOT[0].stop
    assert region.width < 20 and region.height < 20


def test_heat_is_the_root_mean_square_difference(smoothing_model: Path) -> None:
    picture = np.full((21, 21, 3), 100, np.uint8)
    picture[10, 10] = 200
    heat = Measure(blur=1).heat(Reconstruction(smoothing_model, "cpu")(picture))
    assert heat[10, 10] == pytest.approx(96) and heat[8, 12] == pytest.approx(4) and heat[0, 0] == 0
    whole = Measure(blur=1, pool="mean")
    assert whole.score(whole.heat(Reconstruction(smoothing_model, "cpu")(picture))) == pytest.approx(
        np.sqrt((96**2 + 24 * 4**2) / 21**2), rel=1e-4
    )
    assert Measure(blur=3).heat(Reconstruction(smoothing_model, "cpu")(picture))[10, 10] == pytest.approx(
        np.sqrt((96**2 + 8 * 4**2) / 9), rel=1e-4
    )


def test_the_threshold_is_the_quantile_and_its_margin(smoothing_model: Path) -> None:
    reconstruction, pictures = Reconstruction(smoothing_model, "cpu"), []
    for number in range(10):
        pictures.append(good_picture())
        pictures[-1][30, 30] += np.uint8(10 * (number + 1))
    scores = [Measure().score(Measure().heat(reconstruction(p))) for p in pictures]
    threshold = fit_threshold(reconstruction, pictures, quantile=0.5, margin=0.2)
    assert threshold.score == pytest.approx(1.2 * sorted(scores)[5], abs=1e-3)  # the larger of the two in the middle
    assert threshold.pictures == 10 and threshold.enough == 2 and threshold.size == (64, 96)
    assert threshold.mean == pytest.approx(np.mean(scores), abs=1e-3)
    assert Threshold.from_text(threshold.to_text(), "here") == threshold
    with pytest.raises(SourceUnavailable, match="found 1"):
        fit_threshold(reconstruction, pictures[:1])


def test_regions_are_separate_and_the_hottest_first() -> None:
    heat = np.zeros((60, 80), np.float32)
    heat[5:9, 10:14] = 50
    heat[40:42, 60:70] = 90
    heat[44, 66] = 70  # two pixels away: the same fault
    heat[20, 20] = 9  # below the limit
    assert [tuple(region) for region in find_regions(heat, 10.0)] == [(60, 40, 10, 5, 90.0), (10, 5, 4, 4, 50.0)]


def test_a_model_that_cannot_be_used_says_what_to_do(
    smoothing_model: Path, part: Path, tiny_models: dict[str, Path], tmp_path: Path
) -> None:
    with pytest.raises(CardMismatch, match="nitido anomaly fit GOOD"):
        open_inspector(smoothing_model, "cpu")
    with pytest.raises(CardMismatch, match="'denoise', expected one for 'reconstruct'"):
        Reconstruction(tiny_models["denoise"], "cpu")
    with pytest.raises(ModelNotFound, match="nitido models"):
        Reconstruction(tmp_path / "nothing", "cpu")
    with pytest.raises(CardMismatch, match="melodies"):
        Reconstruction(write_melody_model(tmp_path), "cpu")
    with pytest.raises(FrameMismatch, match="2×4"):
        open_inspector(part, "cpu")(np.zeros((2, 4), np.uint8))
    part.write_bytes(with_properties(part.read_bytes(), {PROPERTY: '{"score": 3}'}))
    with pytest.raises(CardMismatch, match="fit it again"):
        open_inspector(part, "cpu")


def test_the_two_halves_of_an_autoencoder_inspect_pictures_of_any_size(tmp_path: Path) -> None:
    """The model knows pictures of two grey halves; the middle of a wide picture is what it looks at."""
    reconstruction = Reconstruction(write_latent_model(tmp_path, kind="autoencoder"), "cpu")
    pictures = [halves(left, right) for left in (60, 120, 180) for right in (90, 150)]
    threshold = fit_threshold(reconstruction, pictures)
    assert threshold.measure.pool == "mean"
    files = write_fitted(reconstruction, threshold, tmp_path / "part.onnx")
    assert [file.name for file in files] == ["part.encoder.onnx", "part.decoder.onnx"]
    inspect = open_inspector(tmp_path / "part", "cpu")
    wide = np.zeros((80, 160, 3), np.uint8)
    wide[:, 40:120] = halves(60, 150, 80, 80)
    assert not inspect(wide).anomalous
    wide[30:50, 90:110] = 0
    found = inspect(wide)
    assert found.anomalous and found.heat.shape == (80, 160)
    assert found.heat[:, :40].max() == found.heat[:, 120:].max() == 0
    hottest = found.regions[0]
    assert 80 <= hottest.x + hottest.width / 2 <= 120 and 20 <= hottest.y + hottest.height / 2 <= 60
