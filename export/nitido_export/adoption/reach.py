"""The receptive field of a foreign network: from its operators if they show it, else by changing distant pixels."""

from __future__ import annotations

import math

import numpy as np
import onnx
from numpy.typing import NDArray

from nitido_export.adoption.conventions import WHOLE_FRAME, Conventions, restore, round_up
from nitido_export.adoption.findings import Finding, unsure
from nitido_export.adoption.foreign import Foreign, Misfit, Runner
from nitido_export.adoption.pictures import Pictures
from nitido_export.adoption.shapes import MULTIPLES

SIDES = (64, 128, 256, 512)  # of the pictures that are tried
FAINT = 1 / 64  # of an 8-bit level: smaller changes do not count
MOVED = 0.25  # 8-bit levels that a moved picture may differ by
CHEAP = 64  # pixels: a derived halo up to this is taken without measuring
LEVEL = 8.0

_POINTWISE = frozenset(
    (
        "Relu", "LeakyRelu", "PRelu", "Clip", "Sigmoid", "HardSigmoid", "Tanh", "Elu", "Gelu", "HardSwish", "Softplus",
        "Mish", "Erf", "Add", "Sub", "Mul", "Div", "Sum", "Mean", "Min", "Max", "Where", "Sqrt", "Pow", "Abs", "Neg",
        "Exp", "Log", "Concat", "Split", "Identity", "Cast", "Dropout", "BatchNormalization", "Transpose",
    )
)  # fmt: skip
_GLOBAL = frozenset({"GlobalAveragePool", "GlobalMaxPool", "InstanceNormalization"})
_SPATIAL = ({2, 3}, {1, 2})  # axes of height and width, in the two layouts


def find_grid(foreign: Foreign, run: Runner, how: Conventions, pictures: Pictures) -> tuple[int, str] | None:
    """(smallest shift in pixels by which a moved picture gives the same result, moved; the reason), or ``None``.

    Raises ``ExportError``.
    """
    size = how.size or (round_up(192, MULTIPLES[-1]),) * 2
    for multiple in (m for m in MULTIPLES if m % how.multiple == 0 and m < min(size) // 4):
        canvas = pictures.canvas(size[0] + multiple, size[1] + multiple)
        first, second = (_run(foreign, run, how, canvas[at : at + size[0], at : at + size[1]]) for at in (0, multiple))
        step = multiple * how.scale
        gap = np.abs(first[step:, step:] - second[:-step, :-step])
        height, width = gap.shape[:2]
        if float(gap[height * 3 // 8 : height * 5 // 8, width * 3 // 8 : width * 5 // 8].max()) <= MOVED:
            return multiple, f"a picture moved by {multiple} px gives the result moved"
    return None


def find_halo(foreign: Foreign, run: Runner, how: Conventions, pictures: Pictures) -> tuple[int, Finding]:
    """The halo in pixels of the frame, or ``WHOLE_FRAME``. Raises ``ExportError``."""
    derived = derived_reach(foreign)
    least = -(-how.margin // how.scale) + (2 if how.colour == "luma" and how.scale > 1 else 0)
    if derived is not None and derived <= CHEAP:
        halo = max(math.ceil(derived), least)
        return halo, Finding("halo", f"{halo} px", "certain: by its operators")
    if derived == math.inf:
        return WHOLE_FRAME, Finding("halo", "none", "certain: an operator looks at the whole frame; it is never tiled")
    measured = measured_reach(foreign, run, how, pictures)
    if measured is None:
        side = min(how.size) if how.size else SIDES[-1]
        reason = f"pictures of {side} px are changed as a whole; it is never tiled"
        return WHOLE_FRAME, Finding("halo", "none", f"likely: {reason}")
    halo = max(measured + how.multiple, least)
    if derived is not None and derived <= halo:
        return math.ceil(derived), Finding("halo", f"{math.ceil(derived)} px", "certain: by its operators")
    allowed = "" if derived is None else f", its operators allow {math.ceil(derived)} px"
    return halo, Finding("halo", f"{halo} px", f"measured: beyond {measured} px nothing changes a result{allowed}")


def measured_reach(foreign: Foreign, run: Runner, how: Conventions, pictures: Pictures) -> int | None:
    """Distance in pixels beyond which another picture changes results by less than ``FAINT``; ``None``: all pixels
    count."""
    for side in [min(how.size)] if how.size else SIDES:
        height, width = how.size or (side, side)
        reach = 0
        canvas = pictures.canvas(height, width)
        # Strong contrasts replace the picture, so that every influence shows.
        other = np.where(np.random.default_rng(0).random((height, width, 1)) < 0.5, canvas, 255 - canvas[::-1, ::-1])
        for phase in range(0, how.multiple, max(1, how.multiple // 4)):
            for axis in (0, 1):
                middle = (height, width)[axis] // 2 + phase
                for before in (True, False):
                    reach = max(
                        reach, _reach(foreign, run, how, (canvas, other.astype(np.uint8)), axis, middle, before)
                    )
        if reach < side // 2 - 2 * how.multiple:
            return reach
    return None


def derived_reach(foreign: Foreign) -> float | None:
    """Pixels of context that the operators between input and output need; ``math.inf``: all; ``None``: not known."""
    known = {tensor.name: tensor for tensor in foreign.model.graph.initializer}
    step: dict[str, float] = {foreign.image.name: 1.0}
    seen: dict[str, float] = {foreign.image.name: 0.0}
    all_known = True
    for node in foreign.model.graph.node:
        if node.op_type == "Constant":
            for attribute in node.attribute:
                known[node.output[0]] = attribute.t
        given = [name for name in node.input if name in step]
        if not given or node.op_type == "Shape":
            continue
        pitch, reach = max(step[name] for name in given), max(seen[name] for name in given)
        after = _after(node, known, pitch)
        if after is None:
            all_known, after = False, (pitch, 0.0)
        pitch, more = after
        for name in node.output:
            step[name], seen[name] = pitch, reach + more
    reach = seen.get(foreign.output.name)
    return reach if all_known or reach == math.inf else None


def _after(node: onnx.NodeProto, known: dict[str, onnx.TensorProto], pitch: float) -> tuple[float, float] | None:
    """(pixels per position after an operator, pixels that it sees beyond them); ``None``: not known."""
    kind = node.op_type
    numbers = {a.name: list(a.ints) or [a.i] for a in node.attribute}
    if kind in _POINTWISE:
        return pitch, 0.0
    if kind in _GLOBAL or (kind.startswith("Reduce") and _axes_of(node, known) in _SPATIAL):
        return pitch, math.inf
    if kind in ("Conv", "ConvTranspose"):
        if node.input[1] not in known or len(known[node.input[1]].dims) != 4:
            return None
        kernel = max(known[node.input[1]].dims[2:])
        stride, dilation = max(numbers.get("strides", [1])), max(numbers.get("dilations", [1]))
        if kind == "Conv":
            return pitch * stride, pitch * math.ceil((kernel - 1) * dilation / 2)
        return pitch / stride, pitch * math.ceil(kernel / stride)
    if kind in ("MaxPool", "AveragePool"):
        return pitch * max(numbers.get("strides", [1])), pitch * (max(numbers["kernel_shape"]) - 1)
    if kind == "Resize":
        scales = known.get(node.input[2]) if len(node.input) > 2 else None
        factor = float(onnx.numpy_helper.to_array(scales).max()) if scales is not None and any(scales.dims) else 0.0
        cubic = any(a.name == "mode" and a.s == b"cubic" for a in node.attribute)
        return (pitch / factor, pitch * (2 if cubic else 1)) if factor >= 1 else None
    if kind == "DepthToSpace":
        return pitch / numbers["blocksize"][0], 0.0
    if kind == "SpaceToDepth":
        return pitch * numbers["blocksize"][0], 0.0
    return None


def _axes_of(node: onnx.NodeProto, known: dict[str, onnx.TensorProto]) -> set[int]:
    """Axes of pictures that an operator reduces, counted from the first; none where the graph does not say."""
    axes = [int(value) for a in node.attribute if a.name == "axes" for value in a.ints]
    if len(node.input) > 1 and node.input[1] in known:
        axes = [int(value) for value in onnx.numpy_helper.to_array(known[node.input[1]]).reshape(-1)]
    return {axis % 4 for axis in axes}


def _reach(
    foreign: Foreign, run: Runner, how: Conventions, both: tuple[NDArray[np.uint8], NDArray[np.uint8]], axis: int,
    middle: int, before: bool,
) -> int:  # fmt: skip
    """How many pixels a change of one side reaches into the rest of a picture. before: the side before ``middle``."""
    picture, other = both
    changed = picture.copy()
    part = slice(0, middle) if before else slice(middle, None)
    index = (part, slice(None)) if axis == 0 else (slice(None), part)
    changed[index] = other[index]
    gap = np.abs(_run(foreign, run, how, picture) - _run(foreign, run, how, changed)).max(axis=(1 - axis, 2))
    places = np.flatnonzero(gap > FAINT) + how.margin
    border = middle * how.scale
    rest = places[places >= border] if before else places[places < border]
    if not len(rest):
        return 0
    far = int(rest.max()) + 1 - border if before else border - int(rest.min())
    return -(-far // how.scale)


def _run(foreign: Foreign, run: Runner, how: Conventions, frame: NDArray[np.uint8]) -> NDArray[np.float32]:
    try:
        return restore(run, how, frame[None], LEVEL, whole=False)[0]
    except Misfit as error:
        raise unsure(foreign.path, "how far it sees", "--halo", f"it fails on a picture: {error}") from error
