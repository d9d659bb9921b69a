"""The drift alarm: what it hears, and what it stays silent at."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from nitido.anomaly.drift import CHANCE, KEPT, DriftTest, chance_of, distance_of, limit_of, thin
from nitido.anomaly.inspector import open_inspector
from nitido.anomaly.threshold import PROPERTY, Threshold
from nitido.errors import CardMismatch
from nitido.model_file.properties import read_properties, with_properties
from support.product_line import plate, write_line_model


@pytest.fixture
def line_model(smoothing_model: Path, tmp_path: Path) -> Path:
    return write_line_model(smoothing_model, tmp_path / "line.onnx")


def test_the_chance_is_that_of_the_exact_test() -> None:
    stats = pytest.importorskip("scipy.stats")
    rng = np.random.default_rng(0)
    for n, m in ((20, 10), (100, 50), (37, 13)):
        for shift in (0.0, 0.5, 1.5):
            first, second = np.sort(rng.normal(size=n)), np.sort(rng.normal(shift, size=m))
            expected = stats.ks_2samp(first, second, method="exact")
            distance = distance_of(first, second)
            assert distance == pytest.approx(expected.statistic, abs=1e-12)
            assert chance_of(n, m, round(distance * n * m)) == pytest.approx(expected.pvalue, rel=1e-6, abs=1e-12)
    ties = np.array([1.0, 2, 2, 2, 3]), np.array([2.0, 2, 3, 3])
    assert distance_of(*ties) == pytest.approx(stats.ks_2samp(*ties).statistic)


def test_the_limit_is_the_smallest_that_keeps_to_the_chance() -> None:
    for n, m, chance in ((100, 50, 1e-5), (1000, 200, 1e-5), (25, 10, 0.01)):
        steps = round((limit_of(n, m, chance) * n * m) + 0.5)
        assert chance_of(n, m, steps) <= chance < chance_of(n, m, steps - 1)


def test_scores_that_stay_the_same_alarm_no_oftener_than_promised() -> None:
    """Many lines, each with its own scores at fitting, skewed as real ones are: at a chance of 1 % at most 1 % of
    the scores find the alarm on, and the limit is no more cautious than it has to be."""
    rng = np.random.default_rng(11)
    rounds, on = 400, 0
    for _ in range(rounds):
        test = DriftTest(rng.lognormal(3, 0.4, 60).tolist(), window=20, chance=0.01)
        for score in rng.lognormal(3, 0.4, 20):
            test.add(float(score))
        on += test.alarm
    # 400 independent rounds at up to 1 %: more than 11 would be a chance of 0.2 %.
    assert 0 < on <= 11


def test_a_long_run_without_a_change_has_no_alarm() -> None:
    rng = np.random.default_rng(3)
    test = DriftTest(rng.lognormal(3, 0.4, 200).tolist(), chance=CHANCE)
    for score in rng.lognormal(3, 0.4, 20_000):
        test.add(float(score))
    assert test.alarms == 0 and test.summary().startswith("drift: none")


def test_a_light_that_fades_slowly_raises_the_drift_alarm_before_verdicts_change(line_model: Path) -> None:
    inspect, rng = open_inspector(line_model, "cpu"), np.random.default_rng(8)
    test = DriftTest(inspect.threshold.scores)
    alarms, anomalies = [], 0
    for number in range(400):
        light = 1.0 if number < 150 else 1.0 - 0.002 * (number - 150)  # half as bright at the end
        inspection = inspect(plate(rng, light))
        anomalies += inspection.anomalous
        drift = test.add(inspection.score)
        alarms += [number] if drift and drift.alarm else []
    assert alarms and alarms[0] >= 150, alarms[:1]
    assert alarms[0] < 300 and alarms[-1] == 399  # not later than at 0.7 of the light, and it stays on
    assert anomalies <= 4  # the threshold says nothing: less light means smaller differences
    assert test.alarms >= 1 and test.drift and test.drift.median < test.drift.fitted


def test_another_product_is_heard_within_a_window(line_model: Path) -> None:
    inspect, rng = open_inspector(line_model, "cpu"), np.random.default_rng(9)
    test = DriftTest(inspect.threshold.scores)
    first = 0
    for number in range(130):
        product = {} if number < 80 else {"holes": 6, "contrast": 66}
        test.add(inspect(plate(rng, **product)).score)
        first = first or (number if test.alarm else 0)
    assert 80 <= first < 80 + 50, first
    assert test.alarm and test.drift and test.drift.median > test.drift.fitted


def test_only_one_score_of_so_many_counts() -> None:
    fitted = list(np.linspace(10, 20, 40))
    one, third = DriftTest(fitted, window=10), DriftTest(fitted, window=10, every=3)
    for number in range(30):
        assert (one.add(90.0) is not None) == (number >= 9)
        assert (third.add(90.0 if number % 3 == 0 else 15.0) is not None) == (number >= 27)
    assert one.alarm and third.drift and third.drift.median == 90.0
    assert DriftTest(fitted).summary() == "drift: not tested, only 0 of the necessary 50 scores"


def test_the_alarm_goes_off_again() -> None:
    test = DriftTest(list(np.linspace(10, 20, 40)), window=10)
    rng = np.random.default_rng(1)
    for score in [15.0] * 2 + [90.0] * 12 + rng.uniform(10, 20, 30).tolist():
        test.add(score)
    assert not test.alarm and test.alarms == 1 and test.summary().startswith("drift: over; the alarm went on 1 time;")


def test_scores_are_kept_in_the_file_and_an_older_file_says_what_it_lacks(line_model: Path, tmp_path: Path) -> None:
    kept = open_inspector(line_model, "cpu").threshold.scores
    assert len(kept) == 100 and list(kept) == sorted(kept)
    entry = json.loads(read_properties(line_model.read_bytes())[PROPERTY])
    del entry["scores"]
    older = tmp_path / "older.onnx"
    older.write_bytes(with_properties(line_model.read_bytes(), {PROPERTY: json.dumps(entry)}))
    threshold = open_inspector(older, "cpu").threshold
    assert isinstance(threshold, Threshold) and threshold.scores == ()
    with pytest.raises(CardMismatch, match=r"older\.onnx was fitted by an older version.*fit it again"):
        DriftTest(threshold.scores, origin=str(older))
    with pytest.raises(CardMismatch, match="holds 19"):
        DriftTest([1.0] * 19)


def test_of_many_scores_quantiles_are_kept() -> None:
    scores = np.random.default_rng(2).normal(50, 10, 5000)
    kept = np.array(thin(scores.tolist()))
    assert len(kept) == KEPT and distance_of(np.sort(scores), kept) < 0.002
