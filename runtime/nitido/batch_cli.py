"""``nitido denoise`` and ``nitido upscale``: models over pictures, folders and videos."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import click


def _image_command(task: str, help_text: str) -> click.Command:
    """A command that runs a model of ``task`` over files."""

    @click.command(task, help=help_text, short_help=help_text.split("\n")[0])
    @click.argument("inputs", nargs=-1, required=True, type=click.Path(path_type=Path))
    @click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="File or folder to write.")
    @click.option("--model", help="Model name or .onnx file.  [default: this task's]")
    @click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True)
    @click.option("--threads", type=click.IntRange(1), help="CPU threads.  [default: physical cores]")
    @click.option("--overwrite", is_flag=True, help="Replace results that exist.")
    @click.option("--scale", type=int, default=2, show_default=True, hidden=task != "upscale", help="Enlargement.")
    @click.option(
        "--strength",
        type=click.FloatRange(0, 1),
        default=1.0,
        show_default=True,
        hidden=task == "upscale",
        help="0: unchanged, 1: fully restored.",
    )
    def command(
        inputs: tuple[Path, ...],
        output: Path,
        model: str | None,
        device: str,
        threads: int | None,
        overwrite: bool,
        scale: int,
        strength: float,
    ) -> None:
        from nitido.batch import plan_jobs, run_jobs, units
        from nitido.model import load

        loaded = load(model or task, device, threads)
        loaded.card.require_task(task, str(loaded.path))
        if task == "upscale" and loaded.card.scale != scale:
            raise click.UsageError(f"{loaded.card.name} enlarges ×{loaded.card.scale}, --scale asked for ×{scale}")
        jobs = plan_jobs(inputs, output)
        began = time.perf_counter()
        label = f"{loaded.card.name} on {loaded.device}"
        with click.progressbar(length=units(jobs), label=label, show_pos=True, file=sys.stderr) as bar:
            report = run_jobs(loaded, jobs, strength=strength, overwrite=overwrite, progress=bar.update)
        for path, reason in report.failed:
            click.echo(f"failed: {reason if str(path) in reason else f'{path}: {reason}'}", err=True)
        seconds = time.perf_counter() - began
        skipped = f", {len(report.skipped)} skipped (result exists; --overwrite replaces it)" if report.skipped else ""
        click.echo(f"{len(report.done)} done, {len(report.failed)} failed{skipped} in {seconds:.1f} s -> {output}")
        if report.failed:
            raise SystemExit(1)

    return command


denoise = _image_command("denoise", "Remove noise from pictures, folders and videos.\n\nINPUTS may be mixed.")
upscale = _image_command("upscale", "Enlarge pictures, folders and videos.\n\nINPUTS may be mixed.")
