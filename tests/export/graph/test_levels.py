"""The noise level in exported graphs: given, estimated, in float, in half floats and in 8 bits."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import onnx
import pytest
import torch
from numpy.typing import NDArray

from nitido_export.graph.analysis import read_facts
from nitido_export.graph.frames import frame_graph
from nitido_export.proof.parity import check_parity
from nitido_export.session import quiet_session
from nitido_train.data.degrade import add_gaussian
from nitido_train.nets.frame import FrameNet, LevelFrameNet
from nitido_train.nets.planes import in_planes
from nitido_train.nets.registry import build
from nitido_train.quantization.imitation import quantize_net
from nitido_train.quantization.ranges import percentile_ranges
from nitido_train.tensors import to_tensor
from support.tiny_models import random_level_checkpoint


def noisy(sigma: float, height: int = 49, width: int = 63) -> NDArray[np.uint8]:
    ramp = np.linspace(60, 190, height * width * 3).reshape(height, width, 3).astype(np.uint8)
    return add_gaussian(ramp, sigma, np.random.default_rng(2))[None]


@pytest.fixture(scope="module")
def net() -> LevelFrameNet:
    return cast(LevelFrameNet, random_level_checkpoint().frame_net())


@pytest.fixture(scope="module")
def quantized(net: LevelFrameNet) -> FrameNet:
    plain = in_planes(net)
    frames = to_tensor(torch.from_numpy(np.concatenate([noisy(s, 32, 32) for s in (1, 5, 20, 50)])))
    with torch.no_grad():
        return quantize_net(net, percentile_ranges(plain.body, [plain.body_input(frames)], 100))


@pytest.fixture(params=["fp32", "fp16", "int8"])
def graph(request: pytest.FixtureRequest, net: LevelFrameNet, quantized: FrameNet) -> onnx.ModelProto:
    return frame_graph(quantized if request.param == "int8" else net, half=request.param == "fp16")


def run(model: onnx.ModelProto, **inputs: Any) -> dict[str, NDArray[Any]]:
    session = quiet_session(model.SerializeToString())
    names = [output.name for output in session.get_outputs()]
    assert names == ["image", "noise_level"]
    return dict(zip(names, map(np.asarray, session.run(names, inputs)), strict=True))


def level(value: float) -> NDArray[np.float32]:
    return np.array(value, np.float32)


def test_every_precision_equals_its_network(net: LevelFrameNet, quantized: FrameNet) -> None:
    assert check_parity(net, frame_graph(net).SerializeToString())["max_error"] <= 1
    check_parity(net, frame_graph(net, half=True).SerializeToString(), "fp16")
    check_parity(quantized, frame_graph(quantized).SerializeToString(), "int8")


def test_the_level_is_optional_and_changes_the_image(graph: onnx.ModelProto) -> None:
    frame = noisy(10)
    automatic = run(graph, frame=frame)
    assert np.array_equal(run(graph, frame=frame, noise=level(-1))["image"], automatic["image"])
    estimate = automatic["noise_level"]
    assert estimate.shape == () and estimate.dtype == np.float32 and 0.5 <= float(estimate) <= 60
    given = run(graph, frame=frame, noise=level(float(estimate)))
    assert np.abs(given["image"].astype(int) - automatic["image"]).max() <= 1
    far = run(graph, frame=frame, noise=level(40))
    assert np.abs(far["image"].astype(int) - automatic["image"]).mean() > 0.5
    assert float(far["noise_level"]) == float(estimate)  # what the frame says, whatever the caller says
    off = run(graph, frame=frame, noise=level(40), strength=level(0))
    assert np.array_equal(off["image"], frame)


def test_a_batch_has_one_level(graph: onnx.ModelProto) -> None:
    quiet, loud = noisy(2), noisy(40)
    apart = [float(run(graph, frame=frame)["noise_level"]) for frame in (quiet, loud)]
    both = run(graph, frame=np.concatenate([quiet, loud]))
    assert both["image"].shape[0] == 2
    assert min(apart) - 1e-3 <= float(both["noise_level"]) <= max(apart) + 1e-3
    alike = float(run(graph, frame=np.concatenate([loud, loud]))["noise_level"])
    assert alike == pytest.approx(apart[1], rel=1e-4)


def test_the_smallest_frame_has_a_level(graph: onnx.ModelProto) -> None:
    assert np.isfinite(run(graph, frame=noisy(5, 1, 1))["noise_level"])


def test_the_level_is_not_context_of_tiles_and_costs_almost_nothing(net: LevelFrameNet) -> None:
    facts = read_facts(frame_graph(net), cell=2)
    same = build("denoiser", {"channels": 8, "layers": 4, "grid": 2, "expansion": 0})
    plain = read_facts(frame_graph(same), cell=2)
    assert facts.halo == plain.halo
    assert facts.macs_per_pixel - plain.macs_per_pixel < 100
    trained = sum(p.numel() for p in net.parameters())
    assert facts.parameters == trained


def test_8_bits_are_integer_convolutions_with_constant_biases(quantized: FrameNet) -> None:
    """ONNX Runtime 1.17 ignores a computed bias of an integer convolution."""
    model = frame_graph(quantized)
    constants = {tensor.name for tensor in model.graph.initializer}
    made = {name: node for node in model.graph.node for name in node.output}
    convs = [node for node in model.graph.node if node.op_type == "Conv" and "level" not in node.name]
    assert len(convs) == 4
    for conv in convs:
        for name in conv.input[1:]:
            assert made[name].op_type == "DequantizeLinear" and made[name].input[0] in constants
