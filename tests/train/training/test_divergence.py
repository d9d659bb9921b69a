"""A training that has diverged ends at once, and nothing that came of it is kept, exported or verified."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, numpy_helper
from torch import Tensor, nn

from nitido.errors import CardMismatch, CheckpointError, ExportError, TrainingError
from nitido.inference.verify import verify
from nitido.model_file.properties import seal, with_properties
from nitido.model_file.weights import first_not_finite
from nitido_export.draft import ReleaseInfo
from nitido_export.export import export_float, export_parts
from nitido_export.pack.write import write_pack
from nitido_train.checkpoint import load_checkpoint
from nitido_train.objectives.frames import FrameObjective
from nitido_train.objectives.options import RunOptions
from nitido_train.recipe.tables import recipe_from_dict
from nitido_train.tensors import from_logits, to_frames
from nitido_train.training.loop import train
from support.recipes import random_latent_checkpoint, tiny_latent, write_digits
from support.tiny_models import random_checkpoint, tiny_recipe

INFO = ReleaseInfo("none", "none")


def options_for(out: Path, data: Path, **more: Any) -> RunOptions:
    return RunOptions(out=out, data=(data,), workers=0, accelerator="cpu", progress=False, **more)


def test_the_first_loss_that_is_not_finite_ends_the_training(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "run"
    loss = FrameObjective.loss

    def loss_then_nan(self: FrameObjective, net: nn.Module, batch: Any, step: int, device: torch.device) -> Tensor:
        return loss(self, net, batch, step, device) * (float("nan") if step == 4 else 1.0)

    monkeypatch.setattr(FrameObjective, "loss", loss_then_nan)
    with pytest.raises(TrainingError, match=r"loss is nan after step 5, .*last\.pt, is kept; try a lower learning"):
        train(recipe_from_dict(tiny_recipe()), options_for(run, photos))
    for name in ("last.pt", "best.pt"):
        state = load_checkpoint(run / name)
        assert state.step == 3
        assert all(weights.isfinite().all() for weights in state.ema.values())
    monkeypatch.undo()
    resumed = options_for(run, photos, resume=True)
    assert train(recipe_from_dict(tiny_recipe()), resumed).step == 6


def test_weights_that_overflow_end_the_training_before_anything_is_written(photos: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"after step \d, .*no checkpoint was written"):
        train(recipe_from_dict(tiny_recipe(lr=1e39, warmup=0)), options_for(tmp_path / "run", photos))
    assert not list((tmp_path / "run").glob("*.pt"))


def test_a_validation_that_is_not_finite_ends_the_training(tmp_path: Path) -> None:
    recipe = tiny_latent(lr=30.0, warmup=0, steps=40, validate_every=4, optimizer="adam")
    with pytest.raises(TrainingError, match="diverged"):
        train(recipe, options_for(tmp_path / "run", write_digits(tmp_path / "digits")))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_outputs_that_are_not_finite_are_not_rounded_to_pictures(value: float) -> None:
    outputs = torch.zeros(1, 3, 4, 4)
    outputs[0, 1, 2, 3] = value
    for to_pictures in (to_frames, from_logits):
        with pytest.raises(TrainingError, match="not finite"):
            to_pictures(outputs)


def test_weights_that_are_not_finite_are_not_exported(tmp_path: Path) -> None:
    state = random_checkpoint("denoise")
    name = list(state.ema)[-1]
    for value in (float("nan"), float("-inf")):
        broken = {**state.ema, name: torch.full_like(state.ema[name], value)}
        with pytest.raises(CheckpointError, match=rf"not finite \({name}"):
            export_float(replace(state, ema=broken), tmp_path / "m.onnx", INFO)
    large = {key: value * 1e15 for key, value in state.ema.items()}  # finite, but not what is computed with them
    with pytest.raises((TrainingError, ExportError), match="not finite"):
        export_float(replace(state, ema=large), tmp_path / "m.onnx", INFO)
    latent = random_latent_checkpoint("vae")
    large = {key: value * 1e15 for key, value in latent.ema.items()}
    with pytest.raises((TrainingError, ExportError), match="not finite"):
        export_parts(replace(latent, ema=large), tmp_path / "m.onnx", INFO, ("encoder", "decoder"))
    assert not list(tmp_path.iterdir())


def test_a_training_does_not_begin_or_go_on_with_weights_that_are_not_finite(photos: Path, tmp_path: Path) -> None:
    state = random_checkpoint("denoise")
    broken = {key: value * float("nan") for key, value in state.ema.items()}
    with pytest.raises(CheckpointError, match="not finite"):
        train(
            recipe_from_dict(tiny_recipe()),
            options_for(tmp_path / "run", photos, start=replace(state, net=broken, ema=broken)),
        )


def test_a_model_file_with_weights_that_are_not_finite_does_not_pass(
    tiny_models: dict[str, Path], tmp_path: Path
) -> None:
    model = onnx.load(str(tiny_models["denoise"]))
    kernel = next(t for t in model.graph.initializer if t.data_type == TensorProto.FLOAT and len(t.dims) == 4)
    values = numpy_helper.to_array(kernel).copy()
    values.flat[3] = np.nan
    kernel.CopyFrom(numpy_helper.from_array(values, kernel.name))
    blank = next(p for p in model.metadata_props if p.key == "nitido.seal")
    blank.value = "0" * 64
    path = tmp_path / "nan.onnx"
    path.write_bytes(seal(model.SerializeToString()))
    with pytest.raises(CardMismatch, match=rf"nan\.onnx: its weights are not finite \({kernel.name}\)"):
        verify(path, "cpu")
    with pytest.raises(ExportError, match="not finite"):
        write_pack(str(path), "ort", tmp_path / "packed")
    assert not (tmp_path / "packed").exists()


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("raw", [True, False])
def test_weights_are_found_however_they_are_stored(dtype: type[np.floating], raw: bool) -> None:
    values = np.array([1.0, np.inf, 2.0], dtype)
    if raw:
        tensor = numpy_helper.from_array(values, "w")
    else:
        kind = onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        tensor = onnx.helper.make_tensor("w", kind, [3], values)
    whole = numpy_helper.from_array(np.array([2**31 - 1], np.int32), "shape")
    constant = onnx.helper.make_node("Constant", [], ["w"], value=tensor)
    for nodes, weights in (([], [whole, tensor]), ([constant], [whole])):
        graph = onnx.helper.make_graph(nodes, "g", [], [], weights)
        assert first_not_finite(onnx.helper.make_model(graph).SerializeToString()) == "w"
    graph = onnx.helper.make_graph([], "g", [], [], [whole])
    assert first_not_finite(onnx.helper.make_model(graph).SerializeToString()) is None


def test_a_certificate_that_allows_anything_does_not_pass(tiny_models: dict[str, Path], tmp_path: Path) -> None:
    model = tiny_models["denoise"].read_bytes()
    properties = {p.key: p.value for p in onnx.load_from_string(model).metadata_props}
    text = properties["nitido.certificate"].replace('"tolerance": 1.0', '"tolerance": Infinity')
    assert "Infinity" in text
    path = tmp_path / "any.onnx"
    path.write_bytes(with_properties(model, {"nitido.certificate": text}))
    with pytest.raises(CardMismatch, match="certificate holds values that are not finite"):
        verify(path, "cpu")
