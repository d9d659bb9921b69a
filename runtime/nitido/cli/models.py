"""``nitido models``, ``nitido info`` and ``nitido verify``: the installed models and their cards."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import click

from nitido.cli.options import ANY_MODEL, device_option, threads_option
from nitido.wording import count

if TYPE_CHECKING:
    from nitido.model_file.card import Card


@click.command("models", short_help="List the installed models.")
@click.option("--json", "as_json", is_flag=True, help="Print the list as JSON.")
def models(as_json: bool) -> None:
    """List the installed models; * marks the one that a task's name stands for."""
    from nitido.model_file.zoo import entries

    found = entries()
    if as_json:
        import json
        from dataclasses import asdict

        click.echo(json.dumps([asdict(entry) | {"path": str(entry.path)} for entry in found], indent=2))
        return
    for entry in found:
        mark = "*" if entry.default else " "
        size = entry.path.stat().st_size / 1000 if entry.path.is_file() else 0
        click.echo(f"{mark} {entry.name:26} {entry.task:11} ×{entry.scale}  {size:6.0f} KB  {entry.summary}")


@click.command("info", short_help="Show a model's card.")
@click.argument("model", type=ANY_MODEL)
@click.option("--json", "as_json", is_flag=True, help="Print the whole card as JSON.")
def info(model: str, as_json: bool) -> None:
    """Show the card of MODEL, a name or an .onnx file."""
    from nitido.inference.session import read_card

    card = read_card(model)
    if as_json:
        import json
        from dataclasses import asdict

        click.echo(json.dumps(asdict(card), indent=2, ensure_ascii=False))
    else:
        click.echo(card_text(card))


@click.command("verify", short_help="Check that this device reproduces a model's certified results.")
@click.argument("model", type=ANY_MODEL)
@device_option
@threads_option
@click.option("--json", "as_json", is_flag=True, help="Print the verdict as JSON.")
def verify(model: str, device: str, threads: int | None, as_json: bool) -> None:
    """Replay the certificate of MODEL, a name or file, on this device: is the file the exported one, and does this
    device reproduce its certified results? Exit code 0: passed, 1: failed."""
    from nitido.inference.verify import verify as replay
    from nitido.model_file.zoo import find

    path = find(model)
    verdict = replay(path, device, threads=threads)
    if as_json:
        import json
        from dataclasses import asdict

        click.echo(json.dumps({"file": str(path), "passed": verdict.passed, **asdict(verdict)}, indent=2))
    else:
        seals = {True: "intact, as it was exported", False: "CHANGED since it was exported", None: "has no seal"}
        click.echo(f"{path} on {verdict.device}, onnxruntime {verdict.onnxruntime}")
        click.echo(f"  file      {seals[verdict.intact]}")
        allowed = f"allowed {verdict.tolerance:g}, {verdict.mean_tolerance:g} mean"
        for number, replayed in enumerate(verdict.replays, 1):
            gap = f"off by at most {replayed.max_error:g}, {replayed.mean_error:.4f} mean"
            found = "identical" if replayed.identical else gap
            click.echo(f"  vector {number}  {'×'.join(map(str, replayed.shape))}: {found} ({allowed})")
        click.echo("passed" if verdict.passed else "FAILED: do not use this file on this device")
    if not verdict.passed:
        raise SystemExit(1)


def card_text(card: Card) -> str:
    """The facts that help to choose a model, one a line. ``--json`` shows the whole card."""
    lines = [f"{card.name}: {card.summary}", *(f"  {name:14} {value}" for name, value in _facts(card) if value)]
    lines += [f"  {'measured' if not i else '':14} {row}" for i, row in enumerate(map(_row, card.evaluation))]
    return "\n".join([*lines, "  nitido info --json shows the whole card"])


def _facts(card: Card) -> Iterable[tuple[str, str]]:
    yield "task", card.task + (f" ×{card.scale}" if card.scale > 1 else "")
    yield "computes", f"{card.parameters:,} parameters, {card.macs_per_pixel:,.0f} MAC per pixel, in {card.precision}"
    latent = card.latent
    if latent:
        size = (
            f"{latent['height']}×{latent['width']}" if latent["medium"] == "picture" else count(latent["steps"], "step")
        )
        yield "latent", f"{latent['kind']}, {count(latent['size'], 'dimension')}, {latent['medium']} of {size}"
        yield "classes", ", ".join(latent.get("labels") or [])
    else:
        context = f"on a grid of {card.multiple} px, with {card.halo} px of context"
        yield "tiles", context if card.halo >= 0 else "none: the model needs the whole frame"
    yield "needs", f"onnxruntime {card.min_onnxruntime} or later (opset {card.opset}, IR {card.ir_version})"
    yield "licence", card.licence
    training = card.training
    if training:
        yield "trained on", str(training.get("data", ""))
        yield "steps", f"{training['steps']:,}" if "steps" in training else ""
        yield "known to fail", str(training.get("failures", ""))
    quantization = card.quantization
    if "drop" in quantization:
        yield "quantized", f"loses {quantization['drop']} dB on the worst condition; {quantization['timing']}"
    elif quantization:
        yield "quantized", f"weights in 8 bits, which cost at most {max(0.0, quantization['loss']):.2%} of a score"
    certificate = card.certificate
    if certificate:
        allowed = f"results of other machines may differ by up to {certificate['tolerance']:g}"
        yield "certificate", f"{count(certificate['vectors'], 'vector')}, {allowed} (nitido verify {card.name})"


def _row(row: dict[str, Any]) -> str:
    baseline = f" (without the model: {row['baseline']})" if row.get("baseline") is not None else ""
    pictures = f", {count(row['pictures'], 'picture')}" if row.get("pictures") else ""
    return f"{row['set']}, {row['condition']}: {row['metric']} {row['value']}{baseline}{pictures}"
