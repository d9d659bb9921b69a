"""8 bits that cost no more than they say, on the shipped denoiser's weights and crops of real photographs."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
import onnx
import pytest
import torch
from click.testing import CliRunner

from nitido.errors import CheckpointError, ExportError, NitidoError, SinkUnavailable, SourceUnavailable
from nitido.frames import Frame
from nitido.inference.model import Model
from nitido.inference.verify import verify
from nitido_export.cli import export as cli
from nitido_export.draft import ReleaseInfo, draft
from nitido_export.export import export_float
from nitido_export.graph.frames import frame_graph
from nitido_export.proof.parity import check_parity
from nitido_export.publishing.publish import publish
from nitido_export.quantization import calibration as calibrate
from nitido_export.quantization import gptq as rounding
from nitido_export.quantization.calibration import calibration
from nitido_export.quantization.fp16 import to_fp16
from nitido_export.quantization.gptq import compensate, round_columns
from nitido_export.quantization.guard import QualityGuard
from nitido_export.quantization.reference import opened_reference
from nitido_export.quantization.report import write_quantization_report
from nitido_export.quantization.search import Outcome, quantize
from nitido_export.quantization.timing import Comparison
from nitido_train.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from nitido_train.evaluation.conditions import conditions, read_pictures
from nitido_train.nets.blocks import collapse
from nitido_train.nets.frame import FrameNet
from nitido_train.quantization.imitation import QuantizedConv2d, quantize_net
from nitido_train.quantization.layers import PAIR_LIMIT, WEIGHT_LIMIT
from nitido_train.quantization.ranges import percentile_ranges
from nitido_train.quantization.tracing import layer_names
from nitido_train.recipe.tables import recipe_from_dict
from nitido_train.training.loop import train
from nitido_train.training.setup import RunOptions
from support.paths import ROOT
from support.tiny_models import random_checkpoint, tiny_recipe

SHIPPED = ROOT / "models" / "checkpoints" / "denoise-n.pt"
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
    folder = SHIPPED.parents[2] / "samples"
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
    assert {name: list(dims) for name, dims in scales.items()}["convs_6.weight_scale"] == [12]


def test_rounding_keeps_the_sum_of_every_kernel() -> None:
    torch.manual_seed(0)
    conv = QuantizedConv2d(torch.nn.Conv2d(16, 8, 3), input_scale=0.01)
    integers, scale = conv.integer_weight()
    exact = conv.conv.weight.detach().sum(dim=(2, 3)) / scale[:, None]  # O I
    assert (integers.float().sum(dim=(2, 3)) - exact).abs().max() <= 0.5 + 1e-4
    far = (integers - conv.conv.weight.detach() / scale[:, None, None, None]).abs()
    assert far.max() < 1.5 and far.mean() < 0.35
    plain = torch.round(conv.conv.weight.detach() / scale[:, None, None, None]).sum(dim=(2, 3))
    assert (plain - exact).abs().max() > 0.8  # what independent rounding does


@pytest.mark.slow
def test_compensated_rounding_beats_rounding_to_the_nearest(pictures: list[Frame]) -> None:
    checkpoint = load_checkpoint(SHIPPED)
    net = cast(FrameNet, collapse(checkpoint.frame_net()))
    measured = calibration(net, checkpoint.recipe, pictures[:1])
    ranges = percentile_ranges(net.body, measured.cells, 99.99)
    other = calibration(net, checkpoint.recipe, pictures[1:])  # judged on crops that it was not fitted on
    cells = torch.cat(other.cells)

    def error(quantized: FrameNet) -> float:
        with torch.no_grad():
            return float((quantized.body(cells) - net.body(cells)).square().mean())

    nearest, compensated = quantize_net(net, ranges), quantize_net(net, ranges)
    compensate(compensated, net, measured)
    assert error(compensated) < 0.6 * error(nearest)
    layers = [m for m in compensated.body.modules() if isinstance(m, QuantizedConv2d)]
    assert len(layers) == 7
    for layer in layers:
        integers, _ = layer.integer_weight()
        pairs = integers.int().permute(0, 2, 3, 1).reshape(len(integers), -1, 2).sum(2)
        assert int(pairs.abs().max()) <= PAIR_LIMIT
    # The network it was made from, and other networks made from it, are as they were.
    assert error(quantize_net(net, ranges)) == error(nearest)


def test_columns_make_up_for_each_other_within_the_limits() -> None:
    # Two inputs that always agree: only the sum of their weights counts, and 0.3 + 0.3 is nearer to 1 than to 0.
    agree = torch.tensor([[1.0, 0.999], [0.999, 1.0]], dtype=torch.float64)
    exact, step = torch.tensor([[0.3, 0.3]], dtype=torch.float64), torch.ones(1, dtype=torch.float64)
    assert round_columns(exact, agree, step).sum() == 1
    assert round_columns(exact, torch.eye(2, dtype=torch.float64), step).tolist() == [[0, 0]]
    large = torch.tensor([[200.0, 90.0], [-90.0, -90.0], [90.0, -120.0]], dtype=torch.float64)
    limited = round_columns(large, torch.eye(2, dtype=torch.float64), torch.ones(3, dtype=torch.float64))
    assert limited.tolist() == [[127, 1], [-90, -38], [90, -120]]


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
    ranges = percentile_ranges(net.body, calibration(net, checkpoint.recipe, pictures).cells)
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
def test_half_precision_is_guarded_too_and_says_that_it_was_not_timed(pictures: list[Frame]) -> None:
    checkpoint = load_checkpoint(SHIPPED)
    with opened_reference(checkpoint, None, INFO) as reference:
        held_out = {"crops": conditions("denoise", 1, pictures[:1])}
        half = to_fp16(checkpoint, "m.fp16", INFO, QualityGuard(0.1, held_out, reference))
        assert half.card.precision == "fp16" and "not timed" in half.card.quantization["timing"]
        with pytest.raises(ExportError, match="the fp16 model loses"):
            to_fp16(checkpoint, "m.fp16", INFO, QualityGuard(-1.0, held_out, reference))
        cameras = {"crops": conditions("denoise", 1, pictures[:1], cameras=True)}
        scores = to_fp16(checkpoint, "m.fp16", INFO, QualityGuard(0.1, cameras, reference)).card.quantization["scores"]
        assert [row["condition"] for row in scores] == [f"crops, camera noise, {n}" for n in ("low", "mid", "high")]


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


def test_quantization_aware_training_needs_a_start_and_a_schedule(photos: Path, tmp_path: Path) -> None:
    options = RunOptions(out=tmp_path, data=(photos,), workers=0, accelerator="cpu", progress=False, qat=True)
    recipe = recipe_from_dict(tiny_recipe())
    with pytest.raises(NitidoError, match=r"no \[qat\] table"):
        train(recipe, options)
    with_table = recipe_from_dict(tiny_recipe() | {"qat": {"steps": 2}})
    with pytest.raises(CheckpointError, match="--from"):
        train(with_table, options)
    with pytest.raises(CheckpointError, match="the recipe asks for"):
        train(with_table, replace(options, start=load_checkpoint(SHIPPED)))


def test_a_full_disk_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "m.onnx"
    target.write_bytes(b"old")
    finished = draft(load_checkpoint(SHIPPED).averaged_net(), load_checkpoint(SHIPPED), "m", INFO)

    def full(_file: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(SinkUnavailable, match="No space left"):
        publish(finished, target, INFO)
    assert [(p.name, p.read_bytes()) for p in tmp_path.iterdir()] == [("m.onnx", b"old")]


def test_bad_input_is_named_and_nothing_is_written(photos: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    out = tmp_path / "out" / "m.int8.onnx"
    common = [str(SHIPPED), "-o", str(out), "--int8", "--holdout", str(photos)]
    runner = CliRunner()
    with pytest.raises(SourceUnavailable, match="no pictures in"):
        runner.invoke(cli.export, [*common, "--calib", str(empty)], catch_exceptions=False, standalone_mode=False)
    assert runner.invoke(cli.export, common).exit_code == 2
    strange = load_checkpoint(SHIPPED)
    net = replace(strange.recipe.net, kind="mystery")
    save_checkpoint(replace(strange, recipe=replace(strange.recipe, net=net)), tmp_path / "last.pt")
    with pytest.raises(CheckpointError, match="unknown network 'mystery'"):
        runner.invoke(cli.export, [str(tmp_path), "-o", str(out)], catch_exceptions=False, standalone_mode=False)
    assert not out.parent.exists()


@pytest.mark.slow
def test_the_exported_file_is_small_and_one(outcome: Outcome, tmp_path: Path) -> None:
    publish(outcome.draft, tmp_path / "m.int8.onnx", INFO)
    assert (tmp_path / "m.int8.onnx").stat().st_size < 80_000
    onnx.checker.check_model(onnx.load(str(tmp_path / "m.int8.onnx")), full_check=True)
