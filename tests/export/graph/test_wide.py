"""8-bit graphs whose first and last layers are widened."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import onnx
import pytest
import torch

from nitido_export.graph import frames as graph_of_frames
from nitido_export.graph.frames import frame_graph
from nitido_export.graph.wide import widened
from nitido_export.session import quiet_session
from nitido_train.nets.frame import FrameNet
from nitido_train.nets.registry import build
from nitido_train.quantization.imitation import quantize_net
from nitido_train.quantization.ranges import percentile_ranges


def quantized(kind: str, options: dict[str, Any], float_layers: tuple[str, ...] = ()) -> FrameNet:
    torch.manual_seed(3)
    net = build(kind, {"channels": 8, "layers": 3, "expansion": 0, **options})
    assert isinstance(net, FrameNet)
    frames = torch.rand(2, 3, 16, 24) - 0.5
    ranges = percentile_ranges(net.body, [net.body_input(frames)])
    return quantize_net(net, replace(ranges, float_layers=float_layers))


def last_outputs(model: onnx.ModelProto) -> int:
    """Output channels of the last convolution of a graph."""
    sizes = {tensor.name: tensor.dims[0] for tensor in model.graph.initializer if len(tensor.dims) == 4}
    made = {name: node for node in model.graph.node for name in node.output}
    last = [node for node in model.graph.node if node.op_type == "Conv"][-1]
    return sizes[made[last.input[1]].input[0] if last.input[1] in made else last.input[1]]


def first_inputs(model: onnx.ModelProto) -> int:
    """Input channels of the first convolution of a graph."""
    return next(tensor.dims[1] for tensor in model.graph.initializer if len(tensor.dims) == 4)


@pytest.mark.parametrize(
    ("kind", "options", "channels"),
    [("denoiser", {}, 16), ("superres", {"scale": 2}, 48), ("superres", {"scale": 3, "grid": 1}, 32)],
)
def test_widening_changes_no_byte(
    kind: str, options: dict[str, Any], channels: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    net = quantized(kind, options)
    wide = frame_graph(net)
    assert last_outputs(wide) == channels
    assert first_inputs(wide) == (4 if options.get("grid") == 1 else 12)
    monkeypatch.setattr(graph_of_frames, "widened", lambda body, depth: (body, depth))
    monkeypatch.setattr(graph_of_frames, "widened_first", lambda body: (body, 0))
    narrow = frame_graph(net)
    frame = np.random.default_rng(1).integers(0, 256, (2, 13, 9, 3), np.uint8)
    first, second = (
        np.asarray(quiet_session(model.SerializeToString()).run(["image"], {"frame": frame})[0])
        for model in (wide, narrow)
    )
    assert np.array_equal(first, second)


def test_layers_in_float_stay_as_they_are() -> None:
    net = quantized("denoiser", {}, ("convs_2",))
    assert last_outputs(frame_graph(net)) == 12
    plain = build("denoiser", {"channels": 8, "layers": 3})
    assert isinstance(plain, FrameNet)
    assert widened(plain.body, 12) == (plain.body, 12)
    assert last_outputs(frame_graph(plain)) == 12
