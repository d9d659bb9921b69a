"""Streams of frames, and models that remember the frame before."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from nitido.errors import CardMismatch
from nitido.inference.model import load
from nitido.model_file.card import CONTRACT, Card
from support.frames import frames_of, noise_frame
from support.tiny_models import remembering_net

if TYPE_CHECKING:
    import onnx

    from nitido_train.nets.frame import RecurrentFrameNet


def write_model(graph: onnx.ModelProto, path: Path, multiple: int) -> Path:
    """A graph as a model file with the least of a card."""
    card = Card(CONTRACT, path.stem, "denoise", "for tests", 1, multiple, 4, "bgr", 1, 1.0, 17, 8, "1.17", "none")
    for key, value in card.to_metadata().items():
        entry = graph.metadata_props.add()
        entry.key, entry.value = key, value
    path.write_bytes(graph.SerializeToString())
    return path


@pytest.fixture(scope="module")
def recurrent_net() -> RecurrentFrameNet:
    pytest.importorskip("torch")
    pytest.importorskip("onnx")
    # The state has a position for every 2 pixels, frames are padded to 8: its size does not follow from the card.
    return remembering_net(coarsest=4)


def graph_of(net: RecurrentFrameNet) -> onnx.ModelProto:
    from nitido_export.graph.frames import frame_graph

    return frame_graph(net)


@pytest.fixture(scope="module")
def recurrent_model(recurrent_net: RecurrentFrameNet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(graph_of(recurrent_net), tmp_path_factory.mktemp("recurrent") / "memory.onnx", 8)


def test_a_stream_of_a_plain_model_is_its_calls(tiny_models: dict[str, Path]) -> None:
    model = load(tiny_models["upscale"], "cpu")
    assert not model.recurrent
    frames = frames_of((9, 12), (9, 12), (7, 5))
    for frame, result in zip(frames, model.stream(frames), strict=True):
        assert np.array_equal(result, model(frame))


def test_a_stream_takes_frames_only_as_results_are_drawn(recurrent_model: Path, tiny_models: dict[str, Path]) -> None:
    for path in (recurrent_model, tiny_models["denoise"]):
        taken: list[int] = []
        results = load(path, "cpu").stream(taken.append(i) or noise_frame(8, 8) for i in range(9))
        for _ in range(2):
            next(results)
        assert taken == [0, 1]


def test_a_stream_of_a_recurrent_model_remembers(recurrent_net: RecurrentFrameNet, recurrent_model: Path) -> None:
    import torch

    from nitido_train.tensors import to_frames, to_tensor

    frames = frames_of((16, 24), (16, 24), (16, 24))
    model = load(recurrent_model, "cpu")
    assert model.recurrent
    results = list(model.stream(frames))
    state = None
    for frame, result in zip(frames, results, strict=True):
        with torch.no_grad():
            expected, state = recurrent_net(to_tensor(torch.from_numpy(frame[None])), state)
        assert int(np.abs(to_frames(expected)[0].astype(int) - result).max()) <= 1
    # Called, every frame is the first.
    assert np.array_equal(model(frames[0]), results[0])
    assert not np.array_equal(model(frames[2]), results[2])


@pytest.mark.parametrize("size", [(1, 1), (7, 5), (33, 18)])
def test_a_recurrent_model_takes_any_size(recurrent_model: Path, size: tuple[int, int]) -> None:
    results = list(load(recurrent_model, "cpu").stream(frames_of(size, size)))
    assert [r.shape for r in results] == [(*size, 3), (*size, 3)]


def test_a_frame_of_another_size_begins_anew(recurrent_model: Path) -> None:
    model = load(recurrent_model, "cpu")
    frames = frames_of((16, 16), (16, 16), (16, 24), (16, 24))
    results = list(model.stream(frames))
    assert np.array_equal(results[2], model(frames[2]))
    assert not np.array_equal(results[3], model(frames[3]))


def test_streams_of_one_model_do_not_share_a_past(recurrent_model: Path) -> None:
    model = load(recurrent_model, "cpu")
    frames = frames_of(*[(12, 12)] * 4)
    alone = list(model.stream(frames))
    one, other = model.stream(frames), model.stream(frames[::-1])
    mixed = [(next(one), next(other))[0] for _ in frames]
    assert np.array_equal(mixed, alone)
    side_by_side = list(model.stream(np.stack([a, b]) for a, b in zip(frames, frames[::-1], strict=True)))
    assert np.array_equal([pair[0] for pair in side_by_side], alone)


def test_bound_memory_gives_what_a_plain_run_gives(
    recurrent_model: Path, tiny_models: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, denoiser = load(recurrent_model, "cpu"), load(tiny_models["denoise"], "cpu")
    monkeypatch.setattr("nitido.inference.model.BOUND", {"cpu": "cpu"})  # the way of CUDA, on memory that is here
    bound = load(recurrent_model, "cpu")
    frames = frames_of(*[(17, 10)] * 3)
    assert np.array_equal(list(bound.stream(frames)), list(plain.stream(frames)))
    assert np.array_equal(list(bound.stream(frames, strength=0.5)), list(plain.stream(frames, strength=0.5)))
    bound = load(tiny_models["denoise"], "cpu")
    for strength in (0.5, 1.0):  # a binding cannot set an input that has a default
        assert np.array_equal(bound(frames[0], strength=strength), denoiser(frames[0], strength=strength))


def test_a_state_that_fits_no_grid_is_named(recurrent_net: RecurrentFrameNet, tmp_path: Path) -> None:
    model = load(write_model(graph_of(recurrent_net), tmp_path / "odd.onnx", 9), "cpu")
    with pytest.raises(CardMismatch, match="no size of state_in fits a grid of 9 pixels"):
        model(noise_frame(8, 8))


def test_a_state_without_its_return_is_refused(recurrent_net: RecurrentFrameNet, tmp_path: Path) -> None:
    graph = graph_of(recurrent_net)
    del graph.graph.output[[o.name for o in graph.graph.output].index("state_out")]
    with pytest.raises(CardMismatch, match="every state_in needs its state_out"):
        load(write_model(graph, tmp_path / "cut.onnx", 8), "cpu")
