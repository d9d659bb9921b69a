"""Compares every int8 model with its float32 model and with the result of ONNX Runtime's own quantizer for the same
graph.

    python benchmarks/quantize.py --eval DATA/eval --calib FOLDER [--json FILE]

Quality on the evaluation sets of the card, loss on the worst condition; time of a 640×480 frame, the three files in
turn, medians and paired ratios. The peer is ``onnxruntime.quantization.quantize_static`` with its own choices (min-max,
per channel) and the same calibration crops. Do not run it next to other work.
"""

from __future__ import annotations

import contextlib
import io
import json
import logging
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import click
import numpy as np
import onnxruntime as ort
from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

import nitido
from nitido.model_file import zoo
from nitido_export.quantization.calibration import degraded_crops
from nitido_train.checkpoint import load_checkpoint
from nitido_train.evaluation.conditions import Condition, conditions_of, read_pictures
from nitido_train.tensors import to_frames

ROUNDS = 15
SETS = {"denoise": ("CBSD68", "Kodak24"), "upscale": ("Set5", "Set14")}


class Frames(CalibrationDataReader):
    """Calibration crops as the model's own input."""

    def __init__(self, name: str, folder: Path) -> None:
        batches = degraded_crops(load_checkpoint(Path(name)).recipe, read_pictures(folder))
        self._frames = iter([{"frame": frame[None]} for given, _ in batches for frame in to_frames(given)])

    def get_next(self) -> dict[str, np.ndarray]:
        return next(self._frames, None)  # pyright: ignore[reportReturnType]


def peer(model: nitido.Model, calib: Path, folder: Path) -> ort.InferenceSession:
    """The same float graph through ONNX Runtime's quantizer."""
    prepared, target = folder / "prepared.onnx", folder / "peer.onnx"
    logging.disable(logging.WARNING)
    with contextlib.redirect_stdout(io.StringIO()):
        quant_pre_process(str(model.path), str(prepared), skip_symbolic_shape=True)
        reader = Frames(model.path.stem, calib)
        quantize_static(
            str(prepared), str(target), reader, per_channel=True, weight_type=QuantType.QInt8,
            activation_type=QuantType.QUInt8,
        )  # fmt: skip
    options = ort.SessionOptions()
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # as the others: it would slow them
    return ort.InferenceSession(str(target), options, providers=["CPUExecutionProvider"])


def largest_loss(tested: list[Condition], reference: list[float], restore: Any) -> tuple[float, list[float]]:
    values = [condition.measure(restore) for condition in tested]
    return max(a - b for a, b in zip(reference, values, strict=True)), values


@click.command()
@click.option(
    "--eval", "sets", type=click.Path(path_type=Path, exists=True), required=True, help="Folder of test sets."
)
@click.option(
    "--calib", type=click.Path(path_type=Path, exists=True), required=True, help="For the peer's calibration."
)
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Also write the table here.")
def main(sets: Path, calib: Path, json_path: Path | None) -> None:
    rows: list[dict[str, Any]] = []
    for entry in filter(lambda entry: entry.takes_frames, zoo.entries()):
        if not entry.name.endswith(".int8"):
            continue
        name = entry.name.removesuffix(".int8")
        full, small = (nitido.load(n, "cpu", spinning=False) for n in (name, entry.name))
        frame = np.random.default_rng(0).integers(0, 256, (480, 640, 3), np.uint8)
        with tempfile.TemporaryDirectory() as scratch:
            other = peer(full, calib, Path(scratch))
            size = (Path(scratch) / "peer.onnx").stat().st_size
        runs = {
            name: full,
            entry.name: small,
            "onnxruntime quantizer": lambda f, s=other: np.asarray(s.run(["image"], {"frame": f[None]})[0])[0],
        }
        sizes = dict(zip(runs, (full.path.stat().st_size, small.path.stat().st_size, size), strict=True))
        times: dict[str, list[float]] = {label: [] for label in runs}
        for _ in range(ROUNDS + 1):
            for label, run in runs.items():
                began = time.perf_counter()
                run(frame)
                times[label].append(1000 * (time.perf_counter() - began))
        tested = [c for s in SETS[full.card.task] for c in conditions_of(sets / s, full.card.task, full.card.scale)]
        reference = [c.measure(full) for c in tested]
        print(f"{name} on {', '.join(SETS[full.card.task])}; loss is that of the worst condition")
        for label, run in runs.items():
            loss, values = largest_loss(tested, reference, run)
            ratio = statistics.median(a / b for a, b in zip(times[name][1:], times[label][1:], strict=True))
            row = {
                "model": name,
                "file": label,
                "bytes": sizes[label],
                "ms_vga": statistics.median(times[label][1:]),
                "speedup": ratio,
                "loss_db": loss,
                "psnr": values,
            }
            rows.append(row)
            print(
                f"  {label:24} {row['bytes'] / 1000:6.0f} KB {row['ms_vga']:7.1f} ms/VGA frame  "
                f"{ratio:5.2f} times as fast   loses {loss:6.3f} dB   {' '.join(f'{v:.2f}' for v in values)}"
            )
    if json_path:
        json_path.parent.mkdir(parents=True, exist_ok=True)
        json_path.write_text(json.dumps({"onnxruntime": ort.__version__, "rows": rows}, indent=2))


if __name__ == "__main__":
    main()
