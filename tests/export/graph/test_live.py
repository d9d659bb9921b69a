"""The graph of a recurrent denoiser."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import numpy as np
import pytest
import torch

from nitido.frames import Frame
from nitido.inference.model import Model, load
from nitido.inference.verify import verify
from nitido.model_file.certificate import VECTORS, vectors_from_text, vectors_to_text
from nitido.model_file.properties import read_properties, with_properties
from nitido_export.graph.analysis import oldest_runtime, read_facts
from nitido_export.graph.frames import frame_graph
from nitido_export.proof.parity import check_parity
from nitido_train.nets.live import LiveFrameNet
from nitido_train.quantization.imitation import as_quantized, quantize_net
from nitido_train.quantization.parts import parts_of, prefix_of, together
from nitido_train.quantization.ranges import percentile_ranges
from support.tiny_models import random_live_checkpoint


@pytest.fixture
def model(live_model: Path) -> Model:
    return load(live_model, "cpu")


def clip(count: int, height: int = 41, width: int = 54) -> list[Frame]:
    rng = np.random.default_rng(0)
    still = np.kron(rng.integers(40, 220, (height // 8 + 1, width // 8 + 1, 3)), np.ones((8, 8, 1)))[:height, :width]
    return [np.clip(still + rng.normal(0, 9, still.shape), 0, 255).astype(np.uint8) for _ in range(count)]


@pytest.fixture(scope="module")
def net() -> LiveFrameNet:
    return cast(LiveFrameNet, random_live_checkpoint().frame_net())


def test_float_and_half_equal_the_network_along_a_sequence(net: LiveFrameNet) -> None:
    assert check_parity(net, frame_graph(net).SerializeToString())["frames"] > 1
    check_parity(net, frame_graph(net, half=True).SerializeToString(), "fp16")


def test_8_bits_equal_their_imitation_along_a_sequence(net: LiveFrameNet) -> None:
    plain = as_quantized(net)
    seen: dict[str, list[torch.Tensor]] = {part: [] for part in parts_of(plain)}
    for part, stack in parts_of(plain).items():
        stack.register_forward_pre_hook(lambda _stack, given, part=part: seen[part].append(given[0]))
    states = None
    with torch.no_grad():
        for frame in clip(4, 40, 56):
            _, states = plain((torch.from_numpy(frame).permute(2, 0, 1)[None].float() - 128) / 255, states)
        ranges = {prefix_of(plain, p): percentile_ranges(b, seen[p], 100) for p, b in parts_of(plain).items()}
        quantized = quantize_net(net, together(ranges))
    graph = frame_graph(quantized)
    check_parity(quantized, graph.SerializeToString(), "int8")
    integers = [node for node in graph.graph.node if node.op_type == "Conv" and node.input[1].endswith(".weight")]
    assert len(integers) == len(seen) + sum(len(s.convs) - 1 for s in parts_of(plain).values())  # pyright: ignore
    assert oldest_runtime(graph) == "1.17"
    facts, other = read_facts(graph, cell=2), read_facts(frame_graph(net), cell=2)
    assert facts.halo == other.halo and facts.macs_per_pixel == other.macs_per_pixel


def test_the_first_frame_may_be_cut_into_tiles(model: Model) -> None:
    (frame,) = clip(1, 130, 150)
    level = model.noise_level(frame)
    whole, tiled = (model(frame, noise=level, tile=tile).astype(int) for tile in (0, 48))
    assert np.abs(whole - tiled).max() <= 1


def test_the_card_describes_the_states(model: Model) -> None:
    assert model.recurrent and model.has_noise and model.has_strength
    assert {state["name"] for state in model.card.states} >= {"picture", "weight"}
    assert all(set(state) == {"name", "channels", "grid", "warp"} for state in model.card.states)


def test_strength_blends_the_result_and_leaves_the_states_alone(model: Model) -> None:
    frames = clip(3)
    full = list(model.stream(frames, align=False))
    half = list(model.stream(frames, align=False, strength=0.5))
    for frame, one, other in zip(frames, full, half, strict=True):
        assert np.abs(other - (frame.astype(int) + one) / 2).max() <= 1
    assert np.array_equal(list(model.stream(frames, strength=0.0)), frames)


def test_the_certificate_is_a_sequence_that_verify_replays(live_model: Path, tmp_path: Path) -> None:
    vectors = vectors_from_text(read_properties(live_model.read_bytes())[VECTORS], "live")
    assert [vector.follows for vector in vectors] == [False, True, True]
    assert "noise" in vectors[-1].inputs and not any(name.startswith("state") for name in vectors[1].inputs)
    verdict = verify(live_model, "cpu")
    assert verdict.passed and len(verdict.replays) == 3
    # Without their past, the later frames come out differently.
    alone = [vector.__class__(vector.inputs, vector.outputs) for vector in vectors]
    path = tmp_path / "alone.onnx"
    path.write_bytes(with_properties(live_model.read_bytes(), {VECTORS: vectors_to_text(alone)}))
    again = verify(path, "cpu").replays
    assert again[0].identical and again[1].max_error > 1


def test_a_result_that_drifts_fails_at_the_frame_that_shows_it(live_model: Path, tmp_path: Path) -> None:
    vectors = vectors_from_text(read_properties(live_model.read_bytes())[VECTORS], "live")
    spoilt = vectors[-1].outputs["image"] ^ np.uint8(64)
    vectors[-1] = vectors[-1].__class__(vectors[-1].inputs, {"image": spoilt}, follows=True)
    path = tmp_path / "spoilt.onnx"
    path.write_bytes(with_properties(live_model.read_bytes(), {VECTORS: vectors_to_text(vectors)}))
    verdict = verify(path, "cpu")
    assert not verdict.passed and verdict.replays[1].identical


def test_a_long_stream_keeps_its_brightness(model: Model) -> None:
    """Random weights take a while to settle; then nothing drifts."""
    means = [float(result.mean()) for result in model.stream(clip(120, 40, 56))]
    assert abs(np.mean(means[-30:]) - np.mean(means[60:90])) < 0.2
