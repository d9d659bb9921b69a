"""``nitido doctor``: the report on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from nitido.cli.live import MODEL as LIVE_MODEL
from nitido.wording import count

if TYPE_CHECKING:
    from nitido.doctor.checks import Recommendation
    from nitido.doctor.devices import Comparison
    from nitido.doctor.report import DoctorReport

_GOOD, _NOTE, _BAD, _PLAIN = "✓", "!", "✗", " "
_COLOURS = {_GOOD: "green", _NOTE: "yellow", _BAD: "red"}
# For terminals that cannot show the symbols on the left.
_ASCII = str.maketrans({"✓": "+", "✗": "x", "×": "x", "í": "i", "→": ">"})


@dataclass(frozen=True)
class _Row:
    mark: str
    name: str
    text: str


@click.command("doctor", short_help="Report what is installed, what works and how fast.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@click.option(
    "--seconds",
    type=click.FloatRange(0),
    default=3.0,
    show_default=True,
    help="Time for measuring speed; 0: do not measure.",
)
@click.option(
    "--save", is_flag=True, help="Save which device is faster than the CPU for each model, for --device auto."
)
@click.option("--forget", is_flag=True, help="Remove what --save has saved, and do nothing else.")
@click.option(
    "--share",
    is_flag=False,
    flag_value=LIVE_MODEL,
    metavar="[MODEL]",
    help=f"Print one table row with the speed of a model here, and do nothing else.  [default model: {LIVE_MODEL}]",
)
def doctor(as_json: bool, seconds: float, save: bool, forget: bool, share: str | None) -> None:
    """Examine this installation: versions, wheels that overwrite each other, which devices really compute, cameras,
    display, processor, every model's certificate, and which model and device suit this machine.

    --save measures every model on every device. It saves a device only where the model's certificate passes on it.

    --share prints a row of a Markdown table: machine, onnxruntime and device, model, milliseconds for a 640x480 frame
    of a stream, frames per second.

    Exit code 0: all is well; 1: something is broken, and the last lines say how to fix it."""
    if save and (forget or not seconds):
        raise click.UsageError("--save needs a measurement: it cannot be combined with --forget or --seconds 0")
    if share is not None and (save or forget or as_json or not seconds):
        raise click.UsageError("--share needs a measurement, and can be combined only with --seconds")
    if forget:
        _forget()
        return
    if share is not None:
        from nitido.doctor.share import measure_stream, row
        from nitido.system.machine import describe_machine

        click.echo(row(describe_machine(), measure_stream(share, seconds=seconds)))
        return
    from nitido.doctor.report import examine

    report = examine(seconds=seconds, every_model=save)
    saved = _save(report.comparisons) if save else []
    if as_json:
        import json

        click.echo(json.dumps(report.to_dict(), indent=2))
    else:
        encoding = getattr(sys.stdout, "encoding", None) or "ascii"
        for line in (*render(report), *saved):
            click.echo(_showable(line, encoding))
    if report.problems:
        raise SystemExit(1)


def _save(comparisons: Sequence[Comparison]) -> list[str]:
    """Saves the results, and prints them."""
    from nitido.doctor.devices import WORTH, to_save
    from nitido.inference.saved_devices import forget_devices, save_devices

    chosen = to_save(comparisons)
    if not chosen:
        gone = "; what was saved before is removed" if forget_devices() else ""
        return [f"Nothing is saved: no device needs at most {WORTH:g} of the CPU's time for a model{gone}."]
    path = save_devices(chosen)
    return [f"Saved {count(len(chosen), 'model')} for --device auto in {path}; to undo: nitido doctor --forget"]


def _forget() -> None:
    from nitido.inference.saved_devices import forget_devices, saved_path

    click.echo(f"removed {saved_path()}" if forget_devices() else "nothing was saved")


def render(report: DoctorReport) -> Iterator[str]:
    """The report as lines, aligned in each section."""
    yield from _section("Software", _software(report))
    yield from _section("Machine", _machine(report))
    yield from _section("Devices", _devices(report))
    yield from _section("Models", _models(report))
    yield from _section("Speed, other work on the machine included", _speeds(report))
    problems = report.problems
    if not problems:
        yield click.style("All is well.", fg="green")
        return
    yield click.style(f"{count(len(problems), 'problem')} to fix:", fg="red")
    for problem in problems:
        yield f"  {click.style(_BAD, fg='red')} {problem.text}"
        yield f"      {problem.fix}"


def _section(title: str, rows: Iterable[_Row]) -> Iterator[str]:
    kept = list(rows)
    if not kept:
        return
    yield click.style(title, bold=True)
    width = max(len(row.name) for row in kept)
    for row in kept:
        yield f"  {click.style(row.mark, fg=_COLOURS.get(row.mark))} {row.name:{width}}  {row.text}".rstrip()
    yield ""


def _software(report: DoctorReport) -> Iterator[_Row]:
    for version in report.versions:
        mark = _BAD if version.error else _NOTE if version.note else _GOOD
        yield _Row(mark, version.name, version.version or version.error or version.note)
    for clash in report.clashes:
        yield _Row(_BAD, clash.module, f"written to by {' and '.join(clash.wheels)}")


def _machine(report: DoctorReport) -> Iterator[_Row]:
    machine = report.machine
    yield _Row(_PLAIN, "system", machine.system)
    if machine.board:
        yield _Row(_PLAIN, "board", machine.board)
    yield _Row(_PLAIN, "processor", machine.cpu)
    words = {True: "yes", False: "no", None: "unknown"}
    yield _Row(_PLAIN, "has", ", ".join(f"{name}: {words[there]}" for name, there in machine.features.items()))
    cores = machine.physical_cores
    few = machine.usable_cpus < (cores or machine.logical_cpus)
    limit = f"; this process may use {machine.usable_cpus}, and starts as many threads" if few else ""
    counted = "unknown" if cores is None else cores
    yield _Row(_NOTE if few else _PLAIN, "cores", f"{counted} physical, {machine.logical_cpus} logical{limit}")
    display = report.display
    detail = display.detail
    if report.windows == "none":
        detail += "; this OpenCV is built without windows"
    shown = display.available is True and report.windows != "none"
    yield _Row(_GOOD if shown else _NOTE, "display", detail)
    if report.cameras is None:
        yield _Row(_NOTE, "cameras", "unknown; pip install cv2-enumerate-cameras lets them be listed")
    elif not report.cameras:
        yield _Row(_NOTE, "cameras", "none")
    for camera in report.cameras or ():
        text = f"{camera.name} at {camera.where}" + (f": {camera.detail}" if camera.detail else "")
        yield _Row(_GOOD if camera.usable else _NOTE, "camera", text)


def _devices(report: DoctorReport) -> Iterator[_Row]:
    for trial in report.providers:
        if not trial.usable:
            yield _Row(_BAD if trial.device == "cpu" else _NOTE, trial.device, trial.detail)
            continue
        part = f", takes {trial.nodes[0]} of {count(trial.nodes[1], 'node')}" if trial.nodes else ""
        yield _Row(_GOOD, trial.device, f"computes{part}; opened and ran in {trial.seconds:.2f} s")


def _models(report: DoctorReport) -> Iterator[_Row]:
    if report.model_error:
        yield _Row(_BAD, "models", report.model_error)
    for found in report.certificates:
        where = f" on {found.device}" if found.device else ""
        yield _Row(
            _GOOD if found.passed else _BAD,
            found.model,
            f"certificate {'passed' if found.passed else 'FAILED'}{where}: {found.detail}",
        )


def _speeds(report: DoctorReport) -> Iterator[_Row]:
    for speed in report.speeds:
        size = f"{speed.width}×{speed.height}"
        quality = "" if speed.quality is None else f"   quality {speed.quality:.2f}"
        yield _Row(
            _GOOD if speed.fps >= 30 else _NOTE,
            speed.model,
            f"{size}  {speed.ms:7.1f} ms  {speed.fps:5.1f} fps on {speed.device}{quality}",
        )
    for choice in report.recommendations:
        on = f" (by {choice.measured_on})" if choice.measured_on else ""
        yield _Row("→", f"for {_purpose(choice)}", f"{choice.model}: {choice.reason}{on}")
    if report.comparisons:
        from nitido.doctor.devices import best_devices

        for found in best_devices(report.comparisons):
            share = f"{found.model} in {found.ratio:.2g} of the CPU's time"
            yield _Row("→", f"for {_purpose(found)}", f"--device {found.device}: {share}")


def _purpose(choice: Recommendation | Comparison) -> str:
    if choice.task != "denoise" or not choice.measured_on:
        return choice.task if choice.scale == 1 else f"{choice.task} ×{choice.scale}"
    return "photos and video" if "real" in choice.measured_on else "white noise"


def _showable(line: str, encoding: str) -> str:
    """The line with only characters that the terminal has."""
    try:
        line.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return line.translate(_ASCII).encode("ascii", "replace").decode()
    return line
