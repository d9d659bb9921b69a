"""A model and its frames."""

from __future__ import annotations

import weakref
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from nitido.errors import CardMismatch, FrameMismatch, ModelNotFound, NitidoError
from nitido.inference.model import load
from support.frames import frames_of, noise_frame
from support.latent_models import write_latent_model


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


def test_missing_and_foreign_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFound, match="no model named"):
        load("no-such-model")
    with pytest.raises(ModelNotFound, match="no such model file"):
        load(tmp_path / "absent.onnx")
    (tmp_path / "text.onnx").write_text("hello")
    with pytest.raises(CardMismatch, match="cannot be loaded"):
        load(tmp_path / "text.onnx", "cpu")


def test_a_latent_model_is_distinguished_from_an_image_model(tmp_path: Path) -> None:
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
