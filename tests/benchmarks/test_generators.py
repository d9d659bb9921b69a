"""Distances of samples from real data, and that pages and cards say what was measured."""

from __future__ import annotations

import json
from typing import Any

import cv2
import numpy as np
import pytest
from generation.distances import frechet, ks_distances, shares, sliced_wasserstein, variation
from generation.emoji import nearest
from generation.melodies import KEPT, likeness, statistics
from generation.page import page, with_table

from nitido.latent.melody import FIRST, HOLD, LOWEST, REST
from nitido.model_file import zoo
from support.paths import ROOT

C, E = 60 - LOWEST + FIRST, 64 - LOWEST + FIRST


@pytest.fixture(scope="module")
def results() -> dict[str, Any]:
    return json.loads((ROOT / "docs/reference/generators.json").read_text(encoding="utf-8"))


def test_the_frechet_distance_is_that_of_means_and_of_deviations() -> None:
    a = np.random.default_rng(0).standard_normal((500, 4))
    assert frechet(a, a) == pytest.approx(0, abs=1e-6)
    assert frechet(a, a + np.array([3, 0, 4, 0])) == pytest.approx(25, abs=1e-6)
    assert frechet(a, a.mean(0) + 3 * (a - a.mean(0))) == pytest.approx(4 * a.var(0, ddof=1).sum())


def test_blurred_pictures_are_farther_than_others_of_their_kind() -> None:
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (40, 32, 32, 3), np.uint8)
    softer = np.stack([cv2.GaussianBlur(picture, (0, 0), 2) for picture in noise])
    assert sliced_wasserstein(noise, noise) == 0
    assert sliced_wasserstein(noise[:20], noise[20:]) < 0.2 * sliced_wasserstein(noise[:20], softer[20:])


def test_the_nearest_picture_is_found() -> None:
    known = np.random.default_rng(0).integers(0, 256, (9, 8, 8, 3), np.uint8)
    moved = np.clip(known[[4]].astype(int) + np.where(known[[4]] < 128, 3, -3), 0, 255).astype(np.uint8)
    assert nearest(moved, known) == pytest.approx([9], rel=1e-3)


def test_normal_latents_have_a_small_distance() -> None:
    z = np.random.default_rng(0).standard_normal((2000, 3))
    assert ks_distances(z)["max"] < 0.04 < 0.3 < ks_distances(z + 1)["mean"]


def test_histograms_of_other_values_have_nothing_in_common() -> None:
    assert variation(shares(np.array([0, 0, 1]), 4), shares(np.array([2, 9]), 4)) == 1
    assert shares(np.array([-5, 9]), 4).tolist() == [0.5, 0, 0, 0.5]


def test_statistics_of_a_phrase_are_those_of_its_notes() -> None:
    bar = [C, HOLD, HOLD, HOLD, E, HOLD, REST, REST, C, HOLD, HOLD, HOLD, HOLD, HOLD, HOLD, HOLD]
    other = [E, *[HOLD] * 15]
    found = statistics([np.array([*bar, *bar, *other, *[REST] * 16], np.uint8)], LOWEST)
    assert found.pitch_classes[[0, 4]] == pytest.approx([4 / 7, 3 / 7])
    assert found.lengths[[2, 4, 8, 16]] == pytest.approx([2 / 7, 2 / 7, 2 / 7, 1 / 7])
    assert found.intervals[[13 - 4, 13, 13 + 4]] == pytest.approx([2 / 6, 1 / 6, 3 / 6])
    assert found.places[[0, 4, 8]] == pytest.approx([3 / 7, 2 / 7, 2 / 7])
    assert (found.notes.tolist(), found.repeated.tolist()) == ([7], [0.5])
    assert set(found.distances(found).values()) == {0} and len(found.distances(found)) == len(KEPT)


def test_a_copy_is_known_by_what_sounds() -> None:
    known = np.array([[C, HOLD, HOLD, HOLD], [REST, REST, E, HOLD]], np.uint8)
    assert likeness(known[1], known) == 1
    assert likeness(np.array([C, HOLD, E, HOLD], np.uint8), known) == 0.5
    assert likeness(np.array([E, HOLD, HOLD, HOLD], np.uint8), known) == 0  # the holds belong to another note


def test_page_and_guide_show_what_was_measured(results: dict[str, Any]) -> None:
    assert (ROOT / "docs/reference/generators.md").read_text(encoding="utf-8") == page(results)
    guide = (ROOT / "docs/guide/latent.md").read_text(encoding="utf-8")
    assert guide == with_table(guide, results)
    with pytest.raises(ValueError, match="has no"):
        with_table("# A guide without a table", results)


def test_every_shipped_decoder_carries_its_figures(results: dict[str, Any]) -> None:
    names = {entry.name for entry in zoo.entries() if entry.task == "decode"}
    assert {f"{name}.decoder" for name in results["models"]} == names
    for name, found in results["models"].items():
        card = json.loads((ROOT / "models" / f"{name}.decoder.json").read_text(encoding="utf-8"))
        assert [row for row in card["evaluation"] if row["set"] == "samples"] == found["card"]
