"""The side-by-side benchmark: what it measures on, what it keeps, what it prints."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from comparison import datasets, ffmpeg, methods, page, plot, quality, speed
from comparison.datasets import Trial
from comparison.methods import Method
from comparison.results import Quality, Results
from torchmetrics.functional.image import structural_similarity_index_measure

from nitido.frames import Frame
from nitido_train.data import degrade
from nitido_train.evaluation.conditions import conditions
from nitido_train.evaluation.metrics import psnr

needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="no ffmpeg program")


def photo(seed: int = 0, side: int = 48) -> Frame:
    """Smooth ground with an edge, so that denoising has something to keep and something to take away."""
    rng = np.random.default_rng(seed)
    ramp = np.linspace(40, 160, side)[:, None, None] + np.zeros((side, side, 3))
    ramp[:, side // 2 :] += rng.integers(20, 60, 3)
    return degrade.to_bytes(ramp)


@pytest.fixture
def trial() -> Trial:
    clean = [photo(i) for i in range(9)]
    given = [datasets.add_noise(p, "σ 25", i) for i, p in enumerate(clean)]
    return Trial("denoise", "photos", "σ 25", tuple(map(str, range(9))), given, clean, level=25.0)


def row(method: str, psnr_db: float, pictures: tuple[int, ...] = (0, 1), digest: str = "d") -> Quality:
    scores, similarities = (psnr_db,) * len(pictures), (0.9,) * len(pictures)
    return Quality(method, "CBSD68", "σ 25", "id", digest, None, pictures, scores, similarities)


@pytest.mark.parametrize("condition", datasets.NOISES)
def test_noise_is_the_same_in_every_run_and_differs_from_picture_to_picture(condition: str) -> None:
    clean = photo()
    once, again, other = (datasets.add_noise(clean, condition, position) for position in (0, 0, 1))
    assert np.array_equal(once, again)
    assert not np.array_equal(once, other)


def test_gaussian_noise_is_that_of_evaluate() -> None:
    clean = [photo(0), photo(1)]
    assert all(
        np.array_equal(datasets.add_noise(c, "σ 15", i), expected)
        for i, (c, expected) in enumerate(zip(clean, conditions("denoise", 1, clean)[0].given, strict=True))
    )


def test_camera_noise_grows_with_the_exposure_and_with_light() -> None:
    grey = np.full((96, 96, 3), 120, np.uint8)
    spreads = [float(np.std(datasets.add_noise(grey, name, 0).astype(float) - 120)) for name in datasets.CAMERAS]
    assert spreads == sorted(spreads)
    assert spreads[0] < 0.6 * spreads[-1]


def test_quality_is_measured_once_and_again_for_another_method_or_other_pictures(trial: Trial, tmp_path: Path) -> None:
    def method(identity: str) -> Method:
        return Method("blur", "denoise", identity, lambda _: lambda p: p)

    path = tmp_path / "benchmarks.json"
    assert quality.measure(method("1"), trial, Results(path))
    assert not quality.measure(method("1"), trial, Results(path))
    assert quality.measure(method("2"), trial, Results(path))
    changed = replace(trial, given=[p.copy() for p in trial.given])
    changed.given[3][0, 0, 0] ^= 1
    assert quality.measure(method("2"), changed, Results(path))


def test_an_interrupted_run_keeps_what_it_had(trial: Trial, tmp_path: Path) -> None:
    path = tmp_path / "benchmarks.json"

    def fails(_: float) -> methods.Restore:
        raise KeyboardInterrupt

    quality.measure(Method("input", "denoise", "1", lambda _: lambda p: p), trial, Results(path))
    with pytest.raises(KeyboardInterrupt):
        quality.measure(Method("late", "denoise", "1", fails), trial, Results(path))
    kept = Results(path).find("input", "photos", "σ 25")
    assert kept is not None
    expected = np.mean([psnr(g, c) for g, c in zip(trial.given, trial.clean, strict=True)])
    assert kept.mean() == pytest.approx((expected, np.mean(kept.ssim)), abs=1e-3)


def test_slow_methods_do_a_part_of_the_pictures(trial: Trial, tmp_path: Path) -> None:
    results = Results(tmp_path / "benchmarks.json")
    trial = replace(trial, names=trial.names * 2, given=trial.given * 2, clean=trial.clean * 2)
    quality.measure(Method("slow", "denoise", "1", lambda _: lambda p: p, slow=True), trial, results)
    found = results.find("slow", "photos", "σ 25")
    assert found is not None
    assert found.pictures == (0, 10)
    assert found.mean(range(18)) is None
    assert found.mean([10]) is not None


def test_results_of_other_pictures_and_of_models_that_are_gone_are_forgotten(tmp_path: Path) -> None:
    results = Results(tmp_path / "benchmarks.json")
    for found in (row("a", 30, digest="new"), row("b", 30, digest="old")):
        results.add(found)
    results.drop_others("CBSD68", "σ 25", "new")
    assert [r.method for r in results.quality.values()] == ["a"]
    results.speed = {"a": {"task": "denoise", "parameters": 3}}
    results.drop_models("denoise", ["b"])
    assert not results.quality
    assert not results.speed


def test_a_file_of_something_else_is_not_taken_for_results(tmp_path: Path) -> None:
    path = tmp_path / "benchmarks.json"
    path.write_text("{}")
    with pytest.raises(ValueError, match="does not hold benchmark results"):
        Results(path)


def test_the_best_strength_is_found_on_either_side_of_the_start() -> None:
    for best in (3.0, 10.0, 40.0):
        found = quality.best_strength(lambda s, best=best: -abs(np.log(s / best)), 10.0)
        assert best / quality.STEP**0.5 <= found <= best * quality.STEP**0.5 * 1.001


def test_ssim_is_that_of_torchmetrics_where_windows_lie_inside() -> None:
    a, b = photo(0)[..., 0], datasets.add_noise(photo(0), "σ 25", 0)[..., 0]
    tensors = [torch.from_numpy(p.astype(np.float64))[None, None] for p in (a, b)]
    _, whole = structural_similarity_index_measure(*tensors, data_range=255.0, return_full_image=True)
    assert quality.ssim(a, b) == pytest.approx(float(whole[..., 5:-5, 5:-5].mean()), abs=1e-9)
    assert quality.ssim(a, a) == 1.0


def test_tables_show_the_best_in_bold_and_leave_open_what_is_not_known() -> None:
    column = ("CBSD68", "σ 25")
    lines = [
        page.Line("ours", ("1 K",) * 6, {column: (30.123, 0.876)}),
        page.Line("theirs", ("",) * 6, {column: (29.0, 0.8)}),
        page.Line("*Net, published*", ("",) * 6, {column: (31.0, None)}),
        page.Line("slow", ("",) * 6, {column: None}),
    ]
    head, _, *rows = page.table(lines, [column], facts=False)
    assert head == "| method | CBSD68 σ 25 |"
    assert rows == [
        "| ours | **30.12** / 0.876 |",
        "| theirs | 29.00 / 0.800 |",
        "| *Net, published* | 31.00 |",
        "| slow |  |",
    ]


def test_the_page_compares_all_methods_on_the_pictures_of_the_slow_one(tmp_path: Path) -> None:
    results = Results(tmp_path / "benchmarks.json")
    fast = replace(row("fast", 30, (0, 1, 2)), psnr=(20.0, 30.0, 40.0))
    for found in (fast, row("BM3D", 32, (0,))):
        results.add(found)
    results.speed = {
        "fast": {"task": "denoise", "ms": 12.3, "parameters": 26_052, "macs_per_pixel": 6480.0, "bytes": 136_000},
        "BM3D": {"task": "denoise", "ms": 23_456.0},
    }
    text = page.render(results, command="make bench", plot="b.png", task="denoise")
    assert "| fast | 26.1 K | 6.5 K | 136 KB | 12.3 ms |" in text
    assert "23,456 ms" in text
    first, second = text.split("All methods on every")
    assert "**30.00** / 0.900" in first
    assert "| fast | 20.00 / 0.900 |" in second
    assert "| BM3D | **32.00** / 0.900 |" in second
    assert "published (unclipped float noise)" in first


def test_the_plot_shows_what_was_timed(tmp_path: Path) -> None:
    results = Results(tmp_path / "benchmarks.json")
    for found in (row("ours", 30), row("theirs", 28), row("not timed", 29)):
        results.add(found)
    results.speed = {"ours": {"task": "denoise", "ms": 9.0, "parameters": 1}, "theirs": {"task": "denoise", "ms": 90.0}}
    found, part = plot.points(results, "CBSD68", "σ 25")
    assert part == ""
    results.add(row("slow", 31, (1,)))
    assert plot.points(results, "CBSD68", "σ 25")[1].startswith("1 of ")
    assert [(p.name, p.ms, p.ours) for p in found] == [("ours", 9.0, True), ("theirs", 90.0, False)]
    assert plot.draw(results).startswith(b"\x89PNG")


def test_methods_take_turns_and_a_slow_one_drops_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speed, "SIDE", 64)
    monkeypatch.setattr(speed, "BUDGET", 0.0)
    order: list[str] = []

    def run(name: str) -> methods.Restore:
        def restore(picture: Frame) -> Frame:
            order.append(name)
            return picture

        return restore

    times = speed.time_all({"a": run("a"), "b": run("b")}, photo(), rounds=5)
    assert order == ["a", "b", "b", "a", "a", "b"]
    assert len(times["a"]) == speed.ENOUGH


@needs_ffmpeg
def test_ffmpeg_returns_the_frames_it_is_given_with_their_times() -> None:
    picture = datasets.add_noise(photo(side=64), "σ 25", 0)[:, :50]
    through = ffmpeg.FfmpegFilter("null")
    assert np.array_equal(through(picture), picture)
    assert ffmpeg.FfmpegFilter("format=gbrp,dctdnoiz=20").seconds(picture) > 0


@needs_ffmpeg
def test_an_ffmpeg_that_fails_says_why() -> None:
    with pytest.raises(RuntimeError, match="nosuchfilter"):
        ffmpeg.FfmpegFilter("nosuchfilter")(photo())


def test_every_denoiser_at_hand_takes_noise_away(trial: Trial) -> None:
    """But hqdn3d, which hardly does without a past, and BM3D, which takes seconds."""
    found, _ = methods.denoisers()
    noisy = quality.score(trial, 0, lambda p: p)[0]
    for method in found:
        if method.name not in ("input", "ffmpeg hqdn3d", "BM3D"):
            assert quality.score(trial, 0, method.open(method.start * trial.level))[0] > noisy + 2, method.name


def test_every_interpolation_enlarges() -> None:
    for method in methods.upscalers()[0]:
        assert method.open(3.0)(photo(side=20)).shape == (60, 60, 3)
