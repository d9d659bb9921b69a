"""The contract's graphs, one for each kind of network, against torch."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import onnx
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from nitido.errors import ExportError
from nitido_export.graph.analysis import oldest_runtime, read_facts
from nitido_export.graph.frames import frame_graph
from nitido_export.graph.layers import write_layers
from nitido_export.graph.writer import GraphWriter
from nitido_export.proof.parity import check_parity
from nitido_export.session import quiet_session
from nitido_train.nets.blocks import space_to_depth
from nitido_train.nets.frame import FrameNet
from nitido_train.nets.registry import build
from nitido_train.quantization.imitation import quantize_net
from nitido_train.quantization.ranges import percentile_ranges
from nitido_train.tensors import to_tensor


def run(model: onnx.ModelProto, **inputs: NDArray[Any]) -> list[NDArray[Any]]:
    return [np.asarray(value) for value in quiet_session(model.SerializeToString()).run(None, inputs)]


def frame_of(*shape: int) -> NDArray[np.uint8]:
    return np.random.default_rng(1).integers(0, 256, shape, np.uint8)


def pyramid() -> FrameNet:
    torch.manual_seed(0)
    return build("pyramid-denoiser", {"widths": [8, 12, 16], "before": [0, 1, 1], "after": [1, 0, 0]})


@pytest.mark.parametrize("scale", [1, 2, 3, 4])
def test_every_scale_takes_any_size_and_equals_the_network(scale: int) -> None:
    torch.manual_seed(0)
    kind, options = ("denoiser", {}) if scale == 1 else ("superres", {"scale": scale})
    net = build(kind, {"channels": 8, "layers": 3, **options})
    model = frame_graph(net)
    assert check_parity(net, model.SerializeToString())["max_error"] <= 1
    (image,) = run(model, frame=frame_of(2, 5, 3, 3))
    assert image.shape == (2, 5 * scale, 3 * scale, 3)


def test_a_pyramid_equals_its_network_and_knows_how_far_it_sees() -> None:
    net = pyramid()
    model = frame_graph(net)
    assert check_parity(net, model.SerializeToString())["max_error"] <= 1
    facts = read_facts(model, cell=net.cell)
    # 3×3 convolutions: head, after, tail on a pitch of 2; one on 4; one on 8.
    assert facts.halo == 3 * 2 + 4 + 8
    # The farthest pixel that moves an output, measured: a random network without ReLU clipping cannot see less.
    seen = _reach_by_gradient(net)
    assert facts.halo - net.multiple < seen <= facts.halo + net.multiple


def _reach_by_gradient(net: FrameNet) -> int:
    frame = torch.rand(1, 3, 96, 96, requires_grad=True)
    net(frame)[0, :, 48:56, 48:56].sum().backward()
    rows = torch.nonzero(cast(Tensor, frame.grad).abs().sum(dim=(0, 1, 3)) > 0).flatten()
    return int(max(48 - rows.min(), rows.max() - 55))


def test_strength_blends_and_need_not_be_given() -> None:
    torch.manual_seed(0)
    net = build("denoiser", {"channels": 8, "layers": 3})
    cells = [space_to_depth(to_tensor(torch.from_numpy(frame_of(2, 32, 32, 3))), 2)]
    for model in (frame_graph(net), frame_graph(quantize_net(net, percentile_ranges(net.body, cells)))):
        frame = frame_of(1, 16, 16, 3) // 4 + 96  # far from the ends, where clipping would bend the blend
        off, full, default = (
            run(model, frame=frame, **given)[0].astype(int)
            for given in ({"strength": np.array(0, np.float32)}, {"strength": np.array(1, np.float32)}, {})
        )
        assert np.array_equal(off, frame)
        assert np.array_equal(full, default)
        half = run(model, frame=frame, strength=np.array(0.5, np.float32))[0]
        assert np.abs(half - (off + full) / 2).max() <= 1
        assert not np.array_equal(full, off)


def test_half_precision_is_smaller_and_close() -> None:
    torch.manual_seed(0)
    net = build("denoiser", {"channels": 16, "layers": 4})
    full, half = frame_graph(net), frame_graph(net, half=True)
    assert len(half.SerializeToString()) < 0.7 * len(full.SerializeToString())
    check_parity(net, half.SerializeToString(), "fp16")


def test_a_layer_without_onnx_form_is_named() -> None:
    with pytest.raises(ExportError, match="'0' is a GELU"):
        write_layers(GraphWriter(), nn.Sequential(nn.GELU()), ["x"])


def test_a_pyramid_in_8_bits_equals_its_imitation_and_loads_in_old_runtimes() -> None:
    net = pyramid()
    cells = [space_to_depth(to_tensor(torch.from_numpy(frame_of(2, 32, 32, 3))), net.cell)]
    quantized = quantize_net(net, percentile_ranges(net.body, cells))
    model = frame_graph(quantized)
    assert check_parity(quantized, model.SerializeToString(), "int8")["psnr"] in (None, pytest.approx(60, abs=15))
    assert oldest_runtime(model) == "1.17"
    model.opset_import[0].version = 21
    assert oldest_runtime(model) == "1.18"
