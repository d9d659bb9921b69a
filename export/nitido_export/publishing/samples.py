"""What a generator's samples are like, from a benchmark into the card of its decoder."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import onnx
from onnx import numpy_helper

from nitido.errors import ExportError
from nitido.model_file.card import Card
from nitido.model_file.properties import read_properties
from nitido_export.publishing.publish import change_card

SAMPLES = "samples"
"""The ``set`` of these rows of a card's evaluation."""


def graph_digest(model: bytes) -> str:
    """SHA-256 of the operators and constants of a model file. Names of nodes and the card do not count, so it stays the
    same when the same weights are exported again."""
    graph = onnx.load_model_from_string(model).graph
    operators = " ".join(node.op_type for node in graph.node)
    found = hashlib.sha256(operators.encode())
    for tensor in graph.initializer:
        found.update(numpy_helper.to_array(tensor).tobytes())
    return found.hexdigest()


def record_samples(file: Path, measured: Mapping[str, Any]) -> None:
    """Puts the figures of a decoder's samples into its card, in place of older ones, and renews the card's copy and the
    folder's index.

    measured: ``graph`` (digest of the file that was measured) and ``card`` (rows of an evaluation).
    Raises ``ExportError`` when another graph was measured, ``CardMismatch``, ``SinkUnavailable``.
    """
    data = file.read_bytes()
    if graph_digest(data) != measured["graph"]:
        raise ExportError(
            f"the samples of {file.name} were measured on another file: run benchmarks/generators.py again"
        )
    card = Card.from_metadata(read_properties(data), str(file))
    rows: Sequence[dict[str, Any]] = measured["card"]
    other = [row for row in card.evaluation if row["set"] != SAMPLES]
    change_card(card, replace(card, evaluation=[*other, *rows]), file)
