"""Quantizes an adopted model to 8 bits, if the loss stays within a limit and the result is faster.

ONNX Runtime's quantizer does it, because the network is a graph here and not one of our networks. The checks are those
of ``nitido export --int8``: the loss is measured on held-out pictures, layers return to float until it is within the
limit, and the speed of the file is compared with that of the float model.
"""

from __future__ import annotations

import contextlib
import io
import logging
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantType
from onnxruntime.quantization.calibrate import TensorsData, create_calibrator
from onnxruntime.quantization.qdq_quantizer import QDQQuantizer

from nitido.errors import ExportError
from nitido.frames import Frame
from nitido.inference.model import Model
from nitido.inference.session import run_graph
from nitido_export.adoption.adopt import Adoption, draft_adopted
from nitido_export.adoption.conventions import restore
from nitido_export.adoption.foreign import Foreign, Runner
from nitido_export.adoption.graph import adopted_graph
from nitido_export.adoption.pictures import SIDE, Crops, Pictures
from nitido_export.draft import Draft, ReleaseInfo
from nitido_export.quantization.guard import QualityGuard
from nitido_export.quantization.timing import Comparison, compare
from nitido_export.session import quiet_session
from nitido_train.evaluation.conditions import conditions_of, read_pictures

log = logging.getLogger(__name__)

METHODS = {"min-max": CalibrationMethod.MinMax, "percentile 99.99": CalibrationMethod.Percentile}
LAYERS = ("Conv",)


@dataclass(frozen=True)
class Attempt:
    """method: of the ranges. floats: layers that stay in float. drop: dB lost on the worst condition."""

    method: str
    floats: tuple[str, ...]
    drop: float


def quantize_adopted(
    adoption: Adoption,
    name: str,
    info: ReleaseInfo,
    guard: QualityGuard,
    pictures: Sequence[Frame],
    *,
    time: Callable[[Model, Model], Comparison] = compare,
) -> Draft:
    """The int8 file of an adopted model.

    pictures: clean ones that ranges are measured on. time: compares the speed of the reference and of the int8 model.
    Raises ``ExportError`` when the loss cannot be met with any layer in 8 bits, or the file is not faster.
    """
    foreign = adoption.foreign
    if foreign.image.half:
        raise ExportError(f"{foreign.path} computes in float16; --int8 expects a float32 file")
    layers = [node.name for node in foreign.model.graph.node if node.op_type in LAYERS]
    if not layers:
        raise ExportError(f"{foreign.path} has no convolutions that could compute in 8 bits")
    quantizer = _Quantizer(adoption, pictures)

    def attempt(method: str, floats: tuple[str, ...]) -> Attempt:
        graph = adopted_graph(quantizer.quantized(method, floats), adoption.how)
        session = quiet_session(graph.SerializeToString())
        rows = guard.scores(lambda frame: run_graph(session, {"frame": frame[None]}, ["image"])["image"][0])
        drop = max(row["drop"] for row in rows)
        log.info("%s, %d of %d layers in float: loses %.3f dB", method, len(floats), len(layers), drop)
        return Attempt(method, floats, drop)

    attempts = [attempt(method, ()) for method in METHODS]
    best = min(attempts, key=lambda a: a.drop)
    if best.drop > guard.max_drop:
        costly = quantizer.by_cost(best.method, layers)
        count = 1
        while best.drop > guard.max_drop and count < len(layers):
            best = attempt(best.method, tuple(costly[:count]))
            attempts.append(best)
            count *= 2
    if best.drop > guard.max_drop:
        least = min(attempts, key=lambda a: a.drop)
        raise ExportError(
            f"--max-drop {guard.max_drop:g} dB cannot be met: the best int8 model loses {least.drop:.3f} dB with "
            f"{len(least.floats)} of {len(layers)} layers in float; allow more, or keep the float model"
        )
    quantized = replace(adoption, foreign=quantizer.quantized(best.method, best.floats))
    report: dict[str, Any] = {
        "kind": "post-training, by ONNX Runtime's quantizer",
        "calibration": best.method,
        "float_layers": [layer.partition(".")[2] for layer in best.floats],
        "weights": "int8 per channel, 7 bits of them used",
        "activations": "uint8",
        "max_drop": guard.max_drop,
        "drop": round(best.drop, 3),
        "holdout_pictures": guard.pictures,
    }
    finished = draft_adopted(quantized, name, info, report)
    with finished.opened() as model:
        timing = time(guard.reference, model)
        scores = guard.scores(model)
    if timing.speedup <= 1.0:
        raise ExportError(
            f"the int8 model is not faster here: {timing.candidate_ms:.1f} ms a frame against "
            f"{timing.reference_ms:.1f} ms in float; keep the float model"
        )
    report |= {"scores": scores, "speedup": round(timing.speedup, 2), "timing": timing.describe()}
    return replace(finished, card=replace(finished.card, quantization=report))


def quantize_measured(
    adoption: Adoption, finished: Draft, info: ReleaseInfo, calibration: Path, holdout: Sequence[Path], max_drop: float
) -> Draft:
    """The int8 file for a finished float one, with pictures from folders. See :func:`quantize_adopted`.

    Raises ``ExportError``, ``SourceUnavailable``.
    """
    card = finished.card
    conditions = {folder.name: conditions_of(folder, card.task, card.scale) for folder in holdout}
    with finished.opened() as reference:
        guard = QualityGuard(max_drop, conditions, reference)
        return quantize_adopted(adoption, card.name, info, guard, read_pictures(calibration))


class _Quantizer:
    """One network quantized in several ways, with ranges that are measured once for each method."""

    def __init__(self, adoption: Adoption, pictures: Sequence[Frame]) -> None:
        self._adoption = adoption
        foreign, how = adoption.foreign, adoption.how
        self._model = foreign.model if how.size else foreign.free
        size = how.size or (SIDE, SIDE)
        found = Pictures(pictures)
        self._crops: Crops = found.noisy(size) if how.scale == 1 else found.shrunk(how.scale, size)
        self._ranges = {method: self._measured(kind) for method, kind in METHODS.items()}

    def quantized(self, method: str, floats: Sequence[str]) -> Foreign:
        model = onnx.ModelProto()
        model.CopyFrom(self._model)
        made = QDQQuantizer(
            model, per_channel=True, reduce_range=True, weight_qType=QuantType.QInt8, activation_qType=QuantType.QUInt8,
            tensors_range=self._ranges[method], nodes_to_quantize=[], nodes_to_exclude=list(floats),
            op_types_to_quantize=list(LAYERS), extra_options={},
        )  # fmt: skip
        made.quantize_model()
        made.model.topological_sort()
        return self._adoption.foreign.with_network(made.model.model)

    def by_cost(self, method: str, layers: Sequence[str]) -> list[str]:
        """The layers in order of sensitivity: first the one whose rounding alone changes results most."""
        exact = self._results(self._adoption.foreign)
        costs: dict[str, float] = {}
        for layer in layers:
            rounded = self._results(self.quantized(method, [other for other in layers if other != layer]))
            costs[layer] = float(np.square(rounded - exact).mean())
        return sorted(layers, key=costs.__getitem__, reverse=True)

    def _results(self, foreign: Foreign) -> NDArray[np.float32]:
        how, crops = self._adoption.how, self._crops
        run = Runner(foreign, fixed=how.size is not None)
        return np.stack([restore(run, how, one[None], crops.level, whole=False) for one in crops.given[:4]])

    def _measured(self, kind: CalibrationMethod) -> TensorsData:
        with tempfile.TemporaryDirectory() as scratch:
            path, augmented = Path(scratch) / "model.onnx", Path(scratch) / "augmented.onnx"
            onnx.save(self._model, str(path))
            calibrator = create_calibrator(
                path, list(LAYERS), str(augmented), kind, extra_options={"percentile": 99.99}
            )
            with contextlib.redirect_stdout(io.StringIO()):  # the quantizer prints its progress
                calibrator.collect_data(_Inputs(self._adoption, self._crops))
                found = calibrator.compute_data()
            assert isinstance(found, TensorsData)
            return found


class _Inputs(CalibrationDataReader):
    """Crops as the network is given them."""

    def __init__(self, adoption: Adoption, crops: Crops) -> None:
        foreign, how = adoption.foreign, adoption.how
        run, feeds = Runner(foreign, fixed=how.size is not None), list[dict[str, NDArray[Any]]]()

        class Recording(Runner):
            def __init__(self) -> None: ...

            def __call__(self, image: NDArray[Any], level: NDArray[Any] | None = None) -> NDArray[np.float32]:
                second = {foreign.level.name: level} if foreign.level is not None and level is not None else {}
                feeds.append({foreign.image.name: image, **second})
                return run(image, level)

        for one in crops.given:
            restore(Recording(), how, one[None], crops.level, whole=False)
        self._feeds = iter(feeds)

    def get_next(self) -> dict[str, NDArray[Any]]:
        return next(self._feeds, None)  # pyright: ignore[reportReturnType]
