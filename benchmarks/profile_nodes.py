"""Where the time of a frame goes: a model's nodes, as ONNX Runtime runs them, with their share of the machine's peak.

    python benchmarks/profile_nodes.py MODEL [MODEL …] [--size 640x480] [--threads 1] [--runs 15] [--least 0.1]

MODEL is a name or a file. Of each node the fastest run counts, which leaves out what else the machine does. GMAC/s are
those of the node as it runs, with channels that were added; the peak is what a 3×3 convolution of 64 channels reaches
in the same run, in float for float nodes and in 8 bits for integer ones. A layer far below the peak is the next to
look at.
"""

from __future__ import annotations

import json
import math
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper

from nitido.model_file import zoo

WARM_UPS = 3
CHANNELS, SIDE = 64, 128  # of the convolution that the peak is measured with


@dataclass(frozen=True)
class Node:
    """ms: the fastest run. macs: multiply-accumulates, 0 for what is not a convolution."""

    name: str
    kind: str
    ms: float
    macs: float
    integer: bool

    @property
    def gmacs_per_second(self) -> float:
        return self.macs / self.ms / 1e6


def profiled(model: bytes, feeds: Mapping[str, Any], threads: int, runs: int) -> list[Node]:
    """The nodes of a model as ONNX Runtime optimized it, in the order in which they run."""
    with tempfile.TemporaryDirectory() as scratch:
        options = ort.SessionOptions()
        options.intra_op_num_threads, options.log_severity_level = threads, 3
        options.enable_profiling, options.profile_file_prefix = True, str(Path(scratch) / "profile")
        options.optimized_model_filepath = str(Path(scratch) / "optimized.onnx")
        session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        for _ in range(WARM_UPS + runs):
            session.run(None, dict(feeds))
        events: list[dict[str, Any]] = json.loads(Path(session.end_profiling()).read_text())
        kernels = _kernels(onnx.load(options.optimized_model_filepath).graph)
    taken: dict[str, list[dict[str, Any]]] = {}
    for event in events:
        if event.get("cat") == "Node" and event["name"].endswith("_kernel_time"):
            taken.setdefault(event["name"].removesuffix("_kernel_time"), []).append(event)
    return [_node(name, found[WARM_UPS:], kernels.get(name)) for name, found in taken.items()]


def _kernels(graph: onnx.GraphProto) -> dict[str, list[int]]:
    """Shapes O×I×k×k of the weights of convolutions, by the names of their nodes."""
    shapes = {tensor.name: list(tensor.dims) for tensor in graph.initializer if len(tensor.dims) == 4}
    return {
        node.name: next(shapes[name] for name in node.input if name in shapes)
        for node in graph.node
        if node.op_type.endswith("Conv") and any(name in shapes for name in node.input)
    }


def _node(name: str, events: list[dict[str, Any]], kernel: list[int] | None) -> Node:
    ms = min(event["dur"] for event in events) / 1000
    arguments = events[0]["args"]
    kind = str(arguments["op_name"])
    macs = 0.0
    if kernel is not None:
        output = next(iter(arguments["output_type_shape"][0].values()))
        macs = math.prod(output) * math.prod(kernel) / kernel[0]
    return Node(name, kind, ms, macs, kind.startswith("QLinear"))


def peak(integer: bool, threads: int, runs: int) -> float:
    """GMAC/s of a wide 3×3 convolution."""
    shape = [CHANNELS, CHANNELS, 3, 3]
    rng = np.random.default_rng(0)
    w = rng.integers(-60, 61, shape)
    constants: dict[str, Any] = {"w": w.astype(np.int8 if integer else np.float32)}
    given = TensorProto.UINT8 if integer else TensorProto.FLOAT
    if integer:
        constants |= {"s": np.float32(0.02), "z": np.uint8(0), "ws": np.float32(0.01), "wz": np.int8(0)}
        inputs = ["s", "z", "w", "ws", "wz", "s", "z"]
    else:
        inputs = ["w"]
    # Two in a row, as in networks, so that the second finds its input as kernels want it.
    nodes = [
        helper.make_node("QLinearConv" if integer else "Conv", [a, *inputs], [b], pads=[1, 1, 1, 1])
        for a, b in (("x", "y"), ("y", "z_out"))
    ]
    size = [1, CHANNELS, SIDE, SIDE]
    tensors = [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()]
    ends = [helper.make_tensor_value_info(name, given, size) for name in ("x", "z_out")]
    graph = helper.make_graph(nodes, "peak", ends[:1], ends[1:], tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    onnx.checker.check_model(model)
    x = rng.integers(0, 256, size).astype(np.uint8 if integer else np.float32)
    return max(node.gmacs_per_second for node in profiled(model.SerializeToString(), {"x": x}, threads, runs))


def feeds_of(model: bytes, width: int, height: int) -> dict[str, Any]:
    """A noisy frame, and states without a past for a recurrent model."""
    options = ort.SessionOptions()
    options.log_severity_level = 3
    session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    given: dict[str, Any] = {"frame": np.random.default_rng(0).integers(0, 256, (1, height, width, 3), np.uint8)}
    states = json.loads(session.get_modelmeta().custom_metadata_map.get("nitido.states", "[]"))
    multiple = int(json.loads(session.get_modelmeta().custom_metadata_map.get("nitido.multiple", "1")))
    padded = [-(-side // multiple) * multiple for side in (height, width)]
    for state in states:
        sides = [side // int(state["grid"]) for side in padded]
        given[f"state_in_{state['name']}"] = np.zeros((1, int(state["channels"]), *sides), np.float32)
    return given


@click.command()
@click.argument("models", nargs=-1, required=True)
@click.option("--size", default="640x480", show_default=True, help="Width and height of the frame in pixels.")
@click.option("--threads", default=1, show_default=True, type=click.IntRange(min=1))
@click.option("--runs", default=15, show_default=True, type=click.IntRange(min=1))
@click.option("--least", default=0.1, show_default=True, help="Milliseconds below which a node is not listed.")
def main(models: tuple[str, ...], size: str, threads: int, runs: int, least: float) -> None:
    """Print MODELS node by node: time, GMAC/s and share of the machine's peak."""
    width, _, height = size.partition("x")
    if not (width.isdecimal() and height.isdecimal()):
        raise click.UsageError(f"--size expects WIDTHxHEIGHT, such as 640x480; found {size}")
    peaks = {integer: peak(integer, threads, runs) for integer in (False, True)}
    click.echo(f"peak: {peaks[False]:.0f} GMAC/s in float, {peaks[True]:.0f} in 8 bits, {threads} thread(s)")
    for name in models:
        model = zoo.find(name).read_bytes()
        nodes = profiled(model, feeds_of(model, int(width), int(height)), threads, runs)
        total = sum(node.ms for node in nodes)
        click.echo(f"\n{name}: {total:.1f} ms for {size}, {len(nodes)} nodes, those of {least:g} ms and more:")
        click.echo(f"{'ms':>7} {'of all':>7} {'GMAC/s':>7} {'of peak':>8}  node")
        for node in nodes:
            if node.ms < least:
                continue
            speed = (
                f"{node.gmacs_per_second:7.0f} {node.gmacs_per_second / peaks[node.integer]:8.0%}"
                if node.macs
                else " " * 16
            )
            click.echo(f"{node.ms:7.2f} {node.ms / total:7.1%} {speed}  {node.kind} {node.name}")


if __name__ == "__main__":
    main()
