"""The C example that ``nitido pack --target c`` writes, built and run against the real library."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import cv2
import numpy as np
import onnxruntime as ort
import pytest
from numpy.typing import NDArray

from nitido.inference.model import load
from nitido.model_file import zoo
from nitido_export.pack.write import write_pack
from support.native import build

pytestmark = [pytest.mark.network, pytest.mark.slow]


@pytest.fixture(scope="module")
def program(c_program: Path) -> Path:
    return c_program


def run(program: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([program, *map(str, arguments)], capture_output=True, text=True, timeout=60, check=False)


def assert_equal(found: NDArray[np.uint8], expected: NDArray[np.uint8]) -> None:
    assert found.shape == expected.shape
    assert np.abs(found.astype(int) - expected.astype(int)).max() <= 1
    assert np.ptp(found) > 100  # a picture, not a constant that happens to fit


def read_ppm(path: Path) -> NDArray[np.uint8]:
    picture = cv2.imread(str(path))
    assert picture is not None
    return np.asarray(picture, np.uint8)


def models(tiny_models: dict[str, Path]) -> list[Path]:
    return [*tiny_models.values(), *(entry.path for entry in zoo.entries() if entry.takes_frames)]


def test_a_ppm_comes_out_as_python_makes_it(
    program: Path, tiny_models: dict[str, Path], frame: NDArray[np.uint8], tmp_path: Path
) -> None:
    cv2.imwrite(str(tmp_path / "in.ppm"), frame)
    for model in models(tiny_models):
        done = run(program, model, tmp_path / "in.ppm", tmp_path / "out.ppm")
        assert (done.returncode, done.stderr) == (0, "")
        assert f"(ONNX Runtime {ort.__version__})" in done.stdout
        assert_equal(read_ppm(tmp_path / "out.ppm"), load(model, "cpu")(frame))


def test_a_raw_frame_comes_out_as_python_makes_it(
    program: Path, tiny_models: dict[str, Path], frame: NDArray[np.uint8], tmp_path: Path
) -> None:
    frame.tofile(tmp_path / "in.bgr")
    size = f"{frame.shape[1]}x{frame.shape[0]}"
    for model in models(tiny_models):
        done = run(program, model, tmp_path / "in.bgr", tmp_path / "out.bgr", "--size", size)
        assert (done.returncode, done.stderr) == (0, "")
        expected = load(model, "cpu")(frame)
        assert_equal(np.fromfile(tmp_path / "out.bgr", np.uint8).reshape(expected.shape), expected)


def test_strength_and_ort_files_work_from_c(
    program: Path, tiny_models: dict[str, Path], frame: NDArray[np.uint8], tmp_path: Path
) -> None:
    cv2.imwrite(str(tmp_path / "in.ppm"), frame)
    model = load(tiny_models["denoise"], "cpu")
    write_pack(str(tiny_models["denoise"]), "ort", tmp_path / "ort")
    for path, strength in [(model.path, 0.5), (model.path, 0.0), (tmp_path / "ort" / "denoise.ort", 1.0)]:
        done = run(program, path, tmp_path / "in.ppm", tmp_path / "out.ppm", "--strength", strength)
        assert (done.returncode, done.stderr) == (0, "")
        assert_equal(read_ppm(tmp_path / "out.ppm"), model(frame, strength=strength))
    assert np.array_equal(model(frame, strength=0.0), frame)  # so the middle case showed that it was fed


def test_noise_levels_and_plain_inputs_work_from_c(
    program: Path, level_model: Path, tiny_models: dict[str, Path], frame: NDArray[np.uint8], tmp_path: Path
) -> None:
    cv2.imwrite(str(tmp_path / "in.ppm"), frame)
    model = load(level_model, "cpu")
    write_pack(str(level_model), "plain", tmp_path / "plain")
    write_pack(str(level_model), "ort", tmp_path / "ort")
    files = level_model, tmp_path / "plain" / level_model.name, tmp_path / "ort" / f"{level_model.stem}.ort"
    for path in files:
        for options, settings in (
            ((), {}),
            (("--noise", 30), {"noise": 30.0}),
            (("--strength", 0.5, "--noise", 3), {"strength": 0.5, "noise": 3.0}),
        ):
            done = run(program, path, tmp_path / "in.ppm", tmp_path / "out.ppm", *options)
            assert (done.returncode, done.stderr) == (0, "")
            assert_equal(read_ppm(tmp_path / "out.ppm"), model(frame, **settings))
    assert not np.array_equal(model(frame, noise=30.0), model(frame))  # so the second case showed that it was fed
    refused = run(program, tiny_models["denoise"], tmp_path / "in.ppm", tmp_path / "out.ppm", "--noise", 3)
    assert refused.returncode == 1 and "cannot be given a noise level" in refused.stderr


def test_a_recurrent_model_remembers_in_c(
    program: Path, live_model: Path, frame: NDArray[np.uint8], tmp_path: Path
) -> None:
    clip = np.stack([np.roll(frame, 2 * n, 1) for n in range(3)])
    clip.tofile(tmp_path / "in.bgr")
    write_pack(str(live_model), "plain", tmp_path / "plain")
    write_pack(str(live_model), "ort", tmp_path / "ort")
    model = load(live_model, "cpu")
    size = f"{frame.shape[1]}x{frame.shape[0]}"
    expected = np.stack(list(model.stream(clip, noise=12.0, align=False)))
    assert not np.array_equal(model(clip[2], noise=12.0), expected[2])
    for path in (live_model, tmp_path / "plain" / live_model.name, tmp_path / "ort" / f"{live_model.stem}.ort"):
        done = run(program, path, tmp_path / "in.bgr", tmp_path / "out.bgr", "--size", size, "--noise", 12)
        assert (done.returncode, done.stderr) == (0, "")
        assert_equal(np.fromfile(tmp_path / "out.bgr", np.uint8).reshape(clip.shape), expected)


def test_the_program_of_a_recurrent_model_says_how_it_remembers(
    onnxruntime_root: Path, live_model: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "packed"
    write_pack(str(live_model), "c", folder)
    test = ["ctest", "--test-dir", str(build(folder, onnxruntime_root).parent)]
    assert subprocess.run(test, capture_output=True, timeout=60, check=False).returncode == 0
    readme = (folder / "README.md").read_text()
    assert "state_in_" in readme and "$" not in readme


@pytest.mark.parametrize("task", ["denoise", "upscale"])
def test_ctest_compares_with_python(
    onnxruntime_root: Path, tiny_models: dict[str, Path], tmp_path: Path, task: str
) -> None:
    folder = tmp_path / "packed"
    write_pack(str(tiny_models[task]), "c", folder)
    program = build(folder, onnxruntime_root)
    test = ["ctest", "--test-dir", str(folder / "build")]
    assert subprocess.run(test, capture_output=True, timeout=60, check=False).returncode == 0
    spoilt = bytearray((folder / "expected.ppm").read_bytes())
    spoilt[-1] = (spoilt[-1] + 128) % 256
    (folder / "expected.ppm").write_bytes(spoilt)
    assert subprocess.run(test, capture_output=True, timeout=60, check=False).returncode != 0
    arguments = (folder / f"{task}.onnx", folder / "frame.ppm", tmp_path / "out.ppm", "--expect")
    done = run(program, *arguments, folder / "expected.ppm")
    assert done.returncode == 1 and "of 255 levels, expected at most 1" in done.stderr
    assert not (tmp_path / "out.ppm").exists()
    readme = (folder / "README.md").read_text()
    assert f"build/nitido-frame {task}.onnx" in readme and "$" not in readme
    assert json.loads((folder / "pack.json").read_text())["target"] == "c"


def test_comments_in_a_ppm_are_skipped(program: Path, tiny_models: dict[str, Path], tmp_path: Path) -> None:
    pixels = bytes(range(10, 28))
    (tmp_path / "in.ppm").write_bytes(b"P6 # a comment\n3\n# another\n2 255\n" + pixels)
    done = run(program, tiny_models["denoise"], tmp_path / "in.ppm", tmp_path / "out.ppm", "--strength", "0")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out.ppm").read_bytes() == b"P6\n3 2\n255\n" + pixels


FAILURES = [
    ("{model} in.ppm", 2, "usage"),
    ("{model} in.ppm out.ppm more", 2, "usage"),
    ("{model} - out.bgr --size 4x4", 2, "standard input goes to standard output, alone, with --size"),
    ("{model} - -", 2, "standard input goes to standard output, alone, with --size"),
    ("{model} in.ppm out.ppm --cut early", 2, "--cut expects a whole number"),
    ("{model} in.ppm out.ppm in.ppm two.ppm --expect tall.ppm", 2, "--expect is for one stream"),
    ("{model} in.ppm out.ppm missing.ppm two.ppm", 1, "cannot read missing.ppm: No such file"),
    ("{model} in.ppm out.ppm --loud", 2, "unknown option"),
    ("{model} in.ppm out.ppm --strength 1.5", 2, "--strength expects a number from 0 to 1, found '1.5'"),
    ("{model} in.ppm out.ppm --threads none", 2, "--threads expects"),
    ("{model} in.bgr out.bgr --size 4", 2, "--size expects WIDTHxHEIGHT"),
    ("missing.onnx in.ppm out.ppm", 1, "cannot read missing.onnx: No such file"),
    ("in.ppm in.ppm out.ppm", 1, "in.ppm is not a model that this ONNX Runtime can open"),
    ("{model} missing.ppm out.ppm", 1, "cannot read missing.ppm: No such file"),
    ("{model} . out.ppm", 1, "cannot read .: Is a directory"),
    ("{model} in.bgr out.ppm", 1, "in.bgr is not a binary PPM (P6); for a raw BGR24 frame give --size"),
    ("{model} in.bgr out.bgr --size 5x5", 1, "a frame of 5x5 has 75 bytes, found 48; check --size"),
    ("{model} in.bgr out.bgr --size 1000000x1000000", 1, "has 3000000000000 bytes, found 48"),
    ("{model} cut.ppm out.ppm", 1, "a frame of 4x4 has 48 bytes, found 47"),
    ("{model} deep.ppm out.ppm", 1, "maximum 65535, expected 255"),
    ("{model} header.ppm out.ppm", 1, "damaged PPM header"),
    ("{model} in.ppm no/out.ppm", 1, "cannot write no/out.ppm: No such file"),
    ("{upscale} in.ppm out.ppm --strength 0.5", 1, "has no adjustable strength"),
    ("{model} in.ppm out.ppm --expect tall.ppm", 1, "tall.ppm has 2x8 pixels, the output 4x4"),
]


@pytest.mark.parametrize(("line", "code", "message"), FAILURES, ids=[row[2] for row in FAILURES])
def test_failures_are_one_line_and_leave_no_file(
    program: Path, tiny_models: dict[str, Path], tmp_path: Path, line: str, code: int, message: str
) -> None:
    pixels = bytes(range(48))
    files = {
        "in.bgr": pixels,
        "in.ppm": b"P6\n4 4\n255\n" + pixels,
        "cut.ppm": b"P6\n4 4\n255\n" + pixels[:-1],
        "deep.ppm": b"P6\n4 4\n65535\n" + pixels + pixels,
        "header.ppm": b"P6\n4",
        "tall.ppm": b"P6\n2 8\n255\n" + pixels,
    }
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    words = line.format(model=tiny_models["denoise"], upscale=tiny_models["upscale"]).split()
    done = subprocess.run([program, *words], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == code
    assert message in done.stderr and len(done.stderr.splitlines()) == 1
    assert done.stdout == ""
    assert {path.name for path in tmp_path.iterdir()} == set(files)


def test_an_older_library_is_named(onnxruntime_root: Path, tiny_models: dict[str, Path], tmp_path: Path) -> None:
    folder = tmp_path / "packed"
    write_pack(str(tiny_models["denoise"]), "c", folder)
    program = build(folder, onnxruntime_root, "-DNITIDO_ORT_API=99")
    done = run(program, folder / "denoise.onnx", folder / "frame.ppm", tmp_path / "out.ppm")
    assert done.returncode == 1
    assert done.stderr == (
        f"nitido-frame: the ONNX Runtime library found is {ort.__version__}, expected 1.99 or later; "
        "install that or rebuild\n"
    )


def test_cmake_says_what_is_missing(tiny_models: dict[str, Path], tmp_path: Path) -> None:
    if shutil.which("cmake") is None or shutil.which("cc") is None:
        pytest.skip("a C compiler and CMake are needed")
    folder = tmp_path / "packed"
    write_pack(str(tiny_models["denoise"]), "c", folder)
    command = ["cmake", "-S", folder, "-B", folder / "build", f"-DONNXRUNTIME_ROOT={tmp_path / 'nowhere'}"]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode != 0 and "ONNX Runtime not found (INCLUDE)" in done.stderr
