"""Streams of frames, and models that remember the frame before."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from nitido.errors import CardMismatch
from nitido.inference.model import Model, load
from nitido.inference.streaming import FrameStream
from nitido.model_file.states import StateSpec
from support.frames import frames_of, noise_frame
from support.recurrent_models import PICTURE, WEIGHT, write_averaging_model


@pytest.fixture(scope="module")
def averaging(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("onnx")
    return write_averaging_model(tmp_path_factory.mktemp("recurrent") / "averaging.onnx")


@pytest.fixture(scope="module")
def levelled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("onnx")
    return write_averaging_model(tmp_path_factory.mktemp("recurrent") / "levelled.onnx", noise=True)


def averages(frames: list[NDArray[np.uint8]]) -> list[NDArray[np.float64]]:
    """What the model makes of frames that stand still."""
    results, past, weight = [], np.zeros(()), 0.0
    for frame in frames:
        past = weight * past + (1 - weight) * frame
        weight = 0.5 + weight / 2
        results.append(past)
    return results


def blobs(height: int = 96, width: int = 128) -> NDArray[np.uint8]:
    """A smooth picture with structure everywhere."""
    import cv2

    coarse = np.random.default_rng(3).integers(0, 256, (height // 8, width // 8, 3), np.uint8)
    return np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


def test_a_stream_of_a_plain_model_is_its_calls(tiny_models: dict[str, Path]) -> None:
    model = load(tiny_models["upscale"], "cpu")
    assert not model.recurrent
    frames = frames_of((9, 12), (9, 12), (7, 5))
    for frame, result in zip(frames, model.stream(frames), strict=True):
        assert np.array_equal(result, model(frame))


def test_a_stream_takes_frames_only_as_results_are_drawn(averaging: Path, tiny_models: dict[str, Path]) -> None:
    for path in (averaging, tiny_models["denoise"]):
        taken: list[int] = []
        results = load(path, "cpu").stream(taken.append(i) or noise_frame(8, 8) for i in range(9))
        for _ in range(2):
            next(results)
        assert taken == [0, 1]


def test_a_stream_of_a_recurrent_model_remembers(averaging: Path) -> None:
    frames = frames_of((16, 24), (16, 24), (16, 24))
    model = load(averaging, "cpu")
    assert model.recurrent
    results = list(model.stream(frames, align=False))
    for expected, result in zip(averages(frames), results, strict=True):
        assert np.abs(result - expected).max() <= 1
    # Called, every frame is the first.
    assert np.array_equal(model(frames[0]), results[0])
    assert not np.array_equal(model(frames[2]), results[2])


@pytest.mark.parametrize("size", [(1, 1), (7, 5), (33, 18), (75, 61)])
def test_a_recurrent_model_takes_any_size(averaging: Path, size: tuple[int, int]) -> None:
    results = list(load(averaging, "cpu").stream(frames_of(size, size)))
    assert [r.shape for r in results] == [(*size, 3), (*size, 3)]


def test_the_past_follows_the_picture(averaging: Path) -> None:
    still = blobs()
    moving = [np.ascontiguousarray(still[:, 4 * n : 4 * n + 96]) for n in range(6)]
    model = load(averaging, "cpu")

    def error(*, align: bool) -> float:
        *_, last = model.stream(moving, align=align)
        return float(np.abs(last[16:-16, 16:-16].astype(int) - moving[-1][16:-16, 16:-16]).mean())

    assert error(align=True) < 0.2 * error(align=False)
    # The same, of two streams side by side that move in different directions.
    pairs = [np.stack([a, b]) for a, b in zip(moving, moving[::-1], strict=True)]
    *_, (one, other) = model.stream(pairs)
    *_, alone = model.stream(moving)
    *_, back = model.stream(moving[::-1])
    assert np.array_equal(one, alone) and np.array_equal(other, back)


def test_a_state_that_may_not_be_warped_stays_where_it_is(tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    states = tuple(replace(state, warp="none") for state in (PICTURE, WEIGHT))
    model = load(write_averaging_model(tmp_path / "fixed.onnx", states=states), "cpu")
    frames = [np.roll(blobs(), 5 * n, 1) for n in range(3)]
    assert np.array_equal(list(model.stream(frames)), list(model.stream(frames, align=False)))


def test_a_frame_of_another_size_begins_again(averaging: Path) -> None:
    model = load(averaging, "cpu")
    frames = frames_of((16, 16), (16, 16), (16, 24), (16, 24))
    results = list(model.stream(frames))
    assert np.array_equal(results[2], model(frames[2]))
    assert not np.array_equal(results[3], model(frames[3]))


def test_a_cut_begins_again(levelled: Path) -> None:
    model = load(levelled, "cpu")
    assert model.has_noise
    calm, loud = [np.full((40, 40, 3), 90 + n, np.uint8) for n in range(3)], frames_of((40, 40), (40, 40))
    for noise in (None, 4.0):  # also when the level is known and the average is not needed
        results = list(model.stream([*calm, *loud], noise=noise))
        assert not np.array_equal(results[2], model(calm[2]))
        assert np.array_equal(results[3], model(loud[0]))
        assert not np.array_equal(results[4], model(loud[1]))


def test_a_stream_says_how_much_past_is_in_it_and_forgets_when_asked(averaging: Path) -> None:
    model = load(averaging, "cpu")
    stream = FrameStream(model)
    assert stream.past is None
    frames = frames_of(*[(16, 16)] * 4)
    found = []
    for frame in frames[:3]:
        stream(frame)
        found.append(stream.past)
    assert found == pytest.approx([0.5, 0.75, 0.875])
    stream.reset()
    assert np.array_equal(stream(frames[3]), model(frames[3]))


def test_streams_of_one_model_do_not_share_a_past(averaging: Path) -> None:
    model = load(averaging, "cpu")
    frames = frames_of(*[(12, 12)] * 4)
    alone = list(model.stream(frames))
    one, other = model.stream(frames), model.stream(frames[::-1])
    mixed = [(next(one), next(other))[0] for _ in frames]
    assert np.array_equal(mixed, alone)
    side_by_side = list(model.stream(np.stack([a, b]) for a, b in zip(frames, frames[::-1], strict=True)))
    assert np.array_equal([pair[0] for pair in side_by_side], alone)


def test_a_long_stream_stays_what_it_is(averaging: Path) -> None:
    """Many frames of a camera that shakes: the state neither drifts nor breaks."""
    picture, rng = blobs(72, 104), np.random.default_rng(1)

    def frame() -> NDArray[np.uint8]:
        y, x = rng.integers(0, 8, 2)
        noise = rng.normal(0, 6, (64, 96, 3))
        return np.clip(picture[y : y + 64, x : x + 96] + noise, 0, 255).astype(np.uint8)

    stream, gaps = FrameStream(load(averaging, "cpu")), []
    for _ in range(300):
        given = frame()
        gaps.append(stream(given)[8:-8, 8:-8].mean() - given[8:-8, 8:-8].mean())
    assert abs(float(np.mean(gaps[-100:]))) < 0.5
    assert stream.past is not None and 0 < stream.past < 1


def test_bound_memory_gives_what_a_plain_run_gives(
    averaging: Path, tiny_models: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, denoiser = load(averaging, "cpu"), load(tiny_models["denoise"], "cpu")
    monkeypatch.setattr("nitido.inference.model.BOUND", {"cpu": "cpu"})  # the way of CUDA, on memory that is here
    bound = load(averaging, "cpu")
    still, moving = frames_of(*[(17, 10)] * 3), [np.roll(blobs(), 6 * n, 1) for n in range(3)]
    for frames in (still, moving):
        assert np.array_equal(list(bound.stream(frames)), list(plain.stream(frames)))
    bound = load(tiny_models["denoise"], "cpu")
    for strength in (0.5, 1.0):  # a binding cannot set an input that has a default
        assert np.array_equal(bound(still[0], strength=strength), denoiser(still[0], strength=strength))


@pytest.mark.parametrize(
    ("states", "said"),
    [
        ((), "no recurrent model"),
        ((PICTURE,), "the graph has"),
        ((PICTURE, replace(WEIGHT, channels=2)), "with these channels expected"),
        ((PICTURE, StateSpec("count", 1, 2, "linear")), "state_in_count"),
        ((PICTURE, replace(WEIGHT, grid=3)), "a grid that divides 8"),
        ((PICTURE, replace(WEIGHT, warp="cubic")), "a warp of linear, nearest, none"),
    ],
)
def test_a_card_that_describes_other_states_is_refused(
    tmp_path: Path, states: tuple[StateSpec, ...], said: str
) -> None:
    pytest.importorskip("onnx")
    path = write_averaging_model(tmp_path / "odd.onnx", states=states)
    with pytest.raises(CardMismatch, match=said):
        Model(path, "cpu")
