"""From the start of a process to its first frame: Nítido compared with a bare onnxruntime and OpenCV script.

    python benchmarks/cold_start.py [--model denoise-n] [--runs 9] [--json FILE]

Every number is the median over fresh processes; the programs take turns, so that other work on the machine meets all of
them. Files are in the page cache, and Nítido's modules are compiled first, as pip does it. Memory: resident set after
the first 640×480 frame, where the system reports it (Linux). Ratios are medians over the pairs of one turn.
"""

from __future__ import annotations

import compileall
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import click
import cv2
import numpy as np

import nitido
from nitido.model_file import zoo

ROOT = Path(__file__).parents[1]
WIDTH, HEIGHT = 640, 480
# Each says so when its frame is done; what it then holds in memory is read before it ends.
_DONE = "import sys; print('done', flush=True); sys.stdin.read()"
PROGRAMS = {
    "nitido": (
        "import sys, cv2, nitido\n"
        "image = nitido.load(sys.argv[1], 'cpu')(cv2.imread(sys.argv[2]))\n"
        f"assert image.shape[2] == 3\n{_DONE}"
    ),
    "bare": (
        "import sys, cv2, onnxruntime as ort\n"
        "session = ort.InferenceSession(sys.argv[1], providers=['CPUExecutionProvider'])\n"
        "image = session.run(['image'], {'frame': cv2.imread(sys.argv[2])[None]})[0][0]\n"
        f"assert image.shape[2] == 3\n{_DONE}"
    ),
    "nitido denoise one.jpg": (
        "import sys\nfrom nitido.cli.main import main\nphoto = sys.argv[2].replace('.png', '.jpg')\n"
        "sys.argv = ['nitido', 'denoise', photo, '-o', photo + '.out.jpg', '--overwrite', '-q', '--device', 'cpu',"
        " '--model', sys.argv[1]]\n"
        f"try: main()\nexcept SystemExit as end: assert not end.code\n{_DONE}"
    ),
    "python": _DONE,
    "import nitido": f"import nitido\n{_DONE}",
    "import nitido.cli": f"import nitido.cli\n{_DONE}",
    "import click": f"import click\n{_DONE}",
    "nitido --help": (
        "import sys\nfrom nitido.cli.main import main\nsys.argv = ['nitido', '--help']\n"
        f"sys.stdout, kept = open({os.devnull!r}, 'w'), sys.stdout\n"
        f"try: main()\nexcept SystemExit: pass\nsys.stdout = kept\n{_DONE}"
    ),
}
# What is compared with what.
RATIOS = (
    ("nitido", "bare"),
    ("nitido denoise one.jpg", "bare"),
    ("import nitido", "python"),
    ("nitido --help", "import click"),
)


@dataclass(frozen=True)
class Start:
    """ms: from starting the process until it said that it was done. rss_mb: resident memory then; ``None`` where the
    system does not report it."""

    ms: float
    rss_mb: float | None


def start(code: str, arguments: list[str]) -> Start:
    began = time.perf_counter()
    command = [sys.executable, "-c", code, *arguments]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        elapsed = time.perf_counter() - began
        memory = resident_mb(process.pid) if line else None
        said = process.communicate()[1].decode(errors="replace")
    if line.strip() != b"done":
        raise click.ClickException(f"a program did not get to its frame: {said.strip().splitlines()[-1:]}")
    return Start(1000 * elapsed, memory)


def resident_mb(process: int) -> float | None:
    try:
        status = Path(f"/proc/{process}/status").read_text()
    except OSError:
        return None
    return next((int(row.split()[1]) / 1024 for row in status.splitlines() if row.startswith("VmRSS")), None)


def median(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None


@click.command()
@click.option("--model", default="denoise-n", show_default=True, help="Model name or .onnx file.")
@click.option("--runs", type=click.IntRange(1), default=9, show_default=True, help="Processes of each kind.")
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Also write the numbers here.")
def main(model: str, runs: int, json_path: Path | None) -> None:
    path = zoo.find(model)
    picture = cv2.imread(str(ROOT / "samples" / "coffee.webp"))
    assert picture is not None
    with tempfile.TemporaryDirectory() as scratch:
        photo = Path(scratch) / "photo.png"
        small = np.asarray(cv2.resize(picture, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA))
        for suffix in (".png", ".jpg"):
            cv2.imwrite(str(photo.with_suffix(suffix)), small)
        compileall.compile_dir(str(Path(nitido.__file__).parent), quiet=2)
        arguments = [str(path), str(photo)]
        for code in PROGRAMS.values():
            start(code, arguments)  # into the page cache
        rows: dict[str, list[Start]] = {name: [] for name in PROGRAMS}
        for _ in range(runs):
            for name, code in PROGRAMS.items():
                rows[name].append(start(code, arguments))
    table = {
        name: asdict(Start(statistics.median(s.ms for s in starts), median([s.rss_mb for s in starts])))
        for name, starts in rows.items()
    }
    ratios = {
        f"{one} / {other}": statistics.median(a.ms / b.ms for a, b in zip(rows[one], rows[other], strict=True))
        for one, other in RATIOS
    }
    print(f"{path.name}, {WIDTH}×{HEIGHT}, {runs} processes of each, taking turns; median")
    for name, row in table.items():
        memory = "" if row["rss_mb"] is None else f"{row['rss_mb']:8.1f} MB"
        print(f"  {name:24} {row['ms']:8.1f} ms {memory}")
    for name, ratio in ratios.items():
        print(f"  {name}: {ratio:.2f} times as long")
    if json_path:
        json_path.parent.mkdir(parents=True, exist_ok=True)
        report = {
            "model": path.name,
            "width": WIDTH,
            "height": HEIGHT,
            "runs": runs,
            "programs": table,
            "ratios": ratios,
        }
        json_path.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
