"""What a minimal build of ONNX Runtime needs to know about a model: its operators, their types, the build command."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import onnxruntime as ort

from nitido.errors import ExportError
from nitido_export.pack.template import fill

CONFIG = "required_operators.config"

# ONNX Runtime's tool runs in a separate process, because it configures logging and changes sys.path. Its package
# imports torch if torch is installed, although it does not need it.
_TOOL = """
import pathlib, sys
sys.modules["torch"] = None
from onnxruntime.tools.ort_format_model import create_config_from_models
create_config_from_models([pathlib.Path(sys.argv[1])], pathlib.Path(sys.argv[2]), True)
"""


def write_minimal(model: Path, folder: Path) -> None:
    """Adds ``required_operators.config`` and ``README.md`` for ``model`` (``.ort``) to ``folder``.

    The operators and their types are read from the optimized graph. Raises ``ExportError`` when onnxruntime's tool
    fails, ``OSError`` when a file cannot be written.
    """
    write_config(model, folder / CONFIG)
    values = {"model": model.name, "config": CONFIG, "version": ort.__version__}
    (folder / "README.md").write_text(fill("minimal/README.md", values), encoding="utf-8")


def write_config(model: Path, target: Path) -> None:
    """Writes the operators and types that ``model`` (``.ort``) needs."""
    command = [sys.executable, "-c", _TOOL, str(model), str(target)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode or not target.is_file():
        reason = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise ExportError(
            f"onnxruntime {ort.__version__} cannot list the operators of {model.name} ({reason}); try another release"
        )
    # The tool writes the path of its input, which was in a folder that no longer exists.
    lines = [line for line in target.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    head = f"# Operators and types of {model.name}, by onnxruntime {ort.__version__}"
    target.write_text("\n".join([head, *lines]) + "\n", encoding="utf-8")
