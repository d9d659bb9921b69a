"""Report of a quantization: loss and speed, as a table in Markdown and a plot."""

from __future__ import annotations

import io
from pathlib import Path

from nitido.system.files import write_whole
from nitido.wording import count, plural
from nitido_export.quantization.search import Outcome


def write_quantization_report(outcome: Outcome, folder: Path) -> list[Path]:
    """Writes ``<name>.md`` and ``<name>.png`` into ``folder`` and returns their paths. Raises ``SinkUnavailable``."""
    name = outcome.draft.card.name
    text, plot = folder / f"{name}.md", folder / f"{name}.png"
    write_whole(plot, _plot(outcome))
    write_whole(text, _table(outcome, plot.name).encode())
    return [text, plot]


def _table(outcome: Outcome, plot: str) -> str:
    facts = outcome.draft.card.quantization
    floats = set(facts["float_layers"])
    lines = [
        f"# {outcome.draft.card.name}",
        "",
        f"{facts['kind'].capitalize()}, ranges by {facts['calibration']}; weights {facts['weights']}, activations "
        f"{facts['activations']}. {len(floats) or 'No'} {plural(len(floats), 'layer')} in float. "
        f"{facts['timing']}: **{facts['speedup']:.2f} times as fast**.",
        "",
        f"| condition ({count(facts['holdout_pictures'], 'held-out picture')}) | fp32 | int8 | loss |",
        "|---|---|---|---|",
        *(
            f"| {r['condition']} ({r['metric']}) | {r['reference']:.2f} dB | {r['value']:.2f} dB | {r['drop']:.3f} dB |"
            for r in outcome.scores
        ),
        "",
        f"The limit was {facts['max_drop']:g} dB on the worst condition. These settings were tried:",
        "",
        "| ranges by | layers in float | loss on the worst condition |",
        "|---|---|---|",
        *(f"| {a.method} | {', '.join(a.float_layers) or 'none'} | {a.drop:.3f} dB |" for a in outcome.attempts),
        "",
        "Loss when a single layer computes in 8 bits and the others in float:",
        "",
        f"![Loss per layer]({plot})",
        "",
        "| layer | loss | in this file |",
        "|---|---|---|",
        *(
            f"| {s.layer} | {s.drop:.4f} dB | {'float' if s.layer in floats else 'int8'} |"
            for s in outcome.sensitivities
        ),
        "",
    ]
    return "\n".join(lines)


def _plot(outcome: Outcome) -> bytes:
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

    floats = set(outcome.draft.card.quantization["float_layers"])
    rows = outcome.sensitivities
    figure = Figure(figsize=(7, 1.6 + 0.3 * len(rows)), layout="constrained")
    axes = figure.subplots()
    colours = {"int8": "#2f7f9f", "float": "#d98032"}
    kinds = ["float" if s.layer in floats else "int8" for s in rows]
    bars = axes.barh([s.layer for s in rows], [s.drop for s in rows], color=[colours[k] for k in kinds])
    axes.bar_label(bars, fmt="%.3f", padding=3, fontsize=8)
    axes.invert_yaxis()
    axes.axvline(0, color="black", linewidth=0.8)
    axes.margins(x=0.15)
    axes.set_xlabel("loss in dB on the worst condition when only this layer computes in 8 bits")
    axes.set_title(outcome.draft.card.name)
    figure.legend(handles=[Patch(color=colours[k], label=k) for k in sorted(set(kinds))], loc="outside upper right")
    image = io.BytesIO()
    figure.savefig(image, format="png", dpi=120)
    return image.getvalue()
