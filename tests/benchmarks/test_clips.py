"""The benchmark on clips: its noise, its measures, what it keeps, and what it prints."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import cv2
import ghosts
import numpy as np
import pytest
from footage import clips, ffmpeg_clips, methods, page, tuning
from footage.clips import CLIPS, CONDITIONS, Clip, Trial
from footage.measures import Measures, measure
from footage.methods import Method
from footage.results import Results

from nitido.errors import SourceUnavailable
from nitido.frames import Frame

needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="no ffmpeg program")
COUNT = 14


def scene(seed: int = 3, height: int = 64, width: int = 96) -> Frame:
    coarse = np.random.default_rng(seed).integers(60, 200, (height // 8, width // 8, 3), np.uint8)
    return np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


def trial_of(clip: Clip = CLIPS[0], sigma: float = 10.0) -> Trial:
    rng, clean = np.random.default_rng(0), scene()
    given = [np.clip(clean + rng.normal(0, sigma, clean.shape), 0, 255).astype(np.uint8) for _ in range(COUNT)]
    return Trial(clip, "σ 10", tuple(given), (clean,) * COUNT)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for i in range(clips.FRAMES + 2):
        cv2.imwrite(str(folder / f"{i:05}.png"), np.full((20, 1200, 3), i, np.uint8))
    return tmp_path


def test_a_clip_begins_where_it_should_and_wide_ones_are_halved(data: Path) -> None:
    frames = clips.read_clip(data, Clip("a", "kind", "pictures", 2))
    assert len(frames) == clips.FRAMES
    assert frames[0].shape == (10, 600, 3)
    assert frames[0].max() == 2
    with pytest.raises(SourceUnavailable, match="expected 22 frames from number 5"):
        clips.read_clip(data, Clip("a", "kind", "pictures", 5))


def test_noise_is_the_same_every_time_and_new_in_every_frame(data: Path) -> None:
    clip = Clip("a", "kind", "pictures")
    for condition in CONDITIONS:
        one, other = (clips.open_trial(data, clip, condition, quick=True) for _ in range(2))
        assert one.digest == other.digest
        noise = [a.astype(int) - b for a, b in zip(one.given, one.clean, strict=True)]
        assert not np.array_equal(noise[4], noise[5])


def test_what_is_perfect_neither_flickers_nor_pulses() -> None:
    trial = trial_of()
    found = measure(trial.clean, trial.clean)
    assert found.flicker == found.pulsing == 0
    assert found.settled == np.inf


def test_white_noise_flickers_as_much_as_it_should() -> None:
    found = measure(trial_of().given, trial_of().clean)
    assert found.settled == pytest.approx(28.13, abs=0.3)
    assert found.flicker == pytest.approx(10 * np.sqrt(2) * np.sqrt(2 / np.pi), rel=0.05)
    assert found.pulsing is not None and 0.05 < found.pulsing < 1


def test_a_block_that_gets_brighter_and_darker_pulses_but_hardly_flickers() -> None:
    clean = [scene()] * 40
    slow = [f + np.uint8(round(3 + 3 * np.sin(i / 6))) for i, f in enumerate(clean)]
    found = measure(slow, clean)
    assert found.pulsing is not None and found.flicker is not None
    assert found.pulsing > 1.5 > 2.5 * found.flicker


def test_nothing_is_said_of_regions_that_are_not_there() -> None:
    moving = [scene(seed) for seed in range(COUNT)]
    found = measure(moving, moving)
    assert found.flicker is None and found.pulsing is None


def blurring(strength: float) -> methods.Restore:
    def restore(frames: Sequence[Frame]) -> list[Frame]:
        return [np.asarray(cv2.GaussianBlur(frame, (0, 0), strength), np.uint8) for frame in frames]

    return restore


def test_the_best_strength_is_found_from_either_side() -> None:
    trial = trial_of()
    found = {
        start: tuning.best_strength(Method("blur", "1", blurring, start, 0.1, 20.0), [trial]) for start in (0.02, 0.6)
    }
    qualities = {s: measure(blurring(s)(trial.given), trial.clean).settled for s in (0.3, *found.values(), 6.0)}
    assert all(qualities[s] > max(qualities[0.3], qualities[6.0]) for s in found.values())
    assert tuning.best_strength(Method("none", "1", blurring), [trial]) == 0


def test_results_are_kept_and_measured_again_only_where_something_changed(tmp_path: Path) -> None:
    method, trial = Method("blur", "1", blurring, 1.0), trial_of()
    measures = measure(trial.given, trial.clean)
    results = Results(tmp_path / "video.json")
    assert not results.holds(method, 1.0, trial)
    results.add(method, 1.0, trial, measures)
    results.add_strength(method, "σ 10", 1.5)
    again = Results(tmp_path / "video.json")
    assert again.holds(method, 1.0, trial)
    assert again.find("blur", trial.clip.name, "σ 10") == measures
    assert again.strength(method, "σ 10") == 1.5
    assert not again.holds(method, 2.0, trial)
    assert not again.holds(Method("blur", "2", blurring), 1.0, trial)
    assert not again.holds(method, 1.0, trial_of(sigma=11))
    assert again.strength(Method("blur", "2", blurring), "σ 10") is None


def test_a_mean_over_clips_that_are_not_all_measured_is_a_dash(tmp_path: Path) -> None:
    results = Results(tmp_path / "video.json")
    measures = Measures((30.0,) * 22, 1.5, None)
    for clip in CLIPS:
        if clip.kind != "webcam" or clip.name == "book":
            trial = Trial(clip, "σ 10", trial_of().given, trial_of().clean)
            results.add(Method("blur", "1", blurring), 0.0, trial, measures)
    text = page.render(results, "make it")
    row = next(line for line in text.splitlines() if line.startswith("| blur"))
    assert row == "| blur | 30.00 | 30.00 | 30.00 | – | – | – | – | – |"


@needs_ffmpeg
def test_ffmpeg_gets_and_returns_every_byte() -> None:
    given = list(trial_of().given)
    assert all(np.array_equal(a, b) for a, b in zip(given, ffmpeg_clips.ClipFilter("null")(given), strict=True))
    with pytest.raises(RuntimeError, match="nothing_of_the_kind"):
        ffmpeg_clips.ClipFilter("nothing_of_the_kind")(given)


@needs_ffmpeg
@pytest.mark.parametrize("method", methods.peers(None)[0], ids=lambda m: m.name)
def test_other_tools_take_some_noise_away(method: Method) -> None:
    trial = trial_of()
    strength = min(max(method.start * trial.level, method.least), method.most)
    assert measure(method.open(strength)(trial.given), trial.clean).settled > 28.3


def test_a_trail_is_a_ghost_and_a_clean_strip_is_none() -> None:
    change = ghosts.passing_square(scene(3, ghosts.HEIGHT, ghosts.WIDTH), scene())
    assert ghosts.values(change, change.clean) == [np.inf] * ghosts.AFTER
    late = [change.clean[0], *change.clean[:-1]]  # everything one frame late: the square is still there
    assert ghosts.values(change, late)[0] < 20
    assert ghosts.values(change, late)[1] == np.inf
