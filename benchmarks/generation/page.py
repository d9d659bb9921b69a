"""The page of generators, and the table of the guide."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Any

from generation.digits import COUNT
from generation.melodies import COPY, KEPT, LOOKED_AT

BEGIN, END = "<!-- by benchmarks/generators.py -->", "<!-- end -->"
Results = Mapping[str, Any]


def page(results: Results) -> str:
    """results: ``classifier``, ``floor`` and ``models``, by name what the modules of this folder measure."""
    models = results["models"]
    digits = {name: found for name, found in models.items() if name.endswith("-digits")}
    lines = [
        "# Benchmarks: generators",
        "",
        *_wrapped("Made by `python benchmarks/generators.py` from `generators.json`."),
    ]
    if digits:
        lines += ["", "## Digits", "", *_digits(results, digits)]
    for name, found in models.items():
        if name in digits:
            continue
        lines += ["", f"## {name}", "", *(_melodies(found) if name.endswith("-melody") else _emoji(found))]
    return "\n".join(lines) + "\n"


def _digits(results: Results, digits: Results) -> list[str]:
    lines = [
        f"{COUNT:,} samples of each model, and a classifier of digits (`digit_classifier.py`) that is right on "
        f"{results['classifier']:.2%} of MNIST's test set.",
        "",
        f"- **Fréchet distance** of the classifier's 64 features from those of the {COUNT:,} test digits. {COUNT:,} "
        f"training digits have {results['floor']:.2f}.",
        "- **As asked**: share of the samples that the classifier takes for the class that was asked for, in all and "
        "of the worst class. Only `cvae-digits` has classes.",
        "- **Rarest class**: its share among the samples of the other models. In MNIST it is 8.9 %.",
        "- The **second stage** is in the model file, and `nitido sample` uses it. The **prior** is what files without "
        "one are drawn from. The **mixture** is for comparison: normal distributions with full covariance, fitted to "
        "the same latents (32, or 10 for each class).",
    ]
    rows = [
        [
            f"`{name}`",
            row["drawn from"],
            f"{row['frechet']:.1f}",
            f"{row['as asked']:.1%}" if "as asked" in row else "",
            _class(row) if "as asked" in row else "",
            "" if "as asked" in row else _class(row),
        ]
        for name, found in digits.items()
        for row in found["samples"]
    ]
    heads = ["model", "drawn from", "Fréchet distance", "as asked", "worst class", "rarest class"]
    ks = [
        [f"`{name}`", *(f"{found['ks'][key]['max']:.3f} / {found['ks'][key]['mean']:.3f}" for key in found["ks"])]
        for name, found in digits.items()
    ]
    text = (
        "Kolmogorov-Smirnov distance of the test digits' latents from a standard normal distribution, over the "
        "dimensions, largest / mean:"
    )
    both = ["model", "latents", "the same, back through the second stage"]
    return [
        *(w for line in lines for w in _wrapped(line)),
        "",
        *_table(heads, rows, 2),
        "",
        *_wrapped(text),
        "",
        *_table(both, ks, 1),
    ]


def _class(row: Mapping[str, Any]) -> str:
    """The class with the smallest share, and it."""
    share = min(row["by class"])
    return f"{share:.1%} ({row['by class'].index(share)})"


def _emoji(found: Results) -> list[str]:
    text = [
        "Five sets of samples, each compared with the emoji that the training held out.",
        "",
        "- **Sliced Wasserstein distance** of patches of 7×7 pixels, ×1000, averaged over the levels of a Laplacian "
        "pyramid (Karras and others, 2018). It compares how frequent shapes of each size are; smaller is better. "
        "Reconstructions of held-out emoji show what the decoder can do at best.",
        f"- **Seen**: share of the pictures that have a mean squared error below {found['alike']:.0f} from an emoji of "
        "the training, as held-out emoji have on average from their reconstructions.",
    ]
    rows = [
        [row["drawn from"], f"{row['distance']:.1f}", "" if row["seen"] is None else f"{row['seen']:.1%}"]
        for row in found["samples"]
    ]
    return [*(w for line in text for w in _wrapped(line)), "", *_table(["", "distance", "seen"], rows, 1)]


def _melodies(found: Results) -> list[str]:
    text = [
        "2,000 phrases of four bars for each way to draw, compared with the phrases of the tunes that the training "
        "held out. The first four columns are total variation distances of histograms, the next two "
        "Kolmogorov-Smirnov distances over the phrases. 0 is the same, 1 is nothing in common. The phrases to learn "
        "from show how much is chance.",
        "",
        f"- **Empty**: of {LOOKED_AT} phrases, those with fewer than two notes.",
        f"- **Copies**: of {LOOKED_AT} phrases, those that sound like one phrase of the training at {COPY:.0%} of the "
        "steps or more.",
    ]
    rows = [
        [
            row["drawn from"],
            *(f"{row[key]:.3f}" for key in (*KEPT, "mean")),
            *(str(row.get(key, "")) for key in ("empty", "copies")),
        ]
        for row in found["samples"]
    ]
    return [*(w for line in text for w in _wrapped(line)), "", *_table(["", *KEPT, "mean", "empty", "copies"], rows, 1)]


def guide_table(results: Results) -> str:
    """A row for each model: its samples by the second stage and from the prior, and what real ones have."""
    rows: list[list[str]] = []
    for name, found in sorted(results["models"].items()):
        mains = [row for row in found["card"] if "floor" in row]
        by_way = {row["condition"].partition(",")[0]: row for row in mains}
        own, prior = by_way.get("second stage"), by_way["prior"]
        places = 3 if prior["value"] < 1 else 1
        rows.append(
            [
                f"`{name}`",
                prior["metric"],
                f"{own['value']:.{places}f}" if own else "",
                f"{prior['value']:.{places}f}",
                f"{prior['floor']:.{places}f}",
                _also(found),
            ]
        )
    heads = ["model", "measured", "samples", "from the prior", "training data", "and"]
    return "\n".join(_table(heads, rows, 2))


def _also(found: Results) -> str:
    first = found["samples"][0]
    if "as asked" in first:
        return f"{first['as asked']:.1%} are of the class asked for, {_class(first)} of the worst"
    if "by class" in first:
        return f"rarest class {_class(first)}"
    if "copies" in first:
        return f"of {LOOKED_AT}, {first['empty']} empty and {first['copies']} copies"
    return f"{first['seen']:.1%} as close to a training picture as a reconstruction"


def with_table(guide: str, results: Results) -> str:
    """The guide's text with a new table between its two marks."""
    before, _, rest = guide.partition(BEGIN)
    _, mark, after = rest.partition(END)
    if not mark:
        raise ValueError(f"the guide has no {BEGIN} … {END}")
    return f"{before}{BEGIN}\n\n{guide_table(results)}\n\n{END}{after}"


def _table(heads: list[str], rows: list[list[str]], words: int) -> list[str]:
    """words: number of columns of words, at the left; the others are numbers."""
    marks = "|".join(["---"] * words + ["--:"] * (len(heads) - words))
    return [f"| {' | '.join(heads)} |", f"|{marks}|", *(f"| {' | '.join(row)} |" for row in rows)]


def _wrapped(text: str) -> list[str]:
    """Lines of at most 120 characters; items of a list are indented."""
    if not text:
        return [""]
    return textwrap.wrap(text, 120, subsequent_indent="  " if text.startswith("- ") else "", break_on_hyphens=False)
