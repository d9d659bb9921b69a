"""A file that differs from its network is not written."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest

from nitido.errors import ExportError
from nitido_export.graph.frames import frame_graph
from nitido_export.parts.latents import latent_part
from nitido_export.proof import parity
from nitido_export.proof.parity import check_part
from support.recipes import random_latent_checkpoint
from support.tiny_models import random_checkpoint


def test_a_graph_that_differs_from_its_network_is_not_written() -> None:
    net = random_checkpoint("denoise").averaged_net()
    graph = frame_graph(net)
    bias = next(i for i in graph.graph.initializer if i.name == "convs_2.bias")
    bias.CopyFrom(onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(bias) + np.float32(0.02), "convs_2.bias"))
    with pytest.raises(ExportError, match="differs from the network"):
        parity.check_parity(net, graph.SerializeToString())


def test_a_part_that_differs_from_its_network_is_not_written(tmp_path: Path) -> None:
    checkpoint = random_latent_checkpoint("vae")
    part = latent_part(checkpoint, "decoder")
    checkpoint.ema["decoder.hidden.0.bias"] += 1.0
    changed = latent_part(checkpoint, "decoder")
    with pytest.raises(ExportError, match="differs from the network"):
        check_part(replace(part, expected=changed.expected))
