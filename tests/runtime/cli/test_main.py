"""The command group: what it imports, and what it runs with."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from support.commands import HANG, command


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys\nfrom nitido.cli.main import main\nsys.argv = ['nitido', '--help']\n"
        "try: main()\nexcept SystemExit: pass\n"
        "print(sorted({'torch', 'onnxruntime', 'cv2', 'numpy', 'PIL'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
    assert "denoise" in done.stdout and "train" in done.stdout


COMMANDS = [
    *("live", "cameras", "anomaly", "anomaly live", "denoise", "run", "doctor", "sample", "interpolate", "embed"),
    *("explore", "train", "report", "export", "evaluate", "pack", "adopt"),
]
# click's classes take type arguments only since 8.4, and older ones will do.
OLDER = """
import click

def refuse(*_):
    raise TypeError("not subscriptable")

for found in vars(click).values():
    if isinstance(found, type) and hasattr(found, "__class_getitem__"):
        found.__class_getitem__ = refuse
"""
HELP = """
import json, sys
from click.testing import CliRunner
from nitido.cli.main import cli

def helped(command):
    done = CliRunner().invoke(cli, [*command.split(), "--help"])
    return done.exit_code, done.output + repr(done.exception or "")

print(json.dumps({command: helped(command) for command in sys.argv[1:]}))
"""


@pytest.fixture(scope="module")
def helped_by_old_click() -> dict[str, tuple[int, str]]:
    """Exit code and output of ``--help`` of every command, in a process with such a click."""
    done = subprocess.run(
        [sys.executable, "-c", OLDER + HELP, *COMMANDS], capture_output=True, text=True, timeout=HANG, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("command", COMMANDS)
def test_the_oldest_click_will_do(command: str, helped_by_old_click: dict[str, tuple[int, str]]) -> None:
    code, said = helped_by_old_click[command]
    assert code == 0 and "Usage" in said, said


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux")
@pytest.mark.parametrize("arguments", [["models"], ["models", "--json"], ["--help"], ["info", "denoise-n"]])
def test_a_full_disk_under_standard_output_is_one_line(arguments: list[str]) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(command(*arguments), stdout=full, stderr=subprocess.PIPE, text=True, timeout=HANG)
    assert done.returncode == 1
    assert done.stderr.splitlines() == ["Error: standard output: No space left on device"]


@pytest.mark.skipif(sys.platform == "win32", reason="shells of Windows close no streams")
@pytest.mark.parametrize(("closed", "code"), [("2>&-", 0), (">&- 2>&-", 0), (">&-", 0)])
def test_closed_streams_are_no_reason_to_fail(tmp_path: Path, closed: str, code: int) -> None:
    line = f"{shlex.join(command('verify', 'denoise-n'))} {closed} </dev/null"
    assert subprocess.run(["sh", "-c", line], cwd=tmp_path, timeout=HANG).returncode == code
