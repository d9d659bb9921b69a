"""Weights in 8 bits: a quarter of the file, the same arithmetic, a loss that is measured and bounded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from click.testing import CliRunner
from onnx import numpy_helper

from nitido.cli.models import card_text
from nitido.errors import ExportError
from nitido.inference.verify import verify
from nitido_export.cli.export import export
from nitido_export.draft import ReleaseInfo, draft_part
from nitido_export.export import export_parts, export_parts_int8_weights
from nitido_export.graph.analysis import read_facts
from nitido_export.graph.weights import INT8_WEIGHTS, LEAST, to_int8, with_int8_weights
from nitido_export.parts.latents import latent_part
from nitido_export.quantization.weights import MAX_LOSS, compared, round_weights
from nitido_train.checkpoint import Checkpoint, save_checkpoint
from support.recipes import random_latent_checkpoint, write_digits

NOBODY = ReleaseInfo("none", "none")


def same(_state: Checkpoint) -> list[dict[str, Any]]:
    return [{"set": "s", "condition": "c", "metric": "PSNR", "value": 20.0}]


@pytest.mark.parametrize("axis", [0, 1])
def test_a_channel_has_its_own_scale_and_is_off_by_half_a_step(axis: int) -> None:
    weights = np.random.default_rng(0).normal(size=(6, 5, 3, 3)).astype(np.float32)
    weights[2] *= 100
    weights[:, 3] *= 100
    values, scales = to_int8(weights, axis)
    assert values.dtype == np.int8 and np.abs(values).max() == 127
    assert scales.shape == ((6, 1, 1, 1) if axis == 0 else (1, 5, 1, 1))
    assert (np.abs(values * scales - weights) <= scales / 2 * (1 + 1e-5)).all()


def test_rounding_again_changes_nothing_and_a_dead_channel_stays_dead() -> None:
    weights = np.random.default_rng(1).normal(size=(4, 50)).astype(np.float32)
    weights[1] = 0
    values, scales = to_int8(weights, 0)
    again, _ = to_int8((values * scales).astype(np.float32), 0)
    assert np.array_equal(again, values) and not values[1].any() and np.isfinite(scales).all()


@pytest.mark.parametrize("kind", ["autoencoder", "cvae"])
@pytest.mark.parametrize("part", ["encoder", "decoder", "whole"])
def test_the_graph_computes_what_rounded_float_weights_compute(kind: str, part: str) -> None:
    rounded = round_weights(random_latent_checkpoint(kind, 3), same).checkpoint
    made = latent_part(rounded, part)
    stored = with_int8_weights(made.graph)
    large = [t for t in made.graph.graph.initializer if np.prod(t.dims) >= LEAST]
    kept = {t.name: t for t in stored.graph.initializer}
    assert large and not kept.keys() & {t.name for t in large}
    for tensor in large:
        product = numpy_helper.to_array(kept[f"{tensor.name}_i8"]) * numpy_helper.to_array(kept[f"{tensor.name}_scale"])
        np.testing.assert_allclose(product, numpy_helper.to_array(tensor), rtol=1e-6)
    before, after = (ort.InferenceSession(m.SerializeToString()) for m in (made.graph, stored))
    for feed in made.feeds:
        for one, other in zip(before.run(None, feed), after.run(None, feed), strict=True):
            np.testing.assert_allclose(
                one.astype(float), other.astype(float), atol=1e-5 if one.dtype == np.float32 else 1
            )
    assert read_facts(stored) == read_facts(made.graph)
    assert {entry.version for entry in stored.opset_import} == {17} and stored.ir_version == 8


def test_nothing_is_left_to_multiply_when_the_file_is_loaded(tmp_path: Path) -> None:
    stored = with_int8_weights(latent_part(random_latent_checkpoint("vae"), "decoder").graph)
    options = ort.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "loaded.onnx")
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_BASIC
    ort.InferenceSession(stored.SerializeToString(), options, providers=["CPUExecutionProvider"])
    loaded = {node.op_type for node in onnx.load(tmp_path / "loaded.onnx").graph.node}
    assert "Gemm" in loaded and not loaded & {"Cast", "Mul"}


def test_a_loss_above_one_in_a_hundred_is_refused() -> None:
    checkpoint = random_latent_checkpoint("vae")

    def measure(state: Checkpoint) -> list[dict[str, Any]]:
        value = -100.0 if state is checkpoint else -101.5
        return [*same(state), {"set": "s", "condition": "c", "metric": "ELBO", "value": value}]

    with pytest.raises(ExportError, match=r"ELBO on s falls from -100\.0 to -101\.5, by 1\.5%; allowed is 1%"):
        round_weights(checkpoint, measure)


def test_losses_are_shares_of_a_score_and_gains_are_below_zero() -> None:
    rows = [{"set": "s", "condition": "c", "metric": m, "value": v} for m, v in (("PSNR", 20.0), ("ELBO", -50.0))]
    after = [{**row, "value": row["value"] + 0.1} for row in rows]
    assert [row["loss"] for row in compared(rows, after)] == [-0.005, -0.002]


def test_files_are_smaller_prove_themselves_and_say_what_they_lost(tmp_path: Path) -> None:
    digits = write_digits(tmp_path / "digits")
    checkpoint = random_latent_checkpoint("vae")
    floats = export_parts(checkpoint, tmp_path / "f.onnx", NOBODY, ("encoder", "decoder"))
    cards = export_parts_int8_weights(checkpoint, tmp_path / "m.onnx", NOBODY, ("encoder", "decoder"), [digits])
    for card, plain in zip(cards, floats, strict=True):
        assert verify(tmp_path / f"{card.name}.onnx", "cpu").passed
        assert (card.precision, card.parameters) == (INT8_WEIGHTS, plain.parameters)
        assert card.certificate["tolerance"] == pytest.approx(plain.certificate["tolerance"], rel=0.05)
        report = card.quantization
        assert report["loss"] <= MAX_LOSS == report["max_loss"]
        assert {row["metric"] for row in report["scores"]} == {"PSNR", "SSIM", "ELBO"}
        assert [row["value"] for row in report["scores"]] == [row["value"] for row in card.evaluation]
        assert card.evaluation[0]["pictures"] == 6 and "weights in 8 bits" in card_text(card)
        sizes = [(tmp_path / f"{name}.onnx").stat().st_size for name in (card.name, plain.name)]
        assert sizes[0] < sizes[1] - 2 * LEAST


def test_without_rounding_first_a_part_is_refused() -> None:
    """The graph is compared with the network that it is to equal, and not with a similar one."""
    checkpoint = random_latent_checkpoint("vae")
    with pytest.raises(ExportError, match="differs from the network"):
        draft_part(checkpoint, "encoder", "m", NOBODY, INT8_WEIGHTS)


def test_the_loss_needs_something_to_be_measured_on(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="expect --holdout"):
        export_parts_int8_weights(random_latent_checkpoint("vae"), tmp_path / "m.onnx", NOBODY, ("encoder",))
    run = tmp_path / "v.pt"
    save_checkpoint(random_latent_checkpoint("vae"), run)
    arguments = [str(run), "-o", str(tmp_path / "m.onnx"), "--int8-weights"]
    found = CliRunner().invoke(export, arguments)
    assert found.exit_code == 2 and "--int8-weights expects --eval" in found.output
    found = CliRunner().invoke(export, [*arguments, "--holdout", str(write_digits(tmp_path / "digits"))])
    assert found.exit_code == 0, found.output
    assert "% of a score against fp32" in found.output and (tmp_path / "m.decoder.onnx").is_file()
