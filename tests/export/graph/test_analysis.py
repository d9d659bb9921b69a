"""What can be read off a graph."""

from __future__ import annotations

import pytest

from nitido_export.graph.analysis import read_facts
from nitido_export.graph.frames import frame_graph
from nitido_export.graph.latents import decoder_graph, encoder_graph
from support.recipes import SIDE, random_latent_checkpoint
from support.tiny_models import random_checkpoint


def test_receptive_field_follows_the_longest_path() -> None:
    net = random_checkpoint("upscale").averaged_net()
    facts = read_facts(frame_graph(net), cell=net.cell)
    assert facts.halo == 6
    assert facts.parameters == 9 * (12 * 8 + 8 * 8 + 8 * 48) + 8 + 8 + 48


def test_work_is_counted_at_the_size_it_is_done_at() -> None:
    net = random_latent_checkpoint("vae").latent_net()
    area = SIDE * SIDE
    # Strided convolutions count where they end, transposed ones where they begin; the two heads are linear layers.
    encoder = 3 * area + 9 * 1 * 4 * 64 + 9 * 4 * 8 * 16 + 8 * 16 * 16 + 2 * 16 * 3
    assert read_facts(encoder_graph(net)).macs_per_pixel == pytest.approx(encoder / area)
    decoder = 3 * 16 + 16 * 128 + 16 * 8 * 4 * 16 + 16 * 4 * 1 * 64
    assert read_facts(decoder_graph(net)).macs_per_pixel == pytest.approx(decoder / area)
