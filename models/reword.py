"""Brings the sentences of the shipped model files up to date with release.toml and the recipes, without an export.

    python models/reword.py [NAME...]

Changes summary, licence, training data and known failures in the model files, their cards, the index and the
checkpoints. Weights, measurements and test vectors stay as they are. Without names, every model is brought up to date.
"""

from __future__ import annotations

import click
from release import ROOT, chosen_releases

from nitido_export.publishing.texts import record_texts, reword


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
def main(names: tuple[str, ...]) -> None:
    """Bring the sentences of the models NAME, or of all, up to date."""
    for row in chosen_releases(names):
        record_texts(ROOT / row.checkpoint, row.texts)
        for file in sorted((ROOT / row.folder).glob(f"{row.name}*.onnx")):
            if file.name.partition(".")[0] == row.name:
                click.echo(f"{file.relative_to(ROOT)}: {'changed' if reword(file, row.texts) else 'as it was'}")


if __name__ == "__main__":
    main()
