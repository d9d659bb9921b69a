"""The graphs of melodies equal the network."""

from __future__ import annotations

import numpy as np
import onnxruntime as ort
import torch
from torch import nn

from nitido_export.graph.melodies import melody_decoder_graph, melody_encoder_graph, without_norms
from support.melodies import noisy_net


def test_normalization_goes_into_the_layers_before_it() -> None:
    net = noisy_net()
    plain = without_norms(net)
    assert not [m for m in plain.modules() if isinstance(m, (nn.BatchNorm1d, nn.BatchNorm2d))]
    assert [m for m in net.modules() if isinstance(m, nn.BatchNorm2d)]
    notes, draw = torch.randint(0, 36, (8, 32)), torch.randn(8, 6)
    for ours, theirs in zip(net(notes, draw), plain(notes, draw), strict=True):
        assert torch.allclose(ours, theirs, atol=1e-4)


def test_the_graphs_equal_the_network() -> None:
    net = noisy_net()
    notes = np.random.default_rng(1).integers(0, 36, (9, 32), np.uint8)
    encoder, decoder = (
        ort.InferenceSession(graph(net).SerializeToString()) for graph in (melody_encoder_graph, melody_decoder_graph)
    )
    mean, log_var = (np.asarray(found) for found in encoder.run(["z_mean", "z_log_var"], {"notes": notes}))
    with torch.no_grad():
        passage = net(torch.from_numpy(notes), torch.zeros(9, 6))
    assert np.allclose(mean, passage.mean, atol=1e-4) and np.allclose(log_var, passage.log_var, atol=1e-4)
    (codes,) = decoder.run(["notes"], {"z": mean})
    assert np.asarray(codes).dtype == np.uint8
    assert np.mean(np.asarray(codes) == passage.logits.argmax(1)[..., 0].numpy()) > 0.99
