"""The shipped files in the oldest ONNX Runtime that their cards name, in an environment that holds nothing else."""

from __future__ import annotations

import json
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from nitido.inference.session import read_card
from nitido.model_file import zoo

pytestmark = [pytest.mark.network, pytest.mark.slow]

OLDEST = "1.17.0"

# Nothing of Nítido is installed there: what reads the vectors is the format as docs/reference/contract.md describes it.
REPLAY = """
import base64, json, sys, zlib
import numpy, onnxruntime

def array(packed):
    raw = zlib.decompress(base64.b64decode(packed["data"]))
    return numpy.frombuffer(raw, packed["dtype"]).reshape(packed["shape"])

def blank(session, metadata, frame):
    multiple, height, width = json.loads(metadata["nitido.multiple"]), frame.shape[1], frame.shape[2]
    return {
        "state_in_" + state["name"]: numpy.zeros(
            (len(frame), state["channels"])
            + tuple(-(-side // multiple) * multiple // state["grid"] for side in (height, width)),
            numpy.float32,
        )
        for state in json.loads(metadata.get("nitido.states", "[]"))
    }

found = {}
for path in sys.argv[1:]:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    metadata = session.get_modelmeta().custom_metadata_map
    allowed = json.loads(metadata["nitido.certificate"])
    worst, mean, states = 0.0, 0.0, {}
    names = [output.name for output in session.get_outputs()]
    for vector in json.loads(metadata["nitido.vectors"]):
        given = {k: array(v) for k, v in vector["inputs"].items()}
        if "frame" in given and not vector.get("follows"):
            states = blank(session, metadata, given["frame"])
        outputs = dict(zip(names, session.run(names, {**given, **states})))
        states = {name: outputs[name.replace("_in_", "_out_")] for name in states}
        for name in vector["outputs"]:
            value = outputs[name]
            gap = numpy.abs(array(vector["outputs"][name]).astype(float) - value)
            worst, mean = max(worst, gap.max()), max(mean, gap.mean())
    found[path] = [worst, allowed["tolerance"], mean, allowed["mean_tolerance"]]
print(json.dumps({"onnxruntime": onnxruntime.__version__, "found": found}))
"""


def test_shipped_models_pass_in_the_oldest_runtime_they_name(tmp_path: Path) -> None:
    if sys.version_info >= (3, 13):
        pytest.skip(f"onnxruntime {OLDEST} has no wheel for Python {sys.version_info.major}.{sys.version_info.minor}")
    entries = [entry for entry in zoo.entries() if read_card(entry.path).min_onnxruntime == "1.17"]
    assert entries
    venv.create(tmp_path / "env", with_pip=True)
    python = tmp_path / "env" / "bin" / "python"
    install = [python, "-m", "pip", "install", "--quiet", f"onnxruntime=={OLDEST}", "numpy<2"]
    subprocess.run(install, check=True, timeout=300)
    files = [str(entry.path) for entry in entries]
    result = subprocess.run([python, "-c", REPLAY, *files], capture_output=True, text=True, timeout=120, check=False)
    assert result.returncode == 0, result.stderr
    report = json.loads(result.stdout)
    assert report["onnxruntime"] == OLDEST
    for path, (worst, tolerance, mean, mean_tolerance) in report["found"].items():
        assert worst <= tolerance and mean <= mean_tolerance, path
