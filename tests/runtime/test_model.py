from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest

from nitido import zoo
from nitido.errors import CardMismatch, FrameMismatch, ModelNotFound, ProviderUnavailable
from nitido.model import Model, load

SHIPPED = [entry.name for entry in zoo.entries()]


def noise_frame(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(height * width).integers(0, 256, (height, width, 3), dtype=np.uint8)


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
    from nitido.tiling import run_tiled

    model = load(tiny_models["denoise"], "cpu")
    frame = noise_frame(96, 96)
    short = run_tiled(frame, model, scale=1, tile=24, halo=model.card.halo - 2, multiple=2)
    assert int(np.abs(model(frame, tile=0).astype(int) - short.astype(int)).max()) > 1


@pytest.mark.parametrize("name", SHIPPED)
@pytest.mark.parametrize(("height", "width"), [(1, 1), (7, 5), (479, 641)])
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


def test_missing_cuda_is_an_error_and_auto_says_what_it_chose(tiny_models: dict[str, Path]) -> None:
    if "CUDAExecutionProvider" in ort.get_available_providers():
        pytest.skip("this onnxruntime offers CUDA")
    with pytest.raises(ProviderUnavailable, match="onnxruntime-gpu"):
        load(tiny_models["denoise"], "cuda")
    assert load(tiny_models["denoise"], "auto").device == "cpu"


def test_a_silent_fallback_is_an_error(tiny_models: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    # What onnxruntime-gpu does where the CUDA libraries are missing: offers CUDA, then runs on the CPU.
    monkeypatch.setattr(ort, "get_available_providers", lambda: ["CUDAExecutionProvider", "CPUExecutionProvider"])
    real = ort.InferenceSession
    monkeypatch.setattr(ort, "InferenceSession", lambda p, o, providers: real(p, o, providers=["CPUExecutionProvider"]))
    monkeypatch.setattr(ort, "preload_dlls", lambda: None, raising=False)
    with pytest.raises(ProviderUnavailable, match="runs on CPUExecutionProvider"):
        load(tiny_models["denoise"], "cuda")


def test_missing_and_foreign_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFound, match="no model named"):
        load("no-such-model")
    with pytest.raises(ModelNotFound, match="no such model file"):
        load(tmp_path / "absent.onnx")
    (tmp_path / "text.onnx").write_text("hello")
    with pytest.raises(CardMismatch, match="cannot be loaded"):
        load(tmp_path / "text.onnx", "cpu")
