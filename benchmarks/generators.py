"""How good the generators are: what samples of the shipped decoders are like, compared with what nobody trained on.

    python benchmarks/generators.py --digits MNIST --classifier classifier.pt --emoji NotoColorEmoji.ttf
        --melodies music21:ryansMammoth --melodies music21:oneills1850 --melodies music21:airdsAirs [--model NAME]...
    python models/record_samples.py

Only what is named is measured. ``digit_classifier.py`` makes the classifier of MNIST's digits; MNIST is the folder with
its files. The other sources are those that the models were trained on; their held-out part is computed again.

Writes docs/reference/generators.json after each model and makes the page generators.md and the table of the guide from
it. ``models/record_samples.py`` then puts the figures into the cards. Measured, for each way to draw latents:

- digits: Fréchet distance from the test digits in the features of the classifier; of a conditional model the share that
  is taken for the class that was asked for, of others how many classes there are; distance of the latents from the
  standard normal prior, before and after the way back through the second stage;
- emoji: sliced Wasserstein distance from the held-out emoji, and the share that is as close to a training picture as a
  reconstruction is to its original;
- melodies: distances of note statistics from the held-out phrases, and how many samples are empty or copies.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import click
from generation import digits, emoji, melodies
from generation.page import page, with_table

from nitido.latent.autoencoder import find_part
from nitido.system.files import write_whole
from nitido_export.publishing.samples import graph_digest

ROOT = Path(__file__).parents[1]
GUIDE = ROOT / "docs/guide/latent.md"
EXISTING = click.Path(path_type=Path, exists=True)


@click.command(context_settings={"show_default": True})
@click.option("--digits", "digit_folder", type=EXISTING, help="Folder with MNIST's files.")
@click.option("--classifier", type=EXISTING, help="File of digit_classifier.py.")
@click.option("--emoji", "font", type=EXISTING, help="Font that vae-emoji was trained on.")
@click.option("--melodies", "tunes", multiple=True, help="Tunes that vae-melody was trained on; repeatable.")
@click.option("--model", "chosen", multiple=True, help="Only these models.  [default: all]")
@click.option("--out", type=click.Path(path_type=Path), default=ROOT / "docs/reference", help="Folder of the page.")
@click.option("--guide", type=EXISTING, default=GUIDE, help="Page with a table of all models.")
def main(
    digit_folder: Path | None,
    classifier: Path | None,
    font: Path | None,
    tunes: Sequence[str],
    chosen: Sequence[str],
    out: Path,
    guide: Path,
) -> None:
    """Measure samples of the shipped decoders."""
    if (digit_folder is None) != (classifier is None):
        raise click.UsageError("--digits and --classifier belong together")
    stored = out / "generators.json"
    results: dict[str, Any] = json.loads(stored.read_text(encoding="utf-8")) if stored.is_file() else {"models": {}}
    for name, found, common in _measured(digit_folder, classifier, font, tunes, chosen):
        graph = graph_digest(find_part(name, "decoder").read_bytes())
        results |= common
        results["models"] = dict(sorted({**results["models"], name: {"graph": graph, **found}}.items()))
        for row in found["samples"]:
            print(name, json.dumps(row), flush=True)
        write_whole(stored, (json.dumps(results, indent=1, ensure_ascii=False) + "\n").encode())
    write_whole(out / "generators.md", page(results).encode())
    write_whole(guide, with_table(guide.read_text(encoding="utf-8"), results).encode())


def _measured(
    digit_folder: Path | None, classifier: Path | None, font: Path | None, tunes: Sequence[str], chosen: Sequence[str]
) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    """(model, its figures, figures of the reference that all models of a kind share)."""

    def wanted(names: Sequence[str]) -> list[str]:
        return [name for name in names if not chosen or name in chosen]

    if digit_folder is not None and classifier is not None and wanted(digits.MODELS):
        reference = digits.read_digits(digit_folder, classifier)
        common = {"classifier": round(reference.accuracy, 4), "floor": round(reference.floor, 2)}
        for name in wanted(digits.MODELS):
            yield name, digits.measure(name, reference), common
    others: list[tuple[bool, Sequence[str], Callable[[str], dict[str, Any]]]] = [
        (font is not None, emoji.MODELS, lambda n: emoji.measure(n, emoji.read_emoji(Path(str(font)), n))),
        (bool(tunes), melodies.MODELS, lambda n: melodies.measure(n, melodies.read_tunes(tunes, n))),
    ]
    for given, names, measure in others:
        for name in wanted(names) if given else ():
            yield name, measure(name), {}


if __name__ == "__main__":
    main()
