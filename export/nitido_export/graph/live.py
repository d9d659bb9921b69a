"""The contract's graph of a recurrent denoiser: a frame and what is known of the past in, an image and the states out.

Stacks of convolutions compute as the network has them, in float or in 8 bits. Everything between them is float, on
pixels: a pass over three planes of floats costs as much as a layer of a stack, so there are as few as possible, and
what 8-bit stacks take is rearranged as bytes.
"""

from __future__ import annotations

import math

import numpy as np
import onnx
from onnx import TensorProto, helper

from nitido_export.graph.layers import write_layers
from nitido_export.graph.levels import ESTIMATE, write_level
from nitido_export.graph.pixels import as_pixels, dequantize, quantize, write_cells
from nitido_export.graph.writer import GraphWriter
from nitido_train.nets.estimator import HIGHEST, LOWEST, MIDDLE
from nitido_train.nets.live import CELL, DEPTH, MOST_PAST
from nitido_train.nets.live_planes import BODY_WIDTH, GATE_WIDTH, PlaneLiveNet
from nitido_train.nets.planes import COPIES, HIGHEST_AWAY, LOWEST_AWAY, MOST
from nitido_train.quantization.layers import ActivationQuantizer
from nitido_train.tensors import ZERO_POINT


def live_graph(net: PlaneLiveNet, *, half: bool = False) -> onnx.ModelProto:
    """As :func:`nitido_export.graph.frames.frame_graph`, of a recurrent denoiser."""
    return _LiveWriter(net, half).write()


class _LiveWriter:
    """Follows :meth:`PlaneLiveNet.forward` step by step; tensors are called as there."""

    def __init__(self, net: PlaneLiveNet, half: bool) -> None:
        self.w = GraphWriter()
        self.net, self.half = net, half
        self.integer = any(isinstance(m, ActivationQuantizer) for m in net.modules())

    def write(self) -> onnx.ModelProto:
        w, net = self.w, self.net
        frame = w.input("frame", TensorProto.UINT8, ["N", "H", "W", 3])
        states = {s.name: w.input(s.taken, TensorProto.FLOAT, ["N", s.channels, *_sides(s.name)]) for s in net.states}
        size = w.op("Shape", [frame], "size", start=1, end=3)  # H W
        cells = write_cells(w, frame, size, cell=net.cell, multiple=net.multiple)
        level = write_level(w, net.estimator, dequantize(w, cells, "levels"), net.cell)
        now = dequantize(w, w.op("Transpose", ["padded"], "now_bytes", perm=[0, 3, 1, 2]), "now")

        picture, weight, mean = states["picture"], states["weight"], states["mean"]
        off_mean = w.op("Sub", [mean, now], "off_mean")
        gated = self._stack(net.gate, self._gate_input(picture, off_mean, weight, level, now), "gate_")
        logits = w.op("Slice", [gated, w.shape("from_0", 0), w.shape("to_4", 4), w.shape("channels", 1)], "hold_logits")
        holds = w.op("Sigmoid", [w.op("DepthToSpace", [logits], "hold_cells", blocksize=2)], "holds")
        kept = w.op("Mul", [weight, holds], "kept")
        new_mean = w.op("Add", [now, w.op("Mul", [self._fine(kept), off_mean], "kept_mean")], "state_out_mean")
        two = w.constant("two", 2.0, np.float32)
        one = w.constant("one_float", 1.0, np.float32)
        removed = w.op("Mul", [kept, w.op("Sub", [two, holds], "not_held")], "removed")
        variance = w.op("Sub", [one, removed], "variance")
        strongest = w.op("Div", [one, w.op("Sub", [two, removed], "one_and_variance")], "weight_unlimited")
        new_weight = w.op("Min", [strongest, w.constant("most_past", MOST_PAST, np.float32)], "state_out_weight")

        past = w.op("Min", [w.op("Mul", [weight, two], "twice_weight"), one], "past")
        old = w.op("Mul", [w.op("Sub", [picture, new_mean], "off_picture"), self._fine(past)], "old")
        found = self._stack(net.body, self._body_input(new_mean, old, new_weight, level, variance), "body_")
        correction, share = self._outputs(found)
        alone = w.op("Add", [new_mean, correction], "alone")
        mixed_in = w.op("DepthToSpace", [w.op("Mul", [share, past], "share_of_past")], "mixed_in", blocksize=CELL)
        change = w.op("Mul", [mixed_in, w.op("Sub", [picture, alone], "off_alone")], "change")
        restored = w.op("Add", [alone, change], "state_out_picture")

        frames = w.op("Transpose", [quantize(w, restored, "bytes")], "frames", perm=[0, 2, 3, 1])
        w.op("Slice", [frames, w.shape("start", 0, 0), size, w.shape("axes", 1, 2)], "whole")
        self._write_strength(frame, "whole")
        for state in net.states:
            w.output(state.given, TensorProto.FLOAT, ["N", state.channels, *_sides(f"{state.name}_out")])
        w.output(ESTIMATE, TensorProto.FLOAT, [])
        return w.model()

    def _gate_input(self, picture: str, off_mean: str, weight: str, level: str, now: str) -> str:
        w = self.w
        differences = [w.op("Sub", [picture, now], "off_old"), off_mean]
        share = w.op("Div", [level, w.constant("level_highest", HIGHEST, np.float32)], "level_of_highest")
        log = w.op("Log", [level], "level_log")
        log_share = w.op("Div", [log, w.constant("level_log_range", math.log(HIGHEST), np.float32)], "log_of_highest")
        shape = w.op("Shape", [weight], "weight_shape")
        planes = [
            w.op("Expand", [self._halved(n, f"{n}_half"), shape], f"{n}_plane") for n in (share, log_share)
        ] + [self._halved(weight, "weight_half")]
        return self._together("gate", ["levels"], differences, planes, GATE_WIDTH)

    def _body_input(self, mean: str, old: str, weight: str, level: str, variance: str) -> str:
        w = self.w
        lowest = w.constant("level_least_log", math.log(LOWEST / MIDDLE), np.float32)
        share = w.op("Div", [level, w.constant("level_middle", MIDDLE, np.float32)], "level_share")
        half = w.constant("half", 0.5, np.float32)
        spread = w.op("Mul", [w.op("Log", [variance], "variance_log"), half], "spread_log")
        away = w.op("Max", [w.op("Add", [spread, w.op("Log", [share], "level_away")], "away_free"), lowest], "away")
        middle = ZERO_POINT / 255
        slope = 1 / (HIGHEST_AWAY - LOWEST_AWAY)
        first = w.op("Mul", [away, w.constant("plane_slope", slope, np.float32)], "plane_1_scaled")
        start = w.constant("plane_start", -LOWEST_AWAY * slope - middle, np.float32)
        square = w.op("Mul", [w.op("Mul", [away, away], "away_2"), w.constant("plane_slope_2", 1 / MOST, np.float32)], "p2")
        second = w.op("Sub", [square, w.constant("plane_middle", middle, np.float32)], "plane_2")
        parts = [w.op("Add", [first, start], "plane_1"), second]
        planes = [w.op("Sub", [weight, half], "weight_centred"), *(p for p in parts for _ in range(COPIES))]
        return self._together("body", [], [mean, old], planes, BODY_WIDTH)

    def _halved(self, name: str, made: str) -> str:
        return self.w.op("Mul", [name, self.w.constant("half", 0.5, np.float32)], made)

    def _together(self, name: str, cells: list[str], pixels: list[str], planes: list[str], width: int) -> str:
        """The input of a stack, N×width×h×w: cells, then pixels as cells, then planes of one channel.

        What is missing to the width is repeated: its weights are zero.
        """
        w = self.w
        depth = DEPTH * (len(cells) + len(pixels)) + len(planes)
        planes = [*planes, *planes[-1:] * (width - depth)]
        if not self.integer:
            joined = w.op("Concat", pixels, f"{name}_pixels", axis=1)
            fine = w.op("SpaceToDepth", [joined], f"{name}_cells", blocksize=CELL)
            return w.op("Concat", [*cells, fine, *planes], f"{name}_input", axis=1)
        known: dict[str, str] = {}
        for tensor in (*pixels, *planes):
            known[tensor] = known.get(tensor) or quantize(w, tensor, f"{tensor}_bytes")
        joined = w.op("Concat", [known[p] for p in pixels], f"{name}_pixels", axis=1)
        flat = self._cells_last(w.op("Transpose", [joined], f"{name}_last", perm=[0, 2, 3, 1]), name, 3 * len(pixels))
        levels = w.op("Concat", [known[p] for p in planes], f"{name}_planes", axis=1)
        last = w.op("Transpose", [levels], f"{name}_planes_last", perm=[0, 2, 3, 1])
        bytes_ = w.op("Concat", [*(["flat"] if cells else []), flat, last], f"{name}_bytes_last", axis=3)
        return dequantize(w, w.op("Transpose", [bytes_], f"{name}_bytes", perm=[0, 3, 1, 2]), f"{name}_input")

    def _cells_last(self, pixels: str, name: str, channels: int) -> str:
        """N×(2h)×(2w)×c → N×h×w×4c."""
        w = self.w
        parts = [w.shape("same", 0), "h", w.shape("cell_rows", CELL), "w", w.shape(f"{name}_row", CELL * channels)]
        split = w.op("Reshape", [pixels, w.op("Concat", parts, f"{name}_split_shape", axis=0)], f"{name}_split")
        together = w.op("Transpose", [split], f"{name}_together", perm=[0, 1, 3, 2, 4])
        return w.op("Reshape", [together, w.shape(f"{name}_flat_shape", 0, 0, 0, CELL * CELL * channels)], f"{name}_flat")

    def _stack(self, stack: object, given: str, prefix: str) -> str:
        w = self.w
        if self.half:
            given = w.op("Cast", [given], f"{given}_half", to=TensorProto.FLOAT16)
        (found,) = write_layers(w, stack, [given], prefix, half=self.half)  # pyright: ignore[reportArgumentType]
        return w.op("Cast", [found], f"{found}_float", to=TensorProto.FLOAT) if self.half else found

    def _outputs(self, found: str) -> tuple[str, str]:
        """(the correction N×3×H×W, shares of the last result N×4×h×w) of what the body returns."""
        w = self.w
        ends = {n: w.shape(n, v) for n, v in (("from_0", 0), ("to_12", DEPTH), ("to_16", DEPTH + CELL * CELL))}
        axis = w.shape("channels", 1)
        logits = w.op("Slice", [found, ends["to_12"], ends["to_16"], axis], "share_logits")
        scaled = w.op("Mul", [logits, w.constant("logit_scale", self.net.logit_scale, np.float32)], "share_scaled")
        share = w.op("Sigmoid", [scaled], "share")
        last = next(node for node in w.nodes if found in node.output)
        if last.op_type != "DequantizeLinear":
            cells = w.op("Slice", [found, ends["from_0"], ends["to_12"], axis], "correction_cells")
            return w.op("DepthToSpace", [cells], "correction", blocksize=CELL, mode="DCR"), share
        bytes_, scale, zero = last.input
        cells = w.op("Slice", [bytes_, ends["from_0"], ends["to_12"], axis], "correction_cells")
        pixels = w.op("Transpose", [as_pixels(w, cells, cell=CELL)], "correction_bytes", perm=[0, 3, 1, 2])
        return w.op("DequantizeLinear", [pixels, scale, zero], "correction"), share

    def _fine(self, cells: str) -> str:
        """N×1×h×w → N×1×(2h)×(2w), each value four times."""
        w = self.w
        scales = w.constant("fine_scales", [1, 1, CELL, CELL], np.float32)
        return w.op(
            "Resize",
            [cells, "", scales],
            f"{cells}_fine",
            mode="nearest",
            coordinate_transformation_mode="asymmetric",
            nearest_mode="floor",
        )

    def _write_strength(self, frame: str, whole: str) -> None:
        """``image``: what is restored, or with a ``strength`` below 1 something between the frame and that."""
        w = self.w
        w.input(w.constant("strength", 1.0, np.float32), TensorProto.FLOAT, [])
        w.op("Less", ["strength", w.constant("one_float", 1.0, np.float32)], "is_blended")
        b = GraphWriter()
        ends = [b.op("DequantizeLinear", [n, "level", "zero_point"], f"{n}_blended") for n in (frame, whole)]
        change = b.op("Mul", [b.op("Sub", ends[::-1], "blend_off"), "strength"], "blend_change")
        blended = b.op("Add", [ends[0], change], "blend")
        b.op("QuantizeLinear", [blended, "level", "zero_point"], "image_blended")
        c = GraphWriter()
        c.op("Identity", [whole], "image_whole")
        branches = [
            helper.make_graph(writer.nodes, name, [], [helper.make_tensor_value_info(name, TensorProto.UINT8, ["N", "H", "W", 3])])
            for writer, name in ((b, "image_blended"), (c, "image_whole"))
        ]
        w.op("If", ["is_blended"], "image", then_branch=branches[0], else_branch=branches[1])
        w.output("image", TensorProto.UINT8, ["N", "H", "W", 3])


def _sides(name: str) -> list[str | int]:
    return [f"{name}_h", f"{name}_w"]
