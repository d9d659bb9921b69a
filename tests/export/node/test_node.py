"""The model file, unchanged, in ONNX Runtime's binding for Node."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from base64 import b64decode, b64encode
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from nitido.inference.model import load
from nitido.inference.session import read_card
from nitido.model_file import zoo
from nitido.model_file.certificate import VECTORS, difference, vectors_from_text
from nitido.model_file.plain import with_plain_settings
from nitido.model_file.properties import read_properties
from nitido_export.pack.write import write_pack
from support.node_package import node_folder

pytestmark = pytest.mark.network

EXAMPLE = Path(__file__).parent

FRAME_MODELS = [entry for entry in zoo.entries() if entry.takes_frames]
LATENT_PARTS = [entry for entry in zoo.entries() if not entry.takes_frames]


@pytest.fixture(scope="module")
def example(pytestconfig: pytest.Config) -> Path:
    """A folder with replay.mjs and onnxruntime-node."""
    folder = node_folder(pytestconfig)
    shutil.copy(EXAMPLE / "replay.mjs", folder)
    return folder


def run(example: Path, *arguments: object, script: str = "replay.mjs") -> subprocess.CompletedProcess[str]:
    command = ["node", str(example / script), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def replay(example: Path, model: Path, feeds: Mapping[str, Any], folder: Path) -> dict[str, NDArray[Any]]:
    """The outputs of a model in Node, by name."""
    (folder / "feeds.json").write_text(json.dumps({name: packed(np.asarray(value)) for name, value in feeds.items()}))
    done = run(example, model, folder / "feeds.json")
    assert (done.returncode, done.stderr) == (0, "")
    return {name: unpacked(output) for name, output in json.loads(done.stdout).items()}


def assert_same_in_node(example: Path, path: Path, frame: NDArray[np.uint8], tmp_path: Path) -> None:
    model = load(path, "cpu")
    expected = model(frame).astype(int)
    found = replay(example, path, {"frame": frame[None], **model.state.blank(frame[None].shape)}, tmp_path)["image"][0]
    assert np.abs(found - expected).max() <= 1  # another build may sum floats in another order
    assert np.ptp(found) > 100  # a picture, not a constant that happens to fit


@pytest.mark.parametrize("task", ["denoise", "upscale"])
def test_a_fresh_export_gives_the_bytes_that_python_gets(
    example: Path, tiny_models: dict[str, Path], frame: NDArray[np.uint8], tmp_path: Path, task: str
) -> None:
    assert_same_in_node(example, tiny_models[task], frame, tmp_path)


@pytest.mark.parametrize("entry", FRAME_MODELS, ids=lambda entry: entry.name)
def test_shipped_models_give_the_bytes_that_python_gets(
    example: Path, frame: NDArray[np.uint8], tmp_path: Path, entry: zoo.Entry
) -> None:
    assert_same_in_node(example, entry.path, frame, tmp_path)


@pytest.mark.parametrize("entry", LATENT_PARTS, ids=lambda entry: entry.name)
def test_shipped_parts_of_autoencoders_prove_themselves(example: Path, tmp_path: Path, entry: zoo.Entry) -> None:
    metadata = read_properties(entry.path.read_bytes())
    card = read_card(entry.path)
    content, settings = with_plain_settings(entry.path.read_bytes())  # Node cannot set optional inputs
    plain = tmp_path / "plain.onnx"
    plain.write_bytes(content)
    for vector in vectors_from_text(metadata[VECTORS], entry.name):
        given = any(name in vector.inputs for name in settings)
        found = replay(example, plain if given else entry.path, vector.inputs, tmp_path)
        largest, mean, _ = difference(vector.outputs, found)
        assert largest <= card.certificate["tolerance"] and mean <= card.certificate["mean_tolerance"]


def packed(array: NDArray[Any]) -> dict[str, Any]:
    return {"type": array.dtype.name, "dims": list(array.shape), "data": b64encode(array.tobytes()).decode()}


def unpacked(output: dict[str, Any]) -> NDArray[Any]:
    return np.frombuffer(b64decode(output["data"]), output["type"]).reshape(output["dims"])


def test_strength_and_noise_can_be_set_in_a_file_with_plain_inputs(
    example: Path, level_model: Path, frame: NDArray[np.uint8], tmp_path: Path
) -> None:
    write_pack(str(level_model), "plain", tmp_path / "plain")
    path, model = tmp_path / "plain" / level_model.name, load(level_model, "cpu")
    for strength, noise in ((1.0, -1.0), (0.5, -1.0), (1.0, 30.0)):
        feeds = {"frame": frame[None], "strength": np.float32(strength), "noise": np.float32(noise)}
        found = replay(example, path, feeds, tmp_path)["image"][0]
        expected = model(frame, strength=strength, noise=None if noise < 0 else noise)
        assert np.abs(found.astype(int) - expected).max() <= 1
    assert not np.array_equal(model(frame, noise=30.0), model(frame))


def test_what_the_readme_of_a_recurrent_model_shows_runs(
    example: Path, live_model: Path, frame: NDArray[np.uint8], tmp_path: Path
) -> None:
    write_pack(str(live_model), "plain", tmp_path / "plain")
    (_, shown, _) = re.split(r"```(?:js)?\n", (tmp_path / "plain" / "README.md").read_text())
    begin, each = shown.split("// For each frame:\n")
    clip = np.stack([np.roll(frame, 2 * n, 1) for n in range(3)])
    clip.tofile(tmp_path / "in.bgr")
    height, width = frame.shape[:2]
    script = example / f"readme-{tmp_path.name}.mjs"
    script.write_text(f"""
import {{ readFile, writeFile }} from 'node:fs/promises';
import ort from 'onnxruntime-node';
const session = await ort.InferenceSession.create(process.argv[2], {{ logSeverityLevel: 3 }});
const [width, height] = [{width}, {height}];
const clip = new Uint8Array(await readFile(process.argv[3]));
{begin}
const images = [];
for (let n = 0; n < 3; n += 1) {{
  const pixels = clip.subarray(n * width * height * 3, (n + 1) * width * height * 3);
  {each}
  images.push(image.data);
}}
await writeFile(process.argv[4], Buffer.concat(images));
""")
    arguments = tmp_path / "plain" / live_model.name, tmp_path / "in.bgr", tmp_path / "out.bgr"
    done = run(example, *arguments, script=script.name)
    script.unlink()
    assert (done.returncode, done.stderr) == (0, "")
    found = np.fromfile(tmp_path / "out.bgr", np.uint8).reshape(clip.shape).astype(int)
    model, states = load(live_model, "cpu"), {}
    for given, image in zip(clip, found, strict=True):
        step = model.step(given[None], states)
        states = step.states
        assert np.abs(image - step.images[0]).max() <= 1
