"""The programs that ``nitido pack`` writes: size on disk, cold start, memory and frames per second.

    python benchmarks/programs.py --onnxruntime FOLDER --node-modules FOLDER [--model denoise-n] [--size 640x480]

--onnxruntime: include/ and lib/, as for building the C program. --node-modules: holds onnxruntime-node. A program whose
folder is not given is left out. Every program gets raw or PNG frames of a photograph with noise and writes its results.

Cold start: a fresh process until it has written one frame, median. Frames per second: a long and a short clip; the
difference of their times is that of the frames between. Memory: the largest resident set of the process with one frame
(Linux). Size: what has to be on the device besides the system, Python or Node. The programs take turns. Do nothing else
on the machine meanwhile.
"""

from __future__ import annotations

import importlib.util
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import click
import cv2
import numpy as np

from nitido.inference.model import load
from nitido.model_file import zoo
from nitido_export.pack.sample import SIGMA
from nitido_export.pack.write import write_pack
from nitido_train.data.degrade import gaussian_at

PHOTO = Path(__file__).parents[1] / "samples" / "coffee.webp"
# Between this process and the program: Linux counts the memory of who starts a process as that process's own.
_WATCH = """
import os, sys, time
began = time.perf_counter()
null = os.open(os.devnull, os.O_WRONLY)
pid = os.posix_spawnp(sys.argv[1], sys.argv[1:], os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, null, 1)])
_, status, used = os.wait4(pid, 0)
print(time.perf_counter() - began, used.ru_maxrss, file=sys.stderr)
sys.exit(os.waitstatus_to_exitcode(status))
"""
PACKAGES = ("onnxruntime", "numpy", "cv2")


@dataclass(frozen=True)
class Program:
    """command: for so many frames. parts: what has to be on the device."""

    name: str
    command: Callable[[int], list[str]]
    parts: list[Path]


@dataclass(frozen=True)
class Row:
    """size_mb: on disk. start_ms: of a process until its first frame is written. memory_mb: the largest."""

    size_mb: float
    start_ms: float
    memory_mb: float
    fps: float


def disk_size(path: Path) -> int:
    """Bytes of a file or a folder, each file once, however many links it has."""
    files = [path] if path.is_file() else [p for p in path.rglob("*") if p.is_file()]
    return sum(p.stat().st_size for p in {p.resolve() for p in files} if "__pycache__" not in p.parts)


def run_once(command: list[str]) -> tuple[float, float]:
    """(seconds, largest resident set in MB) of a process. Raises ``ClickException`` when it fails."""
    done = subprocess.run([sys.executable, "-I", "-S", "-c", _WATCH, *command], capture_output=True, check=False)
    if done.returncode:
        raise click.ClickException(f"{command[0]}: {done.stderr.decode(errors='replace').strip().splitlines()[-2:]}")
    elapsed, kilobytes = done.stderr.split()[-2:]
    return float(elapsed), int(kilobytes) / 1024


def write_clips(folder: Path, width: int, height: int, counts: tuple[int, ...]) -> None:
    """For each count a raw clip and a folder of pictures."""
    photo = cv2.imread(str(PHOTO))
    assert photo is not None
    small = np.asarray(cv2.resize(photo, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
    for count in counts:
        pictures = folder / f"in{count}"
        pictures.mkdir()
        (folder / f"out{count}").mkdir()
        with (folder / f"{count}.bgr").open("wb") as raw:
            for number in range(count):
                frame = gaussian_at(small, number, SIGMA)
                raw.write(frame.tobytes())
                cv2.imwrite(str(pictures / f"{number:04}.png"), frame, [cv2.IMWRITE_PNG_COMPRESSION, 1])


def native(target: str, model: Path, onnxruntime: Path, folder: Path, size: str) -> Program:
    pack = folder / target
    write_pack(str(model), target, pack)
    configure = ["cmake", "-S", pack, "-B", pack / "build", f"-DONNXRUNTIME_ROOT={onnxruntime}"]
    for step in (configure, ["cmake", "--build", pack / "build"]):
        subprocess.run(list(map(str, step)), check=True, stdout=subprocess.DEVNULL)
    program = pack / "build" / "nitido-frame"
    (library,) = {p.resolve() for p in (onnxruntime / "lib").glob("libonnxruntime.so*")}

    def command(count: int) -> list[str]:
        return [str(program), str(model), f"{folder}/{count}.bgr", f"{folder}/{target}.out", "--size", size]

    return Program({"c": "C", "cpp": "C++"}[target], command, [program, library, model])


def node(model: Path, modules: Path, folder: Path, size: str) -> Program:
    pack = folder / "node"
    write_pack(str(model), "node", pack)
    (pack / "node_modules").symlink_to(modules.resolve())

    def command(count: int) -> list[str]:
        return ["node", str(pack / "cli.js"), f"{folder}/{count}.bgr", f"{folder}/node.out", "--size", size]

    parts = [
        modules / "onnxruntime-node" / "bin",
        modules / "onnxruntime-node" / "dist",
        modules / "onnxruntime-common",
    ]
    return Program("Node", command, [*parts, model])


def python(model: Path, folder: Path) -> Program:
    pack = folder / "python"
    write_pack(str(model), "python", pack)
    parts = [Path(spec.origin).parent for name in PACKAGES if (spec := importlib.util.find_spec(name)) and spec.origin]
    libraries = [p for part in parts for p in part.parent.glob("*.libs") if p.name.startswith(("opencv", "numpy"))]

    def command(count: int) -> list[str]:
        return [sys.executable, str(pack / "nitido_frame.py"), str(model), f"{folder}/in{count}/%04d.png", "-"]

    return Program("Python", command, [*parts, *dict.fromkeys(libraries), model])


def measure(program: Program, few: int, many: int, starts: list[float], longs: list[float], memory: float) -> Row:
    start = statistics.median(starts)
    return Row(
        size_mb=sum(map(disk_size, program.parts)) / 1e6,
        start_ms=1000 * start,
        memory_mb=memory,
        fps=(many - few) / max(1e-9, statistics.median(longs) - start),
    )


@click.command()
@click.option("--model", "name", default="denoise-n", show_default=True, help="Model name or .onnx file.")
@click.option("--onnxruntime", type=click.Path(path_type=Path, exists=True), help="Folder with include/ and lib/.")
@click.option("--node-modules", type=click.Path(path_type=Path, exists=True), help="Folder with onnxruntime-node.")
@click.option("--size", default="640x480", show_default=True, help="Width and height of the frames.")
@click.option("--frames", type=click.IntRange(2), default=61, show_default=True, help="Length of the long clip.")
@click.option("--runs", type=click.IntRange(1), default=5, show_default=True, help="Processes of each kind.")
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Also write the numbers here.")
def main(
    name: str, onnxruntime: Path | None, node_modules: Path | None, size: str, frames: int, runs: int,
    json_path: Path | None,
) -> None:  # fmt: skip
    """Measure the programs of nitido pack."""
    model = zoo.find(name)
    width, height = map(int, size.split("x"))
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        write_clips(folder, width, height, (1, frames))
        programs = [python(model, folder)]
        if onnxruntime is not None:
            programs += [native(target, model, onnxruntime, folder, size) for target in ("c", "cpp")]
        if node_modules is not None:
            programs.append(node(model, node_modules, folder, size))
        times: dict[str, tuple[list[float], list[float], list[float]]] = {p.name: ([], [], []) for p in programs}
        for _ in range(runs):
            for program in programs:
                starts, longs, memories = times[program.name]
                elapsed, memory = run_once(program.command(1))
                starts.append(elapsed)
                memories.append(memory)
                longs.append(run_once(program.command(frames))[0])
        rows = {p.name: measure(p, 1, frames, *times[p.name][:2], max(times[p.name][2])) for p in programs}
    card = load(model, "cpu").card
    print(f"{card.name}, {size}, {os.cpu_count()} cores, median of {runs}\n")
    print("| program | size on disk | cold start | memory | frames per second |\n|---|---|---|---|---|")
    for title, row in rows.items():
        print(f"| {title} | {row.size_mb:.0f} MB | {row.start_ms:.0f} ms | {row.memory_mb:.0f} MB | {row.fps:.1f} |")
    if json_path:
        json_path.parent.mkdir(parents=True, exist_ok=True)
        json_path.write_text(json.dumps({title: asdict(row) for title, row in rows.items()}, indent=2) + "\n")


if __name__ == "__main__":
    main()
