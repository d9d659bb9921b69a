"""What every shipped model needs: file size, operations, memory, operators, and with --time its speed on one thread.

    python benchmarks/small_devices.py [MODEL …] [--time] [--seconds 120] [--into docs/reference]

Writes small-devices.json and, from it, small-devices.md. Without --time the times that are there are kept, for as long
as the file is the same; take new ones only while the machine does nothing else. Memory is read on Linux only.
"""

from __future__ import annotations

import hashlib
import json
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import click
import numpy as np
import onnxruntime as ort
from small_devices_page import SIZES, Needs, page

from nitido.inference.model import Model
from nitido.inference.session import read_card
from nitido.inference.streaming import FrameStream
from nitido.model_file import zoo
from nitido.model_file.zoo import Entry
from nitido.system.machine import describe_machine
from nitido_export.pack.minimal_build import write_config
from nitido_export.pack.ort_format import convert

ROOT = Path(__file__).parents[1]
HEIGHT, WIDTH = 480, 640
# Every process imports what all models need, and reports its peak when its work is done.
_CHILD = """
import sys
from pathlib import Path
import numpy
from nitido.inference.recurrence import RecurrentState
from nitido.inference.session import open_session, run_graph
from nitido.model_file.card import Card
from nitido.model_file.certificate import VECTORS, vectors_from_text
if len(sys.argv) > 1:
    path, width, height = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    session, _ = open_session(Path(path), "cpu", threads=1)
    metadata = session.get_modelmeta().custom_metadata_map
    if width:
        feeds = {"frame": numpy.zeros((1, height, width, 3), numpy.uint8)}
        state = RecurrentState.of(session, Card.from_metadata(metadata, path), path)
        feeds |= state.blank(feeds["frame"].shape) if state else {}
    else:
        feeds = vectors_from_text(metadata[VECTORS], path)[0].inputs
    for _ in range(3):
        run_graph(session, feeds)
status = Path("/proc/self/status").read_text()
print(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")))
"""


@dataclass(frozen=True)
class Table:
    """baseline_mb: peak of a process without a model. timed: the machine that the times are from, empty without."""

    onnxruntime: str
    baseline_mb: float
    timed: str
    rows: list[Needs]


def peak_mb(path: Path | None, size: tuple[int, int]) -> float:
    """Peak resident memory in MB of a process that runs a model three times, on one thread. size: width and height of
    its frame; (0, 0): the input of its certificate. path: ``None`` for a process without a model."""
    arguments = [] if path is None else [str(path), *map(str, size)]
    done = subprocess.run([sys.executable, "-c", _CHILD, *arguments], capture_output=True, text=True, check=True)
    return round(int(done.stdout.split()[-1]) / 1024, 1)


def operators(path: Path) -> list[str]:
    """The operators of the optimized graph, those of no standard with their domain."""
    with tempfile.TemporaryDirectory() as scratch:
        packed, config = Path(scratch) / "model.ort", Path(scratch) / "config"
        convert(path, packed)
        write_config(packed, config)
        lines = [line.split(";", 2) for line in config.read_text().splitlines() if line and line[0] != "#"]
    found: set[str] = set()
    for domain, _version, listed in lines:
        prefix = "" if domain == "ai.onnx" else f"{domain}."
        bare = re.sub(r"{[^{}]*}", "", re.sub(r"{[^{}]*}", "", listed))  # types stand in braces within braces
        found.update(prefix + name for name in bare.split(","))
    return sorted(found)


def measure(entry: Entry) -> Needs:
    """All but the time."""
    card, content = read_card(entry.path), entry.path.read_bytes()
    sizes = SIZES if entry.takes_frames else ((0, 0),)
    latent = card.latent or {}
    pixels = WIDTH * HEIGHT if entry.takes_frames else latent.get("height", 0) * latent.get("width", 0)
    return Needs(
        model=entry.name,
        task=card.task,
        scale=card.scale,
        integer=entry.name.endswith(".int8"),
        sha256=hashlib.sha256(content).hexdigest(),
        file_bytes=len(content),
        macs=round(card.macs_per_pixel * pixels),
        peak_mb=[peak_mb(entry.path, size) for size in sizes],
        operators=operators(entry.path),
    )


def measure_times(entries: Sequence[Entry], seconds: float) -> dict[str, float]:
    """Median milliseconds by model for a 640×480 frame of a stream on one thread; the models take turns, five frames
    each at least."""
    models = [Model(entry.path, "cpu", threads=1, spinning=False) for entry in entries]
    streams = [FrameStream(model) for model in models]
    frames = np.random.default_rng(0).integers(0, 256, (4, HEIGHT, WIDTH, 3), np.uint8)
    times: list[list[float]] = [[] for _ in models]
    for stream in streams:
        stream(frames[-1])
    end = time.perf_counter() + seconds
    while len(times[-1]) < 5 or time.perf_counter() < end:
        for stream, row in zip(streams, times, strict=True):
            began = time.perf_counter()
            stream(frames[len(row) % len(frames)])
            row.append(1000 * (time.perf_counter() - began))
    return {entry.name: round(statistics.median(row), 1) for entry, row in zip(entries, times, strict=True)}


def read_table(path: Path) -> Table | None:
    """The table that was written before."""
    if not path.is_file():
        return None
    known = json.loads(path.read_text(encoding="utf-8"))
    return Table(known["onnxruntime"], known["baseline_mb"], known["timed"], [Needs(**row) for row in known["rows"]])


def merged(old: Table | None, new: Table) -> Table:
    """The new rows in the place of the old ones, with the times of files that are the same."""
    before = {row.model: row for row in old.rows} if old else {}
    rows = dict(before)
    for row in new.rows:
        same = row.model in before and before[row.model].sha256 == row.sha256
        rows[row.model] = row if row.ms is not None or not same else replace(row, ms=before[row.model].ms)
    shipped = [entry.name for entry in zoo.entries()]
    kept = [rows[name] for name in shipped if name in rows]
    return replace(new, timed=new.timed or (old.timed if old else ""), rows=kept)


def write(table: Table, target: Path) -> None:
    """The table as JSON, and as a page next to it."""
    target.write_text(json.dumps(asdict(table), indent=1) + "\n", encoding="utf-8")
    system = f"{platform.system()} {platform.machine()}"
    text = page(table.rows, table.baseline_mb, table.onnxruntime, table.timed, system)
    target.with_suffix(".md").write_text(text, encoding="utf-8")


@click.command()
@click.argument("models", nargs=-1)
@click.option("--time", "timing", is_flag=True, help="Measure the speed on one thread, and nothing else.")
@click.option("--seconds", type=click.FloatRange(0), default=120.0, show_default=True, help="For --time, in all.")
@click.option(
    "--into",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    default=ROOT / "docs" / "reference",
    help="Folder for the two files.  [default: docs/reference]",
)
def main(models: tuple[str, ...], timing: bool, seconds: float, into: Path) -> None:
    """Measure what shipped models need on a small device."""
    target = into / "small-devices.json"
    old = read_table(target)
    entries = [entry for entry in zoo.entries() if not models or entry.name in models]
    if timing:
        if old is None:
            raise click.ClickException(f"{target} is not there; run this without --time first")
        times = measure_times([entry for entry in entries if entry.takes_frames], seconds)
        machine = describe_machine()
        extensions = ", ".join(name for name, there in machine.features.items() if there)
        timed = f"{machine.board or machine.cpu} ({extensions}), onnxruntime {ort.__version__}"
        rows = [replace(row, ms=times.get(row.model, row.ms)) for row in old.rows]
        table = replace(old, timed=timed, rows=rows)
    else:
        rows = []
        for entry in entries:
            rows.append(measure(entry))
            print(f"{entry.name}: {rows[-1].peak_mb} MB", file=sys.stderr, flush=True)
        table = merged(old, Table(ort.__version__, peak_mb(None, (0, 0)), "", rows))
    write(table, target)


if __name__ == "__main__":
    main()
