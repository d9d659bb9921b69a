"""The graph of a recurrent denoiser in the model contract: it takes a frame and states, and returns an image and
states.

Stacks of convolutions compute in float or in 8 bits, as in the network. Everything between them computes in float, on
pixels. A pass over three planes of floats costs as much as a layer of a stack, so there are as few passes as possible,
and the inputs of 8-bit stacks are rearranged as bytes.
"""

from __future__ import annotations

import math

import numpy as np
import onnx
from onnx import TensorProto, helper

from nitido_export.graph.layers import write_layers
from nitido_export.graph.levels import ESTIMATE, write_level
from nitido_export.graph.pixels import FINE, as_pixels, cells_last, dequantize, quantize, write_padded
from nitido_export.graph.writer import GraphWriter
from nitido_train.nets.estimator import HIGHEST, LOWEST, MIDDLE
from nitido_train.nets.live import CELL, MOST_PAST
from nitido_train.nets.live_planes import BODY_WIDTH, PlaneLiveNet
from nitido_train.nets.planes import COPIES, HIGHEST_AWAY, LOWEST_AWAY, MOST
from nitido_train.quantization.layers import ActivationQuantizer
from nitido_train.tensors import ZERO_POINT

FIRST, LAST = [0, 3, 1, 2], [0, 2, 3, 1]  # permutations: channels first, channels last


def live_graph(net: PlaneLiveNet, *, half: bool = False) -> onnx.ModelProto:
    """As :func:`nitido_export.graph.frames.frame_graph`, of a recurrent denoiser."""
    return _LiveWriter(net, half).write()


class _LiveWriter:
    """Follows :meth:`PlaneLiveNet.forward` step by step, with the same names for tensors."""

    def __init__(self, net: PlaneLiveNet, half: bool) -> None:
        self.w = GraphWriter()
        self.net, self.half = net, half
        self.integer = any(isinstance(m, ActivationQuantizer) for m in net.modules())

    def write(self) -> onnx.ModelProto:
        w, net = self.w, self.net
        frame = w.input("frame", TensorProto.UINT8, ["N", "H", "W", 3])
        states = {s.name: w.input(s.taken, TensorProto.FLOAT, ["N", s.channels, *_sides(s.name)]) for s in net.states}
        size = w.op("Shape", [frame], "size", start=1, end=3)  # H W
        padded = write_padded(w, frame, size, cell=CELL, multiple=net.multiple)
        levels = dequantize(w, w.op("Transpose", [padded], "now_bytes", perm=FIRST), "levels")
        # A no-op. Without it, ONNX Runtime computes a DequantizeLinear again for each of its users, with
        # transpositions.
        now = w.op("Max", [levels, w.constant("lowest", np.finfo(np.float32).min, np.float32)], "now")
        level = write_level(w, net.estimator, now, 1)

        picture, weight, mean = states["picture"], states["weight"], states["mean"]
        off_mean = w.op("Sub", [mean, now], "off_mean")
        gated = self._stack(net.gate, self._gate_input(now, picture, off_mean, weight, level), "gate_")
        logits = w.op("Slice", [gated, w.shape("from_0", 0), w.shape("to_4", 4), w.shape("channels", 1)], "hold_logits")
        holds = w.op("Sigmoid", [w.op("DepthToSpace", [logits], "hold_cells", blocksize=2)], "holds")
        kept = w.op("Mul", [weight, holds], "kept")
        off = w.op("Mul", [self._fine(kept), off_mean], "off_frame")
        new_mean = w.op("Add", [now, off], "state_out_mean")
        two = w.constant("two", 2.0, np.float32)
        one = w.constant("one_float", 1.0, np.float32)
        removed = w.op("Mul", [kept, w.op("Sub", [two, holds], "not_held")], "removed")
        variance = w.op("Sub", [one, removed], "variance")
        strongest = w.op("Div", [one, w.op("Sub", [two, removed], "one_and_variance")], "weight_unlimited")
        w.op("Min", [strongest, w.constant("most_past", MOST_PAST, np.float32)], "state_out_weight")

        past = w.op("Min", [w.op("Mul", [weight, two], "twice_weight"), one], "past")
        fine_past = self._fine(past)
        old = w.op("Mul", [w.op("Sub", [picture, new_mean], "off_picture"), fine_past], "old")
        found = self._stack(net.body, self._body_input(new_mean, old, off, level, variance), "body_")
        correction, share = self._outputs(found)
        alone = w.op("Add", [new_mean, correction], "alone")
        mixed_in = w.op("Mul", [share, fine_past], "mixed_in")
        change = w.op("Mul", [mixed_in, w.op("Sub", [picture, alone], "off_alone")], "change")
        restored = w.op("Add", [alone, change], "state_out_picture")

        frames = w.op("Transpose", [quantize(w, restored, "bytes")], "image_padded", perm=LAST)
        w.op("Slice", [frames, w.shape("start", 0, 0), size, w.shape("axes", 1, 2)], "whole")
        self._write_strength(frame, "whole")
        for state in net.states:
            w.output(state.given, TensorProto.FLOAT, ["N", state.channels, *_sides(f"{state.name}_out")])
        w.output(ESTIMATE, TensorProto.FLOAT, [])
        return w.model()

    def _gate_input(self, now: str, picture: str, off_mean: str, weight: str, level: str) -> str:
        w = self.w
        share = w.op("Div", [level, w.constant("level_highest", HIGHEST, np.float32)], "level_of_highest")
        log = w.op("Log", [level], "level_log")
        log_share = w.op("Div", [log, w.constant("level_log_range", math.log(HIGHEST), np.float32)], "log_of_highest")
        size = w.op("Shape", [off_mean], "pixel_size", start=2, end=4)
        batch = w.op("Shape", [off_mean], "batch", start=0, end=1)
        shape = w.op("Concat", [batch, w.shape("one", 1), size], "plane_shape", axis=0)
        planes = [w.op("Expand", [self._bytes(self._halved(n)), shape], f"{n}_plane") for n in (share, log_share)] + [
            self._fine(self._bytes(self._halved(weight)))
        ]
        pixels = [self._bytes(t) for t in (now, w.op("Sub", [picture, now], "off_old"), off_mean)]
        joined = w.op("Concat", [*pixels, *planes], "gate_pixels", axis=1)
        return dequantize(w, joined, "gate_input") if self.integer else joined

    def _body_input(self, mean: str, old: str, off: str, level: str, variance: str) -> str:
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
        square = w.op(
            "Mul", [w.op("Mul", [away, away], "away_2"), w.constant("plane_slope_2", 1 / MOST, np.float32)], "p2"
        )
        second = w.op("Sub", [square, w.constant("plane_middle", middle, np.float32)], "plane_2")
        parts = [w.op("Add", [first, start], "plane_1"), second]
        planes = [p for p in parts for _ in range(COPIES)]
        return self._together("body", [mean, old, off], planes, BODY_WIDTH)

    def _halved(self, name: str) -> str:
        return self.w.op("Mul", [name, self.w.constant("half", 0.5, np.float32)], f"{name}_half")

    def _bytes(self, name: str) -> str:
        """The input of an 8-bit stack for a tensor; float stacks take the tensor itself."""
        if not self.integer:
            return name
        return "now_bytes" if name == "now" else quantize(self.w, name, f"{name}_bytes")

    def _together(self, name: str, pixels: list[str], planes: list[str], width: int) -> str:
        """The input of a stack, N×width×h×w: pixels as cells, then planes of one channel.

        Missing channels are filled by repetition; their weights are zero.
        """
        w = self.w
        depth = 3 * len(pixels)
        planes = [*planes, *planes[-1:] * (width - CELL * CELL * depth - len(planes))]
        if not self.integer:
            joined = w.op("Concat", pixels, f"{name}_pixels", axis=1)
            fine = w.op("SpaceToDepth", [joined], f"{name}_cells", blocksize=CELL)
            return w.op("Concat", [fine, *planes], f"{name}_input", axis=1)
        known = {tensor: self._bytes(tensor) for tensor in dict.fromkeys((*pixels, *planes))}
        flat, levels = (
            w.op("Transpose", [w.op("Concat", [known[t] for t in tensors], part, axis=1)], f"{part}_last", perm=LAST)
            for tensors, part in ((pixels, f"{name}_pixels"), (planes, f"{name}_planes"))
        )
        flat = cells_last(w, flat, name, cell=CELL, depth=depth)
        bytes_ = w.op("Concat", [flat, levels], f"{name}_bytes_last", axis=3)
        return dequantize(w, w.op("Transpose", [bytes_], f"{name}_bytes", perm=FIRST), f"{name}_input")

    def _stack(self, stack: object, given: str, prefix: str) -> str:
        w = self.w
        if self.half:
            given = w.op("Cast", [given], f"{given}_half", to=TensorProto.FLOAT16)
        (found,) = write_layers(w, stack, [given], prefix, half=self.half)  # pyright: ignore[reportArgumentType]
        return w.op("Cast", [found], f"{found}_float", to=TensorProto.FLOAT) if self.half else found

    def _outputs(self, found: str) -> tuple[str, str]:
        """(correction N×3×H×W, share of the last result N×1×H×W), from the output of the body."""
        w = self.w
        scale = w.constant("logit_scale", float(self.net.logit_scale), np.float32)
        last = next(node for node in w.nodes if found in node.output)
        if last.op_type != "DequantizeLinear":
            correction, logits = self._split(w.op("DepthToSpace", [found], "found", blocksize=CELL, mode="DCR"))
            return correction, w.op("Sigmoid", [w.op("Mul", [logits, scale], "logits")], "share")
        w.nodes.remove(last)
        bytes_, step, zero = last.input
        pixels = w.op("Transpose", [as_pixels(w, bytes_, cell=CELL, depth=4)], "found", perm=FIRST)
        correction, logits = self._split(pixels)
        wide = w.op("Mul", [step, scale], "logit_step")
        share = w.op("Sigmoid", [w.op("DequantizeLinear", [logits, wide, zero], "logits")], "share")
        return w.op("DequantizeLinear", [correction, step, zero], "correction"), share

    def _split(self, found: str) -> tuple[str, str]:
        # Not Slice: ONNX Runtime would move the preceding transposition behind it, where it takes eight times as long.
        w = self.w
        correction = w.op("Gather", [found, w.shape("colours", 0, 1, 2)], f"{found}_correction", axis=1)
        return correction, w.op("Gather", [found, w.shape("fourth", 3)], f"{found}_logits", axis=1)

    def _fine(self, cells: str) -> str:
        """N×1×h×w → N×1×(2h)×(2w), each value four times."""
        w = self.w
        scales = w.constant(FINE, [1, 1, CELL, CELL], np.float32)
        return w.op(
            "Resize",
            [cells, "", scales],
            f"{cells}_fine",
            mode="nearest",
            coordinate_transformation_mode="asymmetric",
            nearest_mode="floor",
        )

    def _write_strength(self, frame: str, whole: str) -> None:
        """``image``: the restored frame, or with a ``strength`` below 1 a blend of the frame and the restored one."""
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
            helper.make_graph(
                writer.nodes, name, [], [helper.make_tensor_value_info(name, TensorProto.UINT8, ["N", "H", "W", 3])]
            )
            for writer, name in ((b, "image_blended"), (c, "image_whole"))
        ]
        w.op("If", ["is_blended"], "image", then_branch=branches[0], else_branch=branches[1])
        w.output("image", TensorProto.UINT8, ["N", "H", "W", 3])


def _sides(name: str) -> list[str | int]:
    return [f"{name}_h", f"{name}_w"]
