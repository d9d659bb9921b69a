"""The programs that ``nitido pack`` writes, on shipped models: the bytes that nitido makes in Python."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
import onnxruntime as ort
import pytest
from numpy.typing import NDArray

from nitido.inference.model import load
from nitido.model_file import zoo
from nitido_export.pack.write import write_pack
from support.node_package import node_folder

pytestmark = [pytest.mark.network, pytest.mark.slow]

Clip = NDArray[np.uint8]  # frames × H × W × 3, BGR

# One of each kind: float, int8, with a noise level, recurrent, one that enlarges.
MODELS = ("denoise-n", "denoise-n.int8", "denoise-camera-n", "denoise-live-n", "upscale-x2-n")
CUT = 2


@dataclass(frozen=True)
class Work:
    """clips: of the streams. settings: strength and noise."""

    clips: Sequence[Clip]
    settings: dict[str, float] = field(default_factory=dict)

    @property
    def options(self) -> list[str]:
        given = [word for name, value in self.settings.items() for word in (f"--{name}", str(value))]
        return [*given, "--cut", str(CUT)]


class Runner(Protocol):
    """Runs a program on raw clips, in a folder of its own."""

    exact: bool
    """Whether the program uses the very library that Python uses here."""

    def __call__(self, model: Path, work: Work, folder: Path) -> list[Clip]: ...


def run(command: Sequence[object], cwd: Path) -> subprocess.CompletedProcess[bytes]:
    done = subprocess.run(list(map(str, command)), cwd=cwd, capture_output=True, timeout=120, check=False)
    assert (done.returncode, done.stderr.decode()) == (0, "")
    return done


def raw_places(work: Work, folder: Path) -> list[str]:
    """Writes the clips; returns where each is and where its result goes."""
    places: list[str] = []
    for number, clip in enumerate(work.clips):
        clip.tofile(folder / f"{number}.bgr")
        places += [f"{number}.bgr", f"{number}.out"]
    return places


def raw_results(work: Work, folder: Path, scale: int) -> list[Clip]:
    shapes = [(len(c), scale * c.shape[1], scale * c.shape[2], 3) for c in work.clips]
    return [np.fromfile(folder / f"{n}.out", np.uint8).reshape(shape) for n, shape in enumerate(shapes)]


@dataclass(frozen=True)
class Native:
    program: Path
    exact = True

    def __call__(self, model: Path, work: Work, folder: Path) -> list[Clip]:
        height, width = work.clips[0].shape[1:3]
        run([self.program, model, *raw_places(work, folder), "--size", f"{width}x{height}", *work.options], folder)
        return raw_results(work, folder, load(model, "cpu").card.scale)


@dataclass(frozen=True)
class Node:
    modules: Path
    exact = False

    def __call__(self, model: Path, work: Work, folder: Path) -> list[Clip]:
        package = folder.parent / "package"
        if not package.exists():
            write_pack(str(model), "node", package)
            (package / "node_modules").symlink_to(self.modules)
        height, width = work.clips[0].shape[1:3]
        options = ["--size", f"{width}x{height}", *work.options]
        run(["node", package / "cli.js", *raw_places(work, folder), *options], folder)
        return raw_results(work, folder, load(model, "cpu").card.scale)


class Python:
    exact = True

    def __call__(self, model: Path, work: Work, folder: Path) -> list[Clip]:
        write_pack(str(model), "python", folder / "packed")
        # Whoever imports nitido here is found out.
        (folder / "packed" / "nitido.py").write_text("raise SystemExit('nitido was imported')\n")
        places: list[str] = []
        for number, clip in enumerate(work.clips):
            for name in (f"in{number}", f"out{number}"):
                (folder / name).mkdir()
                places.append(f"{name}/%02d.png")
            for index, frame in enumerate(clip):
                cv2.imwrite(str(folder / f"in{number}" / f"{index:02}.png"), frame)
        run([sys.executable, folder / "packed" / "nitido_frame.py", model, *places, *work.options], folder)
        return [
            np.stack([np.asarray(cv2.imread(str(p)), np.uint8) for p in sorted((folder / f"out{n}").glob("*.png"))])
            for n in range(len(work.clips))
        ]


@pytest.fixture(params=["c", "cpp", "python", "node"])
def runner(request: pytest.FixtureRequest) -> Runner:
    if request.param == "python":
        return Python()
    if request.param == "node":
        return Node(node_folder(request.config) / "node_modules")
    return Native(request.getfixturevalue(f"{request.param}_program"))


@pytest.fixture(scope="module")
def clips(frame: Clip) -> list[Clip]:
    """Two streams of one size, the second shorter; what is in them moves."""
    small = frame[:97, :126]
    other = np.ascontiguousarray(small[::-1])
    return [np.stack([np.roll(one, 2 * n, 1) for n in range(count)]) for one, count in ((small, 4), (other, 3))]


def expected(path: Path, work: Work, *, cut: int | None = CUT) -> list[Clip]:
    """What nitido makes of each stream, states not moved along with the picture."""
    model = load(path, "cpu")
    results: list[Clip] = []
    for clip in work.clips:
        states, images = {}, []
        for number, frame in enumerate(clip):
            step = model.step(frame[None], {} if number == cut else states, **work.settings)
            states = step.states
            images.append(step.images[0])
        results.append(np.stack(images))
    return results


@pytest.mark.parametrize("name", MODELS)
def test_a_program_makes_the_bytes_that_nitido_makes(
    runner: Runner, name: str, clips: list[Clip], tmp_path: Path
) -> None:
    path = zoo.find(name)
    model = load(path, "cpu")
    settings = ({"strength": 0.8} if model.has_strength else {}) | ({"noise": 6.0} if model.has_noise else {})
    plain = [load(path, "cpu")(clips[0][0])]
    for number, work in enumerate([Work(clips, settings), Work(clips)] if settings else [Work(clips)]):
        folder = tmp_path / str(number)
        folder.mkdir()
        found, wanted = runner(path, work, folder), expected(path, work)
        for one, other in zip(found, wanted, strict=True):
            assert one.shape == other.shape
            off = np.abs(one.astype(int) - other)
            assert off.max() <= (0 if runner.exact else 1)
            assert np.ptp(one) > 100  # a picture, not a constant that happens to fit
        if work.settings:
            assert not np.array_equal(found[0][0], plain[0])  # so the settings were fed
    if model.recurrent:
        assert not np.array_equal(wanted[0], expected(path, work, cut=None)[0])  # so the cut was seen


@pytest.mark.parametrize("target", ["c", "cpp", "node"])
def test_a_frame_from_a_pipe_is_answered_before_the_next_one_comes(
    target: str, request: pytest.FixtureRequest, clips: list[Clip], tmp_path: Path
) -> None:
    path, clip = zoo.find("denoise-live-n"), clips[0]
    size = f"{clip.shape[2]}x{clip.shape[1]}"
    if target == "node":
        write_pack(str(path), "node", tmp_path / "package")
        (tmp_path / "package" / "node_modules").symlink_to(node_folder(request.config) / "node_modules")
        command = ["node", tmp_path / "package" / "cli.js"]
    else:
        command = [request.getfixturevalue(f"{target}_program"), path]
    arguments = [*command, "-", "-", "--size", size, "--cut", CUT]
    wanted = expected(path, Work([clip]))[0]
    pipe = subprocess.PIPE
    with subprocess.Popen(list(map(str, arguments)), stdin=pipe, stdout=pipe, stderr=pipe) as process:
        assert process.stdin is not None and process.stdout is not None and process.stderr is not None
        for frame, image in zip(clip, wanted, strict=True):
            process.stdin.write(frame.tobytes())
            process.stdin.flush()
            found = np.frombuffer(process.stdout.read(image.nbytes), np.uint8).reshape(image.shape)
            assert np.abs(found.astype(int) - image).max() <= 1
        process.stdin.write(b"half a frame")
        process.stdin.close()
        assert process.stdout.read() == b""
        said = process.stderr.read().decode()
        assert "12" in said and "check --size" in said and len(said.splitlines()) == 1
    assert process.returncode == 1


def test_python_writes_raw_frames_to_a_pipe_and_a_video_to_a_file(clips: list[Clip], tmp_path: Path) -> None:
    packed = tmp_path / "packed"
    write_pack("denoise-n", "python", packed)
    program, model = packed / "nitido_frame.py", packed / "denoise-n.onnx"
    done = run([sys.executable, program, model, packed / "frame.png", "-"], tmp_path)
    result = np.asarray(cv2.imread(str(packed / "expected.png")), np.uint8)
    assert done.stdout == result.tobytes()
    run([sys.executable, program, model, packed / "frame.png", "out.avi"], tmp_path)
    there, frame = cv2.VideoCapture(str(tmp_path / "out.avi")).read()
    assert there and np.abs(np.asarray(frame, np.uint8).astype(int) - result).mean() < 10  # the codec is lossy


REFUSED = [
    ("missing.bgr out.bgr --size 8x8", "missing.bgr"),
    ("in.bgr out.bgr --size 8x9", "check --size"),
    ("in.bgr out.bgr --size 8", "--size"),
    ("in.bgr out.bgr --size 8x8 --noise 4", "the model has no setting noise; leave it out"),
    ("in.bgr out.bgr --size 8x8 --strength 1", "the model has no setting strength; leave it out"),
    ("in.bgr - --size 8x8", "- -"),
    ("in.bgr", "usage"),
]


@pytest.mark.parametrize("target", ["cpp", "node"])
def test_what_a_program_cannot_do_is_one_line_and_leaves_no_file(
    target: str, request: pytest.FixtureRequest, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = zoo.find("upscale-x2-n")  # has neither a strength nor a noise level
    if target == "node":
        package = tmp_path_factory.mktemp("node") / "package"
        write_pack(str(path), "node", package)
        (package / "node_modules").symlink_to(node_folder(request.config) / "node_modules")
        command: list[object] = ["node", package / "cli.js"]
    else:
        command = [request.getfixturevalue(f"{target}_program"), path]
    (tmp_path / "in.bgr").write_bytes(bytes(192))
    for line, message in REFUSED:
        words = [*map(str, command), *line.split()]
        done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode in (1, 2) and message in done.stderr, line
        assert len(done.stderr.splitlines()) == 1 and done.stdout == "", line
        assert [entry.name for entry in tmp_path.iterdir()] == ["in.bgr"], line


def test_ctest_compares_the_cpp_program_with_python(cpp_program: Path, tmp_path: Path) -> None:
    folder = cpp_program.parents[1]
    test = ["ctest", "--test-dir", str(cpp_program.parent)]
    assert subprocess.run(test, capture_output=True, timeout=60, check=False).returncode == 0
    spoilt = bytearray((folder / "expected.ppm").read_bytes())
    spoilt[-1] = (spoilt[-1] + 128) % 256
    (tmp_path / "spoilt.ppm").write_bytes(spoilt)
    command = [cpp_program, folder / "denoise.onnx", folder / "frame.ppm", tmp_path / "out.ppm", "--expect"]
    done = subprocess.run([*command, tmp_path / "spoilt.ppm"], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1 and "of 255 levels, expected at most 1" in done.stderr
    assert not (tmp_path / "out.ppm").exists()


# Stands in for a library that does not know the API that the program was built with.
OLDER = """
#include <onnxruntime_c_api.h>
static const OrtApi *get_api(uint32_t version) { (void)version; return NULL; }
static const char *version(void) { return "1.20.1"; }
static const OrtApiBase base = {get_api, version};
const OrtApiBase *OrtGetApiBase(void) NO_EXCEPTION { return &base; }
"""


def test_the_cpp_program_names_an_older_library(cpp_program: Path, onnxruntime_root: Path, tmp_path: Path) -> None:
    (tmp_path / "older.c").write_text(OLDER)
    (tmp_path / "versions").write_text(f"VERS_{ort.__version__} {{ global: OrtGetApiBase; local: *; }};\n")
    library = ["cc", "-shared", "-fPIC", f"-I{onnxruntime_root / 'include'}", "-Wl,--version-script=versions"]
    run([*library, "-o", "libonnxruntime.so.1", "older.c"], tmp_path)
    done = subprocess.run(
        [cpp_program, "model.onnx", "in.ppm", "out.ppm"],
        env={"LD_LIBRARY_PATH": str(tmp_path)}, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 1
    assert "the ONNX Runtime library found is 1.20.1, expected 1.29 or later" in done.stderr


def test_every_readme_is_filled_in(tmp_path: Path) -> None:
    for target in ("c", "cpp", "python", "node"):
        for name in ("denoise-live-n", "upscale-x2-n"):
            write_pack(name, target, tmp_path / target / name)
            readme = (tmp_path / target / name / "README.md").read_text()
            assert f"{name}.onnx" in readme and "ThirdPartyNotices.txt" in readme and "$" not in readme
            assert ("--cut" in readme) == (name == "denoise-live-n")


def test_python_refuses_what_the_model_does_not_take_in_one_line(tmp_path: Path) -> None:
    write_pack("upscale-x2-n", "python", tmp_path / "packed")
    command = [sys.executable, "nitido_frame.py", "upscale-x2-n.onnx", "frame.png", "out.png", "--noise", "4"]
    done = subprocess.run(command, cwd=tmp_path / "packed", capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (1, "the model has no setting noise; leave it out\n")
    assert not (tmp_path / "packed" / "out.png").exists()
