"""The ranges of a body's activations, measured on batches, with which the body can be quantized."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, fx, nn

from nitido_train.quantization.tracing import is_quantized, plainly_traced


@dataclass(frozen=True)
class Quantization:
    """Everything that is needed to rebuild a quantized body.

    ranges: (low, high) of each activation, by its name in the traced body.
    float_layers: names of the convolutions that stay in floating point.
    method: how the ranges were found.
    """

    ranges: dict[str, tuple[float, float]]
    float_layers: tuple[str, ...] = ()
    method: str = field(default="percentile", compare=False)


@torch.no_grad()
def activations(body: nn.Module, batches: Iterable[Tensor]) -> Iterator[dict[str, Tensor]]:
    """All activations that may be quantized, by name, for each batch of cells N×C×h×w."""
    traced = plainly_traced(body)
    modules = dict(traced.named_modules())
    wanted = {n for n in traced.graph.nodes if n.op != "placeholder" and is_quantized(n, modules, set())}

    class Recorder(fx.Interpreter):
        def __init__(self) -> None:
            super().__init__(traced)
            self.seen: dict[str, Tensor] = {}

        def run_node(self, n: fx.Node) -> Any:
            result = super().run_node(n)
            if n in wanted:
                self.seen[n.name] = result
            return result

    for batch in batches:
        recorder = Recorder()
        recorder.run(batch)
        yield recorder.seen


def percentile_ranges(body: nn.Module, batches: Iterable[Tensor], percentile: float = 99.9995) -> Quantization:
    """Ranges without the same share of outliers at both ends, averaged over batches. 100 means min-max."""
    tail = (100 - percentile) / 100
    ends: dict[str, list[tuple[float, float]]] = {}
    for seen in activations(body, batches):
        for name, values in seen.items():
            flat = values.flatten().float()
            if tail == 0:
                low, high = float(flat.min()), float(flat.max())
            else:
                count = max(1, round(tail * len(flat)))
                high = float(flat.topk(count).values[-1])
                low = float(flat.topk(count, largest=False).values[-1])
            ends.setdefault(name, []).append((low, high))
    if tail == 0:
        ranges = {name: (min(e[0] for e in pairs), max(e[1] for e in pairs)) for name, pairs in ends.items()}
    else:
        ranges = {n: (sum(e[0] for e in p) / len(p), sum(e[1] for e in p) / len(p)) for n, p in ends.items()}
    return Quantization(ranges, method="minmax" if tail == 0 else f"percentile {percentile:g}")
