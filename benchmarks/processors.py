"""Replays the certificates of model files on emulated processors, such as that of a Raspberry Pi 4.

    python benchmarks/processors.py [MODEL …] [--processor cortex-a72] [--folder FOLDER]

MODEL: a name or a file; default all shipped models. Haswell is an x86-64 processor with AVX2 and without VNNI, Nehalem
one without AVX; on x86-64 they run this Python. It needs Debian or Ubuntu, downloads about 150 MB from Debian and
PyPI the first time, and installs nothing. Results are those of the processor; times are those of the emulation.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import onnxruntime as ort
from emulation import AVX2, ONNXRUNTIME, PI_4, SSE4, Emulator, prepare

from nitido.errors import NitidoError
from nitido.model_file import zoo
from nitido.system.files import cache_folder

ROOT = Path(__file__).parents[1]
_REPLAY = """
import json, sys
from nitido.inference.verify import verify
for path in sys.argv[1:]:
    verdict = verify(path, "cpu", threads=1)
    worst = max(replay.max_error for replay in verdict.replays)
    print(json.dumps([verdict.passed, worst, verdict.tolerance, all(r.identical for r in verdict.replays)]), flush=True)
"""


@dataclass(frozen=True)
class Found:
    """One file's certificate on a processor. largest: difference in 8-bit levels, or the output's own units; allowed:
    the largest that passes. identical: to the last bit."""

    model: str
    passed: bool
    largest: float
    allowed: float
    identical: bool


def replay(emulator: Emulator, paths: Sequence[Path], processor: str = PI_4) -> list[Found]:
    """Replays the certificates of model files. Raises ``NitidoError`` when the emulated program does not reach the last
    one."""
    names = [str(path) for path in paths]
    done = emulator.python("-c", _REPLAY, *names, processor=processor, paths=[ROOT / "runtime"])
    lines = done.stdout.decode().splitlines()
    if done.returncode or len(lines) != len(paths):
        said = done.stderr.decode(errors="replace").strip().splitlines() or ["it said nothing"]
        raise NitidoError(f"stopped after {len(lines)} of {len(paths)} files on {processor}: {said[-1]}")
    return [Found(path.stem, *json.loads(line)) for path, line in zip(paths, lines, strict=True)]


@click.command()
@click.argument("models", nargs=-1)
@click.option("--processor", default=PI_4, show_default=True, help="QEMU's name of it, such as cortex-a76 or Haswell.")
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=cache_folder() / f"emulated-{ONNXRUNTIME}",
    show_default=True,
    help="Folder of the emulator; it is downloaded when the folder is not there.",
)
def main(models: tuple[str, ...], processor: str, folder: Path) -> None:
    """Replay the certificates of model files on an emulated processor."""
    paths = [zoo.find(name) for name in models] or [entry.path for entry in zoo.entries()]
    try:
        found = replay(prepare(folder), paths, processor)
    except (NitidoError, RuntimeError) as error:
        raise click.ClickException(str(error)) from error
    width = max(len(one.model) for one in found)
    version = ort.__version__ if processor in (AVX2, SSE4) else ONNXRUNTIME
    print(f"onnxruntime {version} on {processor}, emulated")
    for one in found:
        verdict = "passed" if one.passed else "FAILED"
        detail = "identical" if one.identical else f"off by at most {one.largest:.3g}, allowed {one.allowed:.3g}"
        print(f"{one.model:{width}}  {verdict}  {detail}")
    print(f"{sum(one.passed for one in found)} of {len(found)} pass, {sum(one.identical for one in found)} bit for bit")
    sys.exit(0 if all(one.passed for one in found) else 1)


if __name__ == "__main__":
    main()
