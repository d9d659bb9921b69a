"""The model file, unchanged, in ONNX Runtime's binding for Node."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import sys
from base64 import b64decode, b64encode
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from nitido.inference.model import load
from nitido.inference.session import read_card
from nitido.model_file import zoo
from nitido.model_file.certificate import VECTORS, difference, vectors_from_text
from nitido.model_file.properties import read_properties
from nitido_export.pack.write import write_pack
from support.npm import keep, npm

pytestmark = pytest.mark.network

EXAMPLE = Path(__file__).parent

FRAME_MODELS = [entry for entry in zoo.entries() if entry.takes_frames]
LATENT_PARTS = [entry for entry in zoo.entries() if not entry.takes_frames]


@pytest.fixture(scope="module")
def example(pytestconfig: pytest.Config) -> Path:
    """A folder with run.mjs and the onnxruntime-node that its lock file names."""
    lock = (EXAMPLE / "package-lock.json").read_bytes()

    def install(folder: Path) -> None:
        for name in ("package.json", "package-lock.json"):
            shutil.copy(EXAMPLE / name, folder)
        npm("ci", cwd=folder)
        for platform in (folder / "node_modules" / "onnxruntime-node" / "bin").glob("*/*"):
            if platform.name != sys.platform:
                shutil.rmtree(platform)  # 220 MB of libraries for other systems

    folder = keep(pytestconfig, f"node-{hashlib.sha256(lock).hexdigest()[:12]}", install)
    for name in ("run.mjs", "replay.mjs"):
        shutil.copy(EXAMPLE / name, folder)
    return folder


def run(example: Path, *arguments: object, script: str = "run.mjs") -> subprocess.CompletedProcess[str]:
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not on PATH")
    command = [node, str(example / script), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def assert_same_in_node(example: Path, model: Path, frame: NDArray[np.uint8], tmp_path: Path) -> None:
    expected = load(model, "cpu")(frame).astype(int)
    frame.tofile(tmp_path / "in.bgr")
    done = run(example, model, tmp_path / "in.bgr", f"{frame.shape[1]}x{frame.shape[0]}", tmp_path / "out.bgr")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.strip() == f"{expected.shape[1]}x{expected.shape[0]}"
    found = np.fromfile(tmp_path / "out.bgr", np.uint8).reshape(expected.shape).astype(int)
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
    for vector in vectors_from_text(metadata[VECTORS], entry.name):
        feeds = {name: packed(array) for name, array in vector.inputs.items()}
        (tmp_path / "feeds.json").write_text(json.dumps(feeds))
        done = run(example, entry.path, tmp_path / "feeds.json", script="replay.mjs")
        assert (done.returncode, done.stderr) == (0, "")
        found = {name: unpacked(output) for name, output in json.loads(done.stdout).items()}
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
    packed, model = tmp_path / "plain" / level_model.name, load(level_model, "cpu")
    frame.tofile(tmp_path / "in.bgr")
    size = f"{frame.shape[1]}x{frame.shape[0]}"
    for path, numbers, settings in (
        (level_model, (), {}),
        (packed, (), {}),
        (packed, ("0.5",), {"strength": 0.5}),
        (packed, ("1", "30"), {"noise": 30.0}),
    ):
        done = run(example, path, tmp_path / "in.bgr", size, tmp_path / "out.bgr", *numbers)
        assert (done.returncode, done.stderr) == (0, "")
        found = np.fromfile(tmp_path / "out.bgr", np.uint8).reshape(frame.shape).astype(int)
        assert np.abs(found - model(frame, **settings)).max() <= 1
    assert not np.array_equal(model(frame, noise=30.0), model(frame))


def test_a_recurrent_model_remembers_in_node(
    example: Path, live_model: Path, frame: NDArray[np.uint8], tmp_path: Path
) -> None:
    clip = np.stack([np.roll(frame, 2 * n, 1) for n in range(3)])
    expected = np.stack(list(load(live_model, "cpu").stream(clip, noise=12.0, align=False))).astype(int)
    write_pack(str(live_model), "plain", tmp_path / "plain")
    packed = tmp_path / "plain" / live_model.name
    shutil.copy(live_model.with_suffix(".json"), packed.with_suffix(".json"))
    clip.tofile(tmp_path / "in.bgr")
    size = f"{frame.shape[1]}x{frame.shape[0]}"
    done = run(example, packed, tmp_path / "in.bgr", size, tmp_path / "out.bgr", 1, 12)
    assert (done.returncode, done.stderr) == (0, "")
    found = np.fromfile(tmp_path / "out.bgr", np.uint8).reshape(clip.shape).astype(int)
    assert np.abs(found - expected).max() <= 1
    assert not np.array_equal(load(live_model, "cpu")(clip[2], noise=12.0), expected[2])


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


def test_what_it_cannot_do_is_one_line_and_leaves_no_file(
    example: Path, tiny_models: dict[str, Path], frame: NDArray[np.uint8], tmp_path: Path
) -> None:
    frame.tofile(tmp_path / "in.bgr")
    model, size = tiny_models["denoise"], f"{frame.shape[1]}x{frame.shape[0]}"
    for arguments, message in [
        ((model, tmp_path / "in.bgr", "640x480", tmp_path / "out.bgr"), "has 921600 bytes"),
        ((model, tmp_path / "missing.bgr", size, tmp_path / "out.bgr"), "no such file"),
        ((tmp_path / "no.onnx", tmp_path / "in.bgr", size, tmp_path / "out.bgr"), "no.onnx"),
        # Node feeds required inputs only; ignoring the wish without a word would be worse.
        ((model, tmp_path / "in.bgr", size, tmp_path / "out.bgr", "0.5"), "takes no strength"),
        ((model,), "usage"),
    ]:
        done = run(example, *arguments)
        assert done.returncode == 1
        assert message in done.stderr and len(done.stderr.splitlines()) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["in.bgr"]
