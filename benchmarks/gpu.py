"""A GPU, from the promise of its provider to frames and training steps per second: one command, under six minutes.

    python benchmarks/gpu.py [--minutes 6] [--json FILE]
    python benchmarks/gpu.py --dry      # the same code on the CPU, in small

Needs an NVIDIA GPU, onnxruntime-gpu instead of onnxruntime, and the extras train and export. First it checks that the
provider is really used, that certificates and results match the CPU, and that the states of a recurrent model stay on
the GPU. Then it measures frames per second for every shipped model in float32, float16 and 8 bits, in and out of
the memory of the host; several frames in one run; training steps; and TensorRT, where it is installed. What does not
fit into the time is left out, with a note. A second run finds the float16 files made. Exit code 1: no GPU, or a check
failed.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
from dataclasses import asdict, dataclass, field
from pathlib import Path

import click
import onnxruntime as ort
from accelerator.checks import (
    Check,
    check_binding,
    check_certificates,
    check_parity,
    check_promise,
    check_sequence,
    guarded,
)
from accelerator.deadline import Deadline
from accelerator.files import PRECISIONS, Network, networks
from accelerator.speed import Cell, Size, measure_batch, measure_speed
from accelerator.training import Pace, Setting, measure_training

from nitido.errors import NitidoError, ProviderUnavailable
from nitido.inference.session import open_session
from nitido.model_file import zoo
from nitido.system.files import cache_folder

RECURRENT = "denoise-live-n"
TRAINING_SHARE = 0.3  # of the time, kept for what comes after the frames per second


@dataclass(frozen=True)
class Plan:
    """What is measured. device: of ONNX Runtime. seconds: for each number. batches: frames in one run."""

    device: str
    networks: list[Network]
    sizes: list[Size]
    seconds: float
    batches: tuple[int, ...]
    trainings: list[Setting]
    workers: int


@dataclass
class Findings:
    machine: dict[str, str]
    checks: list[Check] = field(default_factory=list[Check])
    speeds: dict[str, dict[str, Cell]] = field(default_factory=dict[str, dict[str, Cell]])
    batches: dict[str, dict[str, Cell]] = field(default_factory=dict[str, dict[str, Cell]])
    trainings: dict[str, Pace] = field(default_factory=dict[str, Pace])
    notes: list[str] = field(default_factory=list[str])


def full_plan() -> Plan:
    sizes = [Size("480p", 640, 480), Size("720p", 1280, 720), Size("1080p", 1920, 1080), Size("4K", 3840, 2160)]
    gpus = _gpus()
    trainings = [Setting("cuda", precision, 1, (20, 320)) for precision in ("32-true", "bf16-mixed")]
    if gpus > 1:
        trainings.append(Setting("cuda", "bf16-mixed", gpus, (20, 320)))
    return Plan("cuda", networks(), sizes, 0.4, (1, 4, 16), trainings, min(8, os.cpu_count() or 1))


def dry_plan() -> Plan:
    small = ("data.patch=32", "data.batch=2")
    return Plan(
        "cpu",
        [network for network in networks() if network.name in ("denoise-n", RECURRENT, "upscale-x2-photo")],
        [Size("small", 64, 48), Size("wide", 96, 40)],
        0.01,
        (1, 2),
        [Setting("cpu", "bf16-mixed", 2, (0, 2), small)],
        0,
    )


def _gpus() -> int:
    try:
        import torch

        return torch.cuda.device_count()
    except (ImportError, RuntimeError):
        return 0


def describe_machine(device: str) -> dict[str, str]:
    facts = {"device": device, "onnxruntime": ort.__version__, "system": platform.platform()}
    program = shutil.which("nvidia-smi")
    if program:
        query = [program, "--query-gpu=name,driver_version,memory.total", "--format=csv,noheader"]
        done = subprocess.run(query, capture_output=True, text=True, timeout=20, check=False)
        facts["gpu"] = "; ".join(done.stdout.split("\n")).strip("; ")
    try:
        import torch

        facts["torch"] = f"{torch.__version__}, CUDA {torch.version.cuda}"
    except ImportError:
        facts["torch"] = "not installed"
    return facts


def run_checks(plan: Plan, halves: Path, quick: bool) -> list[Check]:
    """quick: only files of the plan's networks."""
    device = plan.device
    chosen = [n.file(p, halves) for n in plan.networks for p in ("fp32", "int8")]
    shipped = chosen if quick else [entry.path for entry in zoo.entries()]
    first = plan.networks[0]
    return [
        guarded("provider", lambda: check_promise(device, first.file("fp32", halves))),
        guarded("certificates", lambda: check_certificates(device, shipped)),
        guarded("parity", lambda: check_parity(device, chosen)),
        guarded("binding", lambda: check_binding(device, zoo.find(RECURRENT))),
        guarded("stream", lambda: check_sequence(device, zoo.find(RECURRENT))),
        guarded("float16", lambda: check_certificates(device, [first.file("fp16", halves)], "float16")),
    ]


def measure_frames(plan: Plan, halves: Path, deadline: Deadline, found: Findings) -> None:
    for network in plan.networks:
        for precision in PRECISIONS:
            if deadline.left < 0:
                found.notes.append(f"no time was left for {network.name} in {precision} and what follows")
                return
            name = f"{network.name}, {precision}"
            click.echo(f"measuring {name} …", err=True)
            try:
                path = network.file(precision, halves)
            except (NitidoError, OSError) as error:
                found.notes.append(f"{name}: {error}")
                continue
            found.speeds[name] = {
                size.name: measure_speed(path, plan.device, size, plan.seconds)
                for size in plan.sizes
                if deadline.left > 0
            }


def measure_batches(plan: Plan, halves: Path, deadline: Deadline, found: Findings) -> None:
    """Of the default networks that do not remember, at the smallest size."""
    for network in plan.networks:
        if not network.default or network.name == RECURRENT:
            continue
        for precision in PRECISIONS:
            if deadline.left < 0:
                found.notes.append("no time was left for several frames in one run")
                return
            path = network.file(precision, halves)
            found.batches[f"{network.name}, {precision}"] = {
                f"{batch}": measure_batch(path, plan.device, plan.sizes[0], batch, plan.seconds)
                for batch in plan.batches
            }


def measure_trainings(plan: Plan, deadline: Deadline, found: Findings) -> None:
    for setting in plan.trainings:
        if deadline.left < 20:
            found.notes.append(f"no time was left to train with {setting}")
            continue
        if setting.accelerator == "cuda" and not _gpus():
            found.notes.append("no training: torch sees no GPU; install a build of torch with CUDA")
            return
        click.echo(f"training: {setting} …", err=True)
        found.trainings[str(setting)] = measure_training("denoise-n", setting, max(20.0, deadline.left), plan.workers)


def measure_tensorrt(plan: Plan, halves: Path, deadline: Deadline, found: Findings) -> None:
    """The first network with TensorRT, which takes tens of seconds to build an engine for each size."""
    try:
        open_session(plan.networks[0].file("fp32", halves), "tensorrt")
    except ProviderUnavailable as error:  # also where the provider is there and NVIDIA's library is not
        found.notes.append(f"TensorRT was not measured: {error}")
        return
    for precision in PRECISIONS:
        if deadline.left < 60:
            found.notes.append(f"no time was left for TensorRT in {precision}")
            return
        name = f"{plan.networks[0].name}, {precision}, TensorRT"
        click.echo(f"measuring {name} …", err=True)
        path = plan.networks[0].file(precision, halves)
        found.speeds[name] = {plan.sizes[1].name: measure_speed(path, "tensorrt", plan.sizes[1], plan.seconds)}


def table(title: str, rows: dict[str, dict[str, Cell]], columns: list[str]) -> list[str]:
    if not rows:
        return []
    lines = [f"| {title} | {' | '.join(columns)} |", f"|---|{'---|' * len(columns)}"]
    return lines + [f"| {name} | {' | '.join(str(row.get(c, '–')) for c in columns)} |" for name, row in rows.items()]


def report(plan: Plan, found: Findings) -> str:
    lines = [f"{key}: {value}" for key, value in found.machine.items()]
    lines += ["", "| check | | |", "|---|---|---|"]
    lines += [f"| {c.name} | {'passed' if c.passed else 'FAILED'} | {c.found} |" for c in found.checks]
    sizes = [size.name for size in plan.sizes]
    lines += ["", *table("frames per second", found.speeds, sizes)]
    first = plan.sizes[0]
    title = f"frames per second at {first.width}×{first.height}, so many in one run"
    lines += ["", *table(title, found.batches, [str(batch) for batch in plan.batches])]
    if found.trainings:
        lines += ["", "| training of denoise-n | steps per second |", "|---|---|"]
        lines += [f"| {name} | {pace} |" for name, pace in found.trainings.items()]
    return "\n".join([*lines, *([""] if found.notes else []), *(f"note: {note}" for note in found.notes)])


@click.command()
@click.option("--minutes", default=6.0, show_default=True, help="Time for everything.")
@click.option("--dry", is_flag=True, help="Run the same code on the CPU, with small sizes; its numbers mean nothing.")
@click.option("--halves", type=click.Path(path_type=Path), help="Folder of float16 files.  [default: in the cache]")
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Also write the numbers here.")
def main(minutes: float, dry: bool, halves: Path | None, json_path: Path | None) -> None:
    """Check and measure a GPU."""
    deadline = Deadline(60 * minutes)
    plan = dry_plan() if dry else full_plan()
    try:
        open_session(plan.networks[0].file("fp32", Path()), plan.device)
    except ProviderUnavailable as error:
        raise click.ClickException(f"no GPU to measure: {error}; --dry runs the same code on the CPU") from error
    halves = halves or cache_folder() / "float16"
    found = Findings(describe_machine(plan.device))
    click.echo("checking …", err=True)
    found.checks = run_checks(plan, halves, quick=dry)
    measure_frames(plan, halves, deadline.before(TRAINING_SHARE * 60 * minutes), found)
    measure_batches(plan, halves, deadline.before(0.8 * TRAINING_SHARE * 60 * minutes), found)
    measure_trainings(plan, deadline, found)
    measure_tensorrt(plan, halves, deadline, found)
    click.echo(report(plan, found))
    if dry:
        click.echo("\ndry run on the CPU: that it runs is all it shows")
    if json_path:
        json_path.parent.mkdir(parents=True, exist_ok=True)
        json_path.write_text(json.dumps(asdict(found), indent=2) + "\n", encoding="utf-8")
    if not all(check.passed for check in found.checks):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
