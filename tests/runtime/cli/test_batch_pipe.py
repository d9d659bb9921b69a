"""``-``: a picture from standard input, a picture to standard output, and nothing else there."""

from __future__ import annotations

import io
import json
import shlex
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nitido.images.io import read_picture
from support.commands import command, nitido


@pytest.fixture
def model(tiny_models: dict[str, Path]) -> list[object]:
    return ["--model", tiny_models["denoise"]]


def content(kind: str = "JPEG") -> bytes:
    stream = io.BytesIO()
    Image.fromarray(np.random.default_rng(1).integers(0, 256, (24, 40, 3), dtype=np.uint8)).save(stream, kind)
    return stream.getvalue()


def piped(given: bytes, *arguments: object) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(command(*arguments), input=given, capture_output=True, check=False, timeout=120)


def test_standard_input_to_standard_output_is_png_by_default(model: list[object]) -> None:
    run = piped(content(), "denoise", "-", "-o", "-", *model)
    assert (run.returncode, run.stderr) == (0, b"")
    assert run.stdout.startswith(b"\x89PNG") and run.stdout.endswith(b"IEND\xaeB`\x82")
    assert read_picture(run.stdout).pixels.shape == (24, 40, 3)


def test_the_format_may_be_chosen_and_files_may_stand_on_either_side(model: list[object], tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(content())
    run = piped(b"", "denoise", tmp_path / "a.jpg", "-o", "-", "--format", "ppm", *model)
    assert run.returncode == 0 and run.stdout.startswith(b"P6\n40 24\n255\n")
    assert len(run.stdout) == len(b"P6\n40 24\n255\n") + 40 * 24 * 3
    into = piped(content("PNG"), "denoise", "-", "-o", tmp_path / "b.webp", *model, "--report", tmp_path / "r.json")
    assert (into.returncode, into.stdout) == (0, b"")
    assert read_picture(tmp_path / "b.webp").pixels.shape == (24, 40, 3)
    assert json.loads((tmp_path / "r.json").read_text())["done"] == [str(tmp_path / "b.webp")]
    again = piped(content("PNG"), "denoise", "-", "-o", tmp_path / "b.webp", *model)
    assert again.returncode == 1 and b"exists" in again.stderr and again.stderr.count(b"\n") == 1
    assert piped(content("PNG"), "denoise", "-", "-o", tmp_path / "b.webp", "--overwrite", *model).returncode == 0


@pytest.mark.parametrize(
    ("given", "said"), [(b"", "is empty"), (b"hello", "not a picture"), (content()[:400], "is the file complete")]
)
def test_what_is_not_a_picture_is_one_line_and_nothing_comes_out(given: bytes, said: str, model: list[object]) -> None:
    run = piped(given, "denoise", "-", "-o", "-", *model)
    assert (run.returncode, run.stdout) == (1, b"")
    lines = run.stderr.decode().splitlines()
    assert len(lines) == 1 and lines[0].startswith("failed: ") and said in lines[0] and "standard input" in lines[0]


def test_notes_go_to_stderr(model: list[object]) -> None:
    stream = io.BytesIO()
    others = [Image.new("RGB", (8, 8))]
    Image.new("RGB", (16, 16), 90).save(stream, "MPO", save_all=True, append_images=others)
    run = piped(stream.getvalue(), "denoise", "-", "-o", "-", *model)
    assert run.stderr == b"note: standard input: 1 more picture in the file left out, the first one is used\n"
    assert run.stdout.startswith(b"\x89PNG")


def test_a_reader_that_has_gone_is_one_line(model: list[object], tmp_path: Path) -> None:
    Image.fromarray(np.random.default_rng(1).integers(0, 256, (300, 400, 3), dtype=np.uint8)).save(tmp_path / "a.png")
    arguments = command("denoise", tmp_path / "a.png", "-o", "-", *model)
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.close()
        said = process.stderr.read().decode().splitlines()
    assert process.returncode == 1
    assert len(said) == 1 and "cannot write to standard output" in said[0]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["-", "a.png", "-o", "-"], "expected one picture as input with -"),
        (["{tmp}", "-o", "-"], "expected one picture as input with -"),
        (["-", "-o", "{tmp}"], "expected the name of a picture or - as -o"),
        (["-", "-o", "x.mp4"], "expected the name of a picture or - as -o"),
        (["-", "-o", "x.png", "--format", "jpeg"], "does not name a jpeg file"),
        (["-", "-o", "-", "--watch"], "cannot be combined with -"),
        (["-", "-o", "-", "--dry-run"], "cannot be combined with -"),
        (["-", "-o", "-", "--lossless", "--format", "jpeg"], "cannot be lossless"),
    ],
)
def test_wrong_usage_is_said(model: list[object], tmp_path: Path, arguments: list[str], said: str) -> None:
    run = nitido("denoise", *[a.format(tmp=tmp_path) for a in arguments], *model)
    assert run.returncode == 2 and said in run.stderr


def test_a_closed_standard_output_is_wrong_usage(tmp_path: Path, model: list[object]) -> None:
    (tmp_path / "a.jpg").write_bytes(content())
    line = f"{shlex.join(command('denoise', tmp_path / 'a.jpg', '-o', '-', *model))} >&-"
    done = subprocess.run(["sh", "-c", line], stderr=subprocess.PIPE, text=True, timeout=120)
    assert done.returncode == 2 and "standard output, which is closed" in done.stderr
