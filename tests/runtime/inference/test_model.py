from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import weakref
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import nitido
from nitido.errors import CardMismatch, FrameMismatch, ModelNotFound, NitidoError
from nitido.inference.model import Model, load
from nitido.model_file import zoo
from nitido.model_file.card import CONTRACT, Card
from support.frames import frames_of, noise_frame
from support.latent_models import write_latent_model
from support.tiny_models import remembering_net

if TYPE_CHECKING:
    import onnx

    from nitido_train.nets.frame import RecurrentFrameNet

SHIPPED = [entry.name for entry in zoo.entries() if entry.takes_frames]


def assert_tiles_equal_whole(model: Model, height: int, width: int, tile: int) -> None:
    frame = noise_frame(height, width)
    whole = model(frame, tile=0)
    assert whole.shape == (height * model.card.scale, width * model.card.scale, 3)
    tiled = model(frame, tile=tile)
    # One level: a convolution may sum in another order for another frame size.
    assert int(np.abs(whole.astype(int) - tiled.astype(int)).max()) <= 1


@pytest.mark.parametrize("task", ["denoise", "upscale"])
@pytest.mark.parametrize(("height", "width"), [(1, 1), (7, 5), (64, 64), (131, 97)])
def test_tiles_equal_the_whole(tiny_models: dict[str, Path], task: str, height: int, width: int) -> None:
    assert_tiles_equal_whole(load(tiny_models[task], "cpu"), height, width, tile=24)


def test_a_halo_that_is_too_small_shows(tiny_models: dict[str, Path]) -> None:
    from nitido.inference.tiling import run_tiled

    model = load(tiny_models["denoise"], "cpu")
    frame = noise_frame(96, 96)
    short = run_tiled(frame, model, scale=1, tile=24, halo=model.card.halo - 2, multiple=2)
    assert int(np.abs(model(frame, tile=0).astype(int) - short.astype(int)).max()) > 1


@pytest.mark.parametrize("name", SHIPPED)
@pytest.mark.parametrize(("height", "width"), [(1, 1), (7, 5), pytest.param(479, 641, marks=pytest.mark.slow)])
def test_shipped_models_tile_exactly(name: str, height: int, width: int) -> None:
    assert_tiles_equal_whole(load(name, "cpu"), height, width, tile=128)


def test_a_batch_equals_its_frames(tiny_models: dict[str, Path]) -> None:
    model = load(tiny_models["denoise"], "cpu")
    frames = np.stack([noise_frame(33, 40), noise_frame(33, 40)[::-1]])
    assert np.array_equal(model(frames)[1], model(frames[1]))


def test_strength_blends_from_the_input(tiny_models: dict[str, Path]) -> None:
    model = load(tiny_models["denoise"], "cpu")
    frame = noise_frame(20, 20)
    assert np.array_equal(model(frame, strength=0.0), frame)
    assert not np.array_equal(model(frame, strength=0.5), model(frame))
    with pytest.raises(FrameMismatch, match="no adjustable strength"):
        load(tiny_models["upscale"], "cpu")(frame, strength=0.5)


@pytest.mark.parametrize(
    "bad", [np.zeros((4, 4, 3), np.float32), np.zeros((4, 4), np.uint8), np.zeros((0, 4, 3), np.uint8)]
)
def test_wrong_arrays_are_refused(tiny_models: dict[str, Path], bad: np.ndarray) -> None:
    with pytest.raises(FrameMismatch, match="expected"):
        load(tiny_models["denoise"], "cpu")(bad)


@pytest.mark.parametrize("tile", [-3, -1, 2.5, float("nan"), True, "24"])
def test_a_side_that_no_tile_can_have_is_refused(tiny_models: dict[str, Path], tile: Any) -> None:
    model, frame = load(tiny_models["denoise"], "cpu"), noise_frame(20, 20)
    with pytest.raises(FrameMismatch, match="tile expects a side in whole pixels, or 0 to never tile, found"):
        model(frame, tile=tile)
    assert np.array_equal(model(frame, tile=np.uint8(250)), model(frame, tile=0))  # type: ignore[arg-type]


def test_missing_and_foreign_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFound, match="no model named"):
        load("no-such-model")
    with pytest.raises(ModelNotFound, match="no such model file"):
        load(tmp_path / "absent.onnx")
    (tmp_path / "text.onnx").write_text("hello")
    with pytest.raises(CardMismatch, match="cannot be loaded"):
        load(tmp_path / "text.onnx", "cpu")


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

    from nitido_train.data.pictures import to_tensor
    from nitido_train.evaluation.validation import to_pictures

    frames = frames_of((16, 24), (16, 24), (16, 24))
    model = load(recurrent_model, "cpu")
    assert model.recurrent
    results = list(model.stream(frames))
    state = None
    for frame, result in zip(frames, results, strict=True):
        with torch.no_grad():
            expected, state = recurrent_net(to_tensor(torch.from_numpy(frame[None])), state)
        assert int(np.abs(to_pictures(expected)[0].astype(int) - result).max()) <= 1
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
    monkeypatch.setattr("nitido.inference.model._BOUND", {"cpu": "cpu"})  # the way of CUDA, on memory that is here
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


def test_a_latent_model_is_told_from_an_image_model(tmp_path: Path) -> None:
    model = write_latent_model(tmp_path)
    with pytest.raises(CardMismatch, match=r"expected frame → image, found z → image .*'nitido embed'"):
        load(f"{model}.decoder.onnx", "cpu")


def test_leaving_the_block_frees_the_session(tiny_models: dict[str, Path]) -> None:
    with load(tiny_models["denoise"], "cpu") as model:
        model.warm_up(8, 8)
        session = weakref.ref(model._session)
        assert session() is not None
    assert session() is None
    assert "closed" in repr(model)
    model.close()
    with pytest.raises(NitidoError, match="closed"):
        model(noise_frame(8, 8))


def test_a_warm_up_of_no_size_is_refused(tiny_models: dict[str, Path]) -> None:
    with pytest.raises(FrameMismatch, match="no empty side"):
        load(tiny_models["denoise"], "cpu").warm_up(0, 8)


def test_threads_share_a_model(tiny_models: dict[str, Path]) -> None:
    model = load(tiny_models["denoise"], "cpu", threads=1)
    frames = frames_of(*[(40, 30 + i) for i in range(8)])
    alone = [model(frame) for frame in frames]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(model, frames * 3))
    assert all(np.array_equal(a, b) for a, b in zip(alone * 3, together, strict=True))


def test_an_autoencoder_is_told_to_be_in_two_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_latent_model(tmp_path, "mine")
    monkeypatch.setenv(zoo.ENVIRONMENT, str(tmp_path))
    for name in ("vae-digits", "mine"):
        said = f"{name} is not one file: its parts are {name}.encoder and {name}.decoder; name one of them"
        with pytest.raises(ModelNotFound, match=said):
            load(name)


def test_the_package_is_light_and_its_names_are_there() -> None:
    code = "import sys, nitido; print(sorted({'onnxruntime', 'cv2', 'numpy', 'PIL', 'click'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    for name in nitido.__all__:
        assert getattr(nitido, name) is not None
    assert set(nitido.__all__) <= set(dir(nitido))
    with pytest.raises(AttributeError, match="no attribute 'absent'"):
        _ = nitido.absent


def test_a_tasks_name_stands_for_one_model_at_each_scale(
    tiny_models: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tiny_models["upscale"].read_bytes()
    row = {"task": "upscale", "summary": "", "sha256": hashlib.sha256(data).hexdigest()}
    named = [("four", 4, True), ("two", 2, True), ("other-two", 2, False)]
    rows = [row | {"name": n, "file": f"{n}.onnx", "scale": s, "default": d} for n, s, d in named]
    for name, *_ in named:
        (tmp_path / f"{name}.onnx").write_bytes(data)
    (tmp_path / "index.json").write_text(json.dumps({"contract": 1, "models": rows}))
    monkeypatch.setattr(zoo, "_folders", lambda: [tmp_path])
    assert [zoo.find("upscale", scale).stem for scale in (None, 2, 4)] == ["two", "two", "four"]
    assert zoo.find("other-two", 4).stem == "other-two"  # a name is a name; its scale is another check
    with pytest.raises(ModelNotFound, match="no model for 'upscale' ×3: there are ×2, ×4"):
        zoo.find("upscale", 3)
