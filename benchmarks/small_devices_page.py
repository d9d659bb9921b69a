"""The page of ``small_devices.py``: what models need, and what boards are estimated to do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

SIZES = ((320, 240), (640, 480), (1280, 720))  # width, height


@dataclass(frozen=True)
class Needs:
    """What one model file needs.

    integer: computes in 8 bits.
    macs: multiply-accumulates for a frame of 640×480, for a picture of an autoencoder; 0 for melodies, not counted.
    peak_mb: at each of ``SIZES``; one value for models whose input has a fixed size.
    ms: for a 640×480 frame on one thread; ``None`` where not measured.
    """

    model: str
    task: str
    scale: int
    integer: bool
    sha256: str
    file_bytes: int
    macs: int
    peak_mb: list[float]
    operators: list[str]
    ms: float | None = None


@dataclass(frozen=True)
class Board:
    """A board. float_macs, integer_macs: multiply-accumulates per cycle and core in float and in 8 bits, at most."""

    name: str
    cores: int
    gigahertz: float
    float_macs: int
    integer_macs: int
    dot_product: bool

    def fps(self, needs: Needs) -> tuple[float, float]:
        """Frames of 640×480 per second, from and to."""
        per_cycle = self.integer_macs if needs.integer else self.float_macs
        peak = self.cores * self.gigahertz * 1e9 * per_cycle
        reached = (0.1, 0.2) if needs.integer and self.dot_product else (0.2, 0.4)
        low, high = (share * peak / needs.macs for share in reached)
        return low, high


BOARDS = (
    Board("Raspberry Pi 4", 4, 1.8, 4, 8, False),
    Board("Raspberry Pi 5", 4, 2.4, 8, 32, True),
    Board("Jetson Orin Nano, CPU", 6, 1.5, 8, 32, True),
)

_INTRODUCTION = """# Small devices

Made by `python benchmarks/small_devices.py` with onnxruntime {version} on {system}; do not edit.
[Raspberry Pi and Jetson](../guide/raspberry-pi.md) says how to set up a board.

## What every model needs

- **Operations**: billions of multiply-accumulates for a frame of 640×480. They grow with the number of pixels.
- **Memory**: peak of a Python process that opens the model with one thread and runs whole frames; MB. Without a model
  the process needs {baseline:.0f} MB.
- **Operators**: the set that a minimal build of ONNX Runtime needs, see below.
- **ms**, **fps**: median for a 640×480 frame of a stream on one thread{timed}. Your own machine:
  `nitido doctor --share MODEL` prints a row with its speed.
"""

_ESTIMATES = """
## Estimates for boards

**Nobody has measured these.** They are computed from the operations, for frames of 640×480, in frames per second. A
board could do at most cores × clock × multiply-accumulates per cycle. We assume that a model reaches 0.2 to 0.4 of
that; in 8 bits with dot product instructions 0.1 to 0.2, because there the convolutions take so little time that
everything else counts. The estimate is for all cores, without throttling, and for the convolutions only: decoding,
display and moving the past along come on top. Half the width and height is four times as fast.
"""

_OPERATORS = """
## Operators for a minimal build

`nitido pack MODEL --target minimal` writes the list with types that ONNX Runtime's build takes.
"""


def page(rows: Sequence[Needs], baseline: float, version: str, timed: str, system: str) -> str:
    """The page as Markdown. timed: the machine that the times are from, empty without times."""
    frames = [row for row in rows if len(row.peak_mb) == len(SIZES)]
    others = [row for row in rows if len(row.peak_mb) != len(SIZES)]
    sets = operator_sets(rows)
    letters = {name: letter for letter, (_, names) in sets.items() for name in names}
    measured = f", {timed}" if timed else ". Not measured yet"
    parts = [_INTRODUCTION.format(version=version, system=system, baseline=baseline, timed=measured)]
    head = ["model", "file", "operations", *(f"memory {w}×{h}" for w, h in SIZES), "operators", "ms", "fps"]
    parts.append(table(head, [_frame_cells(row, letters[row.model]) for row in frames]))
    parts.append("\nThe input of encoders and decoders has a fixed size. Operations: millions for a picture.\n")
    head = ["model", "file", "operations", "memory", "operators"]
    parts.append(table(head, [_latent_cells(row, letters[row.model]) for row in others]))
    parts.append(_ESTIMATES)
    head = ["board", "cores", "clock", "MAC per cycle, float", "8 bits", "dot product"]
    parts.append(table(head, [_board_cells(board) for board in BOARDS]))
    parts.append(table(["model", *(b.name for b in BOARDS)], [estimate_cells(row) for row in frames]))
    parts.append(_OPERATORS)
    parts += [
        f"\n**{letter}** ({', '.join(names)}): {', '.join(f'`{o}`' for o in found)}.\n"
        for letter, (found, names) in sets.items()
    ]
    return "\n".join(part.rstrip("\n") for part in parts) + "\n"


def operator_sets(rows: Sequence[Needs]) -> dict[str, tuple[list[str], list[str]]]:
    """The different sets of operators by a letter, each with the models that need it."""
    known: dict[tuple[str, ...], list[str]] = {}
    for row in rows:
        known.setdefault(tuple(row.operators), []).append(row.model)
    return {chr(ord("A") + i): (list(found), names) for i, (found, names) in enumerate(known.items())}


def kilobytes(row: Needs) -> str:
    return f"{row.file_bytes / 1000:,.0f} KB"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; all columns but the first are numbers."""
    lines = [head, ["---", *("--:" for _ in head[1:])], *rows]
    return "\n" + "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def _frame_cells(row: Needs, letter: str) -> list[str]:
    time = (
        ["", ""] if row.ms is None else [f"{row.ms:.0f}" if row.ms >= 100 else f"{row.ms:.1f}", f"{1000 / row.ms:.1f}"]
    )
    memory = [f"{value:.0f} MB" for value in row.peak_mb]
    return [row.model, kilobytes(row), f"{row.macs / 1e9:.1f}", *memory, letter, *time]


def _latent_cells(row: Needs, letter: str) -> list[str]:
    operations = f"{row.macs / 1e6:.1f}" if row.macs else "not counted"
    return [row.model, kilobytes(row), operations, f"{row.peak_mb[0]:.0f} MB", letter]


def _board_cells(board: Board) -> list[str]:
    clock = f"{board.gigahertz} GHz"
    dots = "yes" if board.dot_product else "no"
    return [board.name, str(board.cores), clock, str(board.float_macs), str(board.integer_macs), dots]


def estimate_cells(row: Needs) -> list[str]:
    """The model, and its frames per second on each of ``BOARDS``."""
    return [row.model, *(" to ".join(_rounded(value) for value in board.fps(row)) for board in BOARDS)]


def _rounded(value: float) -> str:
    """Two digits are more than an estimate has."""
    return f"{value:.1f}" if round(value, 1) < 2 else f"{value:.0f}"
