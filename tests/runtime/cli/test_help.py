"""``nitido help``, suggestions for what is misspelt, and what a shell completes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from nitido.cli.main import cli
from nitido.errors import ModelNotFound
from nitido.latent.autoencoder import load_decoder
from nitido.model_file.zoo import find
from nitido.wording import count, did_you_mean, plural


def run(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(cli, list(arguments), prog_name="nitido")
    return done.exit_code, done.output


def complete(*words: str, folder: Path | None = None) -> list[str]:
    """What a bash completes the last of the words after ``nitido`` to."""
    environment = os.environ | {
        "_NITIDO_COMPLETE": "bash_complete",
        "COMP_WORDS": " ".join(["nitido", *words]),
        "COMP_CWORD": str(len(words)),
    }
    code = "import sys; sys.argv = ['nitido']; from nitido.cli.main import main; main()"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    return [line.removeprefix("plain,") for line in done.stdout.splitlines()]


@pytest.mark.parametrize("command", ["denoise", "anomaly", "anomaly fit", "train", "help", ""])
def test_help_of_a_command_is_what_its_option_shows(command: str) -> None:
    assert run("help", *command.split()) == run(*command.split(), "--help")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("denois photos", "no such command: 'denois'; did you mean denoise?"),
        ("anomaly chek", "no such command: 'chek'; did you mean check?"),
        ("qwertz", "no such command: 'qwertz'; 'nitido --help' lists them"),
        ("help embd", "no such command: 'embd'; did you mean embed?"),
        ("help denoise fit", "'nitido denoise' has no commands of its own; found 'fit'"),
        ("denoise --overwite photos -o out", "'--overwrite'"),
    ],
)
def test_what_is_misspelt_is_suggested(arguments: str, said: str) -> None:
    code, output = run(*arguments.split())
    assert code == 2 and said.replace("'", "") in output.replace("'", "")  # older clicks quote less


def test_the_nearest_model_is_suggested() -> None:
    with pytest.raises(ModelNotFound, match=r"no model named 'denoise-nn'; did you mean .*denoise-n"):
        find("denoise-nn")
    with pytest.raises(ModelNotFound, match=r"no decoder of a model named 'vae-digit'; did you mean vae-digits"):
        load_decoder("vae-digit")


def test_commands_options_and_models_are_completed(tmp_path: Path) -> None:
    assert complete("den") == ["denoise"]
    assert complete("anomaly", "") == ["check", "fit", "live", "report"]
    assert complete("denoise", "--over") == ["--overwrite"]
    assert complete("help", "anomaly", "f") == ["fit"]
    upscalers = complete("upscale", "--model", "")
    assert {"upscale", "upscale-x4-n"} <= set(upscalers) and "denoise-n" not in upscalers
    assert complete("info", "denoise-n") == ["denoise-n", "denoise-n.int8"]
    assert complete("verify", "vae-digits.") == ["vae-digits.decoder", "vae-digits.encoder"]
    assert "vae-digits" in complete("sample", "--model", "")
    assert complete("explore", "vae-dig") == ["vae-digits"]
    (tmp_path / "mine.onnx").touch()
    assert complete("run", "--model", "mi", folder=tmp_path) == ["mine.onnx"]
    assert complete("run", "--model", "models/x") == ["file,models/x"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_shell_gets_a_script(shell: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_NITIDO_COMPLETE", f"{shell}_source")
    code, output = run()
    assert code == 0 and "_NITIDO_COMPLETE" in output


def test_counts_have_their_plural() -> None:
    assert [count(n, "good picture") for n in (0, 1, 2)] == ["0 good pictures", "1 good picture", "2 good pictures"]
    assert [count(n, "anomaly") for n in (1, 2)] == ["1 anomaly", "2 anomalies"]
    assert [plural(n, "was") for n in (1, 2)] == ["was", "were"]
    assert did_you_mean("denoise", ["x"]) == "" and did_you_mean("denoice", ["denoise"]) == "; did you mean denoise?"
