"""8 bits that cost no more than they say, on the shipped denoiser's weights and crops of real photographs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from nitido.errors import ExportError
from nitido.frames import Frame
from nitido.inference.model import Model
from nitido.inference.verify import verify
from nitido_export.draft import ReleaseInfo, draft
from nitido_export.export import export_float
from nitido_export.graph.frames import frame_graph
from nitido_export.proof.parity import check_parity
from nitido_export.publishing.publish import publish
from nitido_export.quantization import calibration as calibrate
from nitido_export.quantization import gptq as rounding
from nitido_export.quantization.calibration import calibration
from nitido_export.quantization.guard import QualityGuard
from nitido_export.quantization.reference import opened_reference
from nitido_export.quantization.report import write_quantization_report
from nitido_export.quantization.search import Outcome, quantize
from nitido_export.quantization.timing import Comparison
from nitido_train.checkpoint import Checkpoint, load_checkpoint
from nitido_train.evaluation.conditions import conditions, read_pictures
from nitido_train.nets.blocks import collapse
from nitido_train.objectives.options import RunOptions
from nitido_train.quantization.imitation import quantize_net
from nitido_train.quantization.layers import WEIGHT_LIMIT
from nitido_train.quantization.ranges import percentile_ranges
from nitido_train.quantization.tracing import layer_names
from nitido_train.recipe.tables import recipe_from_dict
from nitido_train.training.loop import train
from support.paths import ROOT
from support.tiny_models import random_checkpoint, tiny_recipe

SHIPPED = ROOT / "models" / "research" / "checkpoints" / "denoise-n-research.pt"
INFO = ReleaseInfo("none", "none")


def faster(_reference: Model, _candidate: Model) -> Comparison:
    return Comparison(reference_ms=2.0, candidate_ms=1.0, speedup=2.0)


def slower(_reference: Model, _candidate: Model) -> Comparison:
    return Comparison(reference_ms=1.0, candidate_ms=1.1, speedup=0.9)


@pytest.fixture
def pictures(photos: Path) -> list[Frame]:
    return [p[:160, :160] for p in read_pictures(photos)[:2]]


@pytest.fixture(scope="module", autouse=True)
def little_calibration() -> Iterator[None]:
    """Fewer crops and positions than a model that is to be shipped needs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(calibrate, "CROPS", 8)
        patch.setattr(rounding, "POSITIONS", 4096)
        yield


@pytest.fixture(scope="module")
def outcome(little_calibration: None) -> Outcome:
    """All layers of the shipped denoiser in 8 bits, on crops of two photographs."""
    folder = ROOT / "samples"
    return run(load_checkpoint(SHIPPED), [p[100:260, 100:260] for p in read_pictures(folder)[:2]], max_drop=5.0)


def run(checkpoint: Checkpoint, pictures: Sequence[Frame], max_drop: float, time=faster) -> Outcome:
    with opened_reference(checkpoint, None, INFO) as reference:
        guard = QualityGuard(max_drop, {"crops": conditions("denoise", 1, pictures)}, reference)
        return quantize(checkpoint, "m.int8", INFO, guard, pictures, time=time)


def integer_weights(model: onnx.ModelProto) -> dict[str, np.ndarray]:
    """The int8 weights of a quantized graph by name; empty for a float one."""
    return {
        i.name: onnx.numpy_helper.to_array(i)
        for i in model.graph.initializer
        if i.data_type == onnx.TensorProto.INT8 and len(i.dims) == 4
    }


@pytest.mark.slow
def test_weights_are_signed_integers_whose_neighbours_cannot_overflow_16_bits(outcome: Outcome) -> None:
    weights = integer_weights(outcome.draft.graph)
    assert len(weights) == 7 and outcome.draft.card.quantization["float_layers"] == []
    for values in weights.values():
        assert values.dtype == np.int8
        assert 90 < np.abs(values.astype(int)).max() <= WEIGHT_LIMIT
        row = values.astype(int).transpose(0, 2, 3, 1).reshape(len(values), -1, 2)  # channels last, two by two
        assert 255 * np.abs(row.sum(axis=2)).max() < 2**15
    scales = {i.name: i.dims for i in outcome.draft.graph.graph.initializer if i.name.endswith("weight_scale")}
    assert {name: list(dims) for name, dims in scales.items()}["convs_6.weight_scale"] == [16]


def unbalanced(checkpoint: Checkpoint) -> Checkpoint:
    """The same function with one layer that quantizes badly: half its inputs made small, their weights large."""
    state = {key: value.clone() for key, value in checkpoint.ema.items()}
    for key in ("plain", "bias"):
        state[f"body.convs.2.{key}"][:12] *= 1e-3
    # The identity branch is no weight: take it out of one layer and put it into the other by hand.
    for channel in range(12):
        state["body.convs.2.plain"][channel, channel, 1, 1] += 1e-3 - 1
    kernel = collapse(checkpoint.averaged_net()).body.convs[3].weight  # pyright: ignore
    extra = kernel[:, :12] * (1e3 - 1)
    state["body.convs.3.plain"][:, :12] += extra
    return replace(checkpoint, net=state, ema=state)


@pytest.mark.slow
def test_a_layer_that_quantizes_badly_stays_in_float(pictures: list[Frame], tmp_path: Path) -> None:
    good = load_checkpoint(SHIPPED)
    bad = unbalanced(good)
    frame = torch.rand(1, 3, 16, 16) - 0.5
    with torch.no_grad():
        assert (good.averaged_net()(frame) - bad.averaged_net()(frame)).abs().max() < 1e-4
    outcome = run(bad, pictures, max_drop=1.0)
    facts = outcome.draft.card.quantization
    assert outcome.attempts[0].drop > 1.0 >= facts["drop"]
    assert set(facts["float_layers"]) & {"convs_2", "convs_3"}
    assert 1 <= len(facts["float_layers"]) <= 4
    worst = max(outcome.sensitivities, key=lambda s: s.drop)
    assert worst.layer in ("convs_2", "convs_3")
    assert len(integer_weights(outcome.draft.graph)) == 7 - len(facts["float_layers"])
    publish(outcome.draft, tmp_path / "m.int8.onnx", INFO)
    assert verify(tmp_path / "m.int8.onnx", "cpu").passed
    text, plot = write_quantization_report(outcome, tmp_path / "reports")
    assert f"| {worst.layer} | {worst.drop:.4f} dB | float |" in text.read_text()
    assert plot.read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_float_layers_between_quantizers_stay_in_float(pictures: list[Frame]) -> None:
    # Newer ONNX Runtimes round the weights of any convolution between DequantizeLinear and QuantizeLinear.
    checkpoint = load_checkpoint(SHIPPED)
    net = checkpoint.frame_net()
    ranges = percentile_ranges(net.body, calibration(net, checkpoint.recipe, pictures)["body"].cells)
    for layer in layer_names(net.body):
        mixed = quantize_net(net, replace(ranges, float_layers=(layer,)))
        model = frame_graph(mixed).SerializeToString()
        assert check_parity(mixed, model, "int8")["psnr"] in (None, pytest.approx(75, abs=20)), layer


@pytest.mark.slow
def test_a_loss_that_cannot_be_met_and_a_file_that_is_not_faster_are_refused(pictures: list[Frame]) -> None:
    with pytest.raises(ExportError, match=r"--max-drop -5 dB cannot be met: .* loses .* of 3 layers in float"):
        run(random_checkpoint("denoise"), pictures[:1], max_drop=-5.0)
    with pytest.raises(ExportError, match=r"not faster here: 1\.1 ms a frame against 1\.0 ms"):
        run(load_checkpoint(SHIPPED), pictures[:1], max_drop=5.0, time=slower)


@pytest.mark.slow
def test_training_for_8_bits_exports_the_graph_it_trained(photos: Path, pictures: list[Frame], tmp_path: Path) -> None:
    raw = tiny_recipe(steps=4) | {"qat": {"steps": 3, "warmup": 0, "validate_every": 3, "lr": 1e-3}}
    recipe = recipe_from_dict(raw)
    options = RunOptions(out=tmp_path / "float", data=(photos,), workers=0, accelerator="cpu", progress=False)
    start = train(recipe, options)
    tuned = train(recipe, replace(options, out=tmp_path / "qat", start=start, qat=True))
    assert tuned.step == 3 and tuned.provenance["from"] == {"name": "tiny-denoise", "steps": 4}
    loaded = load_checkpoint(tmp_path / "qat" / "last.pt")
    assert loaded.quantization == tuned.quantization
    # Building a draft compares torch's imitation with ONNX Runtime's integers and raises if they differ.
    finished = draft(loaded.averaged_net(), loaded, "m.int8", INFO, "int8")
    assert len(integer_weights(finished.graph)) == 3
    with pytest.raises(ExportError, match="export it with --int8"):
        export_float(loaded, tmp_path / "m.onnx", INFO)
    # Longer, from its own last checkpoint, with the ranges it has.
    longer = replace(recipe, qat=replace(recipe.qat, steps=5))  # pyright: ignore
    resumed = train(longer, replace(options, out=tmp_path / "qat", start=start, qat=True, resume=True))
    assert (resumed.step, resumed.quantization) == (5, tuned.quantization)
    outcome = run(loaded, pictures, max_drop=20.0)
    assert outcome.attempts[0].method == tuned.quantization.method  # pyright: ignore
    assert outcome.draft.card.quantization["kind"] == "quantization-aware training"


@pytest.mark.slow
def test_the_exported_file_is_small_and_one(outcome: Outcome, tmp_path: Path) -> None:
    publish(outcome.draft, tmp_path / "m.int8.onnx", INFO)
    assert (tmp_path / "m.int8.onnx").stat().st_size < 80_000
    onnx.checker.check_model(onnx.load(str(tmp_path / "m.int8.onnx")), full_check=True)
