"""Makes the shipped model files as release.toml says: the float file first, then 8 bits compared with it.

    python models/release.py DATA [NAME...] [--dry-run]

An exported decoder has no figures of its samples: run ``python models/record_samples.py`` afterwards.

DATA holds the sets that release.toml names, such as val/cid22 and eval/CBSD68. Without names, every model is made.
"""

from __future__ import annotations

import shlex
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from nitido_export.publishing.texts import ReleaseTexts, record_texts
from nitido_train.recipe.files import load_recipe

ROOT = Path(__file__).resolve().parents[1]
TABLE = ROOT / "models" / "release.toml"
NITIDO = (sys.executable, "-c", "from nitido.cli.main import main; main()")


@dataclass(frozen=True)
class Release:
    """A row of release.toml, which says what the fields are."""

    name: str
    folder: str
    checkpoint: str
    licence: str
    data: str
    failures: str = ""
    summary: str = ""
    vectors: str = ""
    tests: Sequence[str] = ()
    calibration: str = ""
    int8_weights: bool = False
    held_out_of: Sequence[str] = ()
    prior: Sequence[str] = ()
    prior_kind: str = "flow"

    @property
    def texts(self) -> ReleaseTexts:
        """What the cards say in words. The summary is that of the shipped recipe, unless the row has one."""
        return ReleaseTexts(self.summary or load_recipe(self.name).summary, self.licence, self.data, self.failures)

    def exports(self, sets: Path) -> list[list[str]]:
        """The arguments of each ``nitido export``, one for each file or pair of files. sets: the folder DATA."""
        words = ["--licence", self.licence, "--data-note", self.data]
        if self.failures:
            words += ["--failures", self.failures]
        if self.vectors:
            words += ["--vectors", self.vectors]
        for test in self.tests:
            words += ["--eval", str(sets / test)]
        for source in self.held_out_of:
            words += ["--holdout", source]
        for source in self.prior:  # a font is given as the file itself, and tunes by the name of a corpus
            words += ["--prior", source if ":" in source or Path(source).is_absolute() else str(sets / source)]
        if self.prior:
            words += ["--prior-kind", self.prior_kind]
        if self.int8_weights:
            words.append("--int8-weights")
        file = f"{self.folder}/{self.name}.onnx"
        commands = [["export", self.checkpoint, "-o", file, *words]]
        if self.calibration:
            lower = ["--int8", "--against", file, "--calib", str(sets / self.calibration)]
            commands.append(["export", self.checkpoint, "-o", f"{self.folder}/{self.name}.int8.onnx", *words, *lower])
        return commands


def read_releases(path: Path = TABLE) -> dict[str, Release]:
    """The rows of release.toml by name, in its order."""
    table = tomllib.loads(path.read_text(encoding="utf-8"))
    releases: dict[str, Release] = {}
    for name, row in table["model"].items():
        family = table["family"][row.pop("family")]
        releases[name] = Release(name, **{**family, **row})
    return releases


def chosen_releases(names: Sequence[str]) -> list[Release]:
    """The rows of these models, or all without names. Raises ``click.UsageError`` for a name that has no row."""
    releases = read_releases()
    unknown = sorted(set(names) - set(releases))
    if unknown:
        raise click.UsageError(f"no model {', '.join(unknown)} in {TABLE.name}; it has {', '.join(releases)}")
    return [releases[name] for name in names] or list(releases.values())


@click.command()
@click.argument("data", type=click.Path(path_type=Path))
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--dry-run", is_flag=True, help="Print the steps and do none of them.")
def release(data: Path, names: tuple[str, ...], dry_run: bool) -> None:
    """Make the model files NAME, or all, measured on the sets below DATA."""
    for row in chosen_releases(names):
        click.echo(f"# summary, licence and data are recorded in {row.checkpoint}")
        if not dry_run:
            record_texts(ROOT / row.checkpoint, row.texts)
        for arguments in row.exports(data.resolve()):
            click.echo(shlex.join(["nitido", *arguments]))
            if not dry_run:
                code = subprocess.run([*NITIDO, *arguments], cwd=ROOT, check=False).returncode
                if code:  # the command has said why
                    raise SystemExit(code)


if __name__ == "__main__":
    release()
