"""Two versions of model files on the same frames, in turns: the ratio of their times, and how far their results differ.

    python benchmarks/versions.py OLD NEW [OLD NEW …] [--size 640x480]… [--only 'denoise-*'] [--rounds 15] [--threads 2]

OLD and NEW are two files, or two folders whose files of the same names are compared. Of each pair of frames, one after
the other, the ratio new / old is taken, and the version that goes first alternates. So whatever else the machine does
meets both. Do nothing else on it meanwhile all the same, and compare a file with itself to see what is left of that.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import click
import numpy as np
import onnxruntime as ort
from frame_rates import moving_frames
from profile_nodes import feeds_of

from nitido.errors import NitidoError
from nitido.system.files import write_whole

WARM_UPS = 2
SIZE = "640x480"


class NoFrames(NitidoError):
    """A file that takes no frames, or none of that size."""


@dataclass(frozen=True)
class Difference:
    """Values of the results, those that differ, and by how much at most."""

    values: int
    differing: int
    largest: float

    def describe(self) -> str:
        if not self.differing:
            return f"all {self.values:,} values of the results are equal"
        share = self.differing / self.values
        return f"{self.differing:,} of {self.values:,} values differ ({share:.2%}), by at most {self.largest:g}"


@dataclass(frozen=True)
class Row:
    """A pair of files at one size. old_ms, new_ms: medians. ratio: of these medians. pairs: median of the ratios of
    frames that followed each other; low, high: their quartiles. difference: ``None``: results of different shapes."""

    name: str
    size: str
    old_ms: float
    new_ms: float
    ratio: float
    pairs: float
    low: float
    high: float
    difference: Difference | None

    def describe(self) -> str:
        same = self.difference.describe() if self.difference else "the results have different shapes"
        return (
            f"{self.name}, {self.size}: {self.ratio:.3f} of the time ({self.old_ms:.2f} → {self.new_ms:.2f} ms); "
            f"pairs {self.pairs:.3f}, half of them {self.low:.3f} to {self.high:.3f}; {same}"
        )


class Version:
    """A file in a session whose threads do not wait busily, with the inputs for one frame."""

    def __init__(self, path: Path, width: int, height: int, threads: int) -> None:
        """Raises ``NoFrames``."""
        model = path.read_bytes()
        options = ort.SessionOptions()
        options.intra_op_num_threads, options.log_severity_level = threads, 4
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        if not any(port.name == "frame" for port in self._session.get_inputs()):
            raise NoFrames(f"{path.name} takes no frames")
        self._feeds: dict[str, Any] = {
            **feeds_of(model, width, height),
            "frame": moving_frames(width, height, 1)[0][None],
        }
        try:
            for _ in range(WARM_UPS):
                self.run()
        except Exception as error:  # onnxruntime's exceptions share no base but Exception
            raise NoFrames(f"{path.name} takes no frames of {width}×{height}") from error

    def run(self) -> tuple[float, list[np.ndarray[Any, Any]]]:
        """(milliseconds, results) for the frame."""
        began = time.perf_counter()
        found = self._session.run(None, self._feeds)
        return 1000 * (time.perf_counter() - began), [np.asarray(value) for value in found]


def compare(old: Path, new: Path, width: int, height: int, *, rounds: int, threads: int) -> Row:
    """rounds: pairs of frames. Raises ``NoFrames``."""
    versions = [Version(path, width, height, threads) for path in (old, new)]
    results = [version.run()[1] for version in versions]
    pairs: list[tuple[float, float]] = []
    for number in range(rounds):
        taken = [0.0, 0.0]
        for which in (0, 1) if number % 2 else (1, 0):
            taken[which] = versions[which].run()[0]
        pairs.append((taken[0], taken[1]))
    ratios = [b / a for a, b in pairs]
    low, _, high = statistics.quantiles(ratios, n=4, method="inclusive") if rounds > 1 else ratios * 3
    before, after = (statistics.median(pair[which] for pair in pairs) for which in (0, 1))
    return Row(
        new.stem, f"{width}x{height}", before, after, after / before, statistics.median(ratios), low, high,
        difference(*results),
    )  # fmt: skip


def difference(old: Sequence[np.ndarray[Any, Any]], new: Sequence[np.ndarray[Any, Any]]) -> Difference | None:
    """Between the first results of two versions, which are the pictures, or latents."""
    first, second = old[0], new[0]
    if first.shape != second.shape:
        return None
    gap = np.abs(first.astype(np.float64) - second)
    return Difference(gap.size, int(np.count_nonzero(gap)), float(gap.max(initial=0.0)))


def files_of(old: Path, new: Path, only: str) -> tuple[list[tuple[Path, Path]], list[str]]:
    """(pairs of files, names that only one folder has)."""
    if not (old.is_dir() and new.is_dir()):
        return [(old, new)], []
    names = [{path.name for path in folder.glob("*.onnx") if fnmatch(path.stem, only)} for folder in (old, new)]
    return [(old / name, new / name) for name in sorted(names[0] & names[1])], sorted(names[0] ^ names[1])


def sides_of(size: str) -> tuple[int, int]:
    """Width and height. Raises ``click.UsageError``."""
    width, _, height = size.partition("x")
    if not (width.isdecimal() and height.isdecimal() and int(width) and int(height)):
        raise click.UsageError(f"--size expects WIDTHxHEIGHT, such as {SIZE}; found {size}")
    return int(width), int(height)


@click.command(context_settings={"show_default": True})
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True))
@click.option("--size", "sizes", multiple=True, default=(SIZE,), help="Width and height of a frame; may be repeated.")
@click.option("--only", default="*", help="Names of the files to compare in folders, without .onnx.")
@click.option("--rounds", default=15, type=click.IntRange(min=1), help="Pairs of frames.")
@click.option("--threads", default=2, type=click.IntRange(min=1))
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Also write the numbers here.")
def main(
    paths: tuple[Path, ...], sizes: tuple[str, ...], only: str, rounds: int, threads: int, json_path: Path | None
) -> None:
    """Compare pairs of model files, or of folders, OLD NEW [OLD NEW …]."""
    if len(paths) % 2:
        raise click.UsageError(f"expected pairs OLD NEW, found {len(paths)} paths")
    rows: list[Row] = []
    for old, new in zip(paths[::2], paths[1::2], strict=True):
        pairs, alone = files_of(old, new, only)
        if alone:
            click.echo(f"in one of the folders only: {', '.join(alone)}")
        for first, second in pairs:
            for size in sizes:
                try:
                    rows.append(compare(first, second, *sides_of(size), rounds=rounds, threads=threads))
                except NoFrames as error:
                    click.echo(f"left out: {error}")
                else:
                    click.echo(rows[-1].describe())
    if not rows:
        raise click.ClickException("found no two files to compare")
    if len(rows) > 1:
        ratios = [row.ratio for row in rows]
        geometric = statistics.geometric_mean(ratios)
        click.echo(f"{len(rows)} rows: {geometric:.3f} on average (geometric), {min(ratios):.3f} to {max(ratios):.3f}")
    if json_path is not None:
        write_whole(json_path, (json.dumps([asdict(row) for row in rows], indent=2) + "\n").encode())


if __name__ == "__main__":
    main()
