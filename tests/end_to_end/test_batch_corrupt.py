"""Damaged files by the hundred: each is done or has its line, none takes the run down.

NITIDO_CORRUPT sets how many (default 60; the full test takes 1000).
"""

from __future__ import annotations

import io
import json
import os
import random
from pathlib import Path

import cv2
import numpy as np
import pytest

from nitido.images.encode import SUFFIX_OF
from nitido.images.io import Picture, encode_picture, read_picture
from nitido.images.metadata import Metadata
from support.commands import nitido_process
from support.paths import SAMPLES

pytestmark = pytest.mark.slow

CORRUPT = int(os.environ.get("NITIDO_CORRUPT", "60"))


def originals() -> list[tuple[str, bytes]]:
    """(suffix, content) of real photographs in every format, with what can be damaged in it: profile, EXIF, 16 bits."""
    photo = read_picture(SAMPLES / "coffee.webp").pixels[100:164, 100:180]
    exif = Metadata().exif_for(80, 64, "a camera")
    metadata = Metadata(exif=exif, icc=b"profile" * 30, xmp=b"<x:xmpmeta/>", dpi=(300, 300), texts={"Title": "coffee"})
    deep = np.asarray(cv2.GaussianBlur(photo.astype(np.uint16) * 257, (5, 5), 0), np.uint16)
    alpha = np.full(photo.shape[:2], 200, np.uint8)
    kinds = [
        Picture(photo, metadata=metadata),
        Picture(photo, alpha, metadata=metadata),
        Picture(photo, grey=True),
        Picture(photo, deep=deep, metadata=metadata),
    ]
    found: list[tuple[str, bytes]] = []
    for picture in kinds:
        for kind, suffix in SUFFIX_OF.items():
            if kind == "pgm" and not picture.grey:
                continue  # it holds no colours
            stream = io.BytesIO()
            encode_picture(picture, kind, stream)
            found.append((suffix, stream.getvalue()))
    return found


def damaged(data: bytes, rng: random.Random) -> bytes:
    """One kind of damage: bits flipped, a piece cut off, cut out, overwritten or repeated."""
    content = bytearray(data)
    at = rng.randrange(len(content)) if rng.random() < 0.5 else rng.randrange(min(200, len(content)))
    length = rng.choice([1, 2, 4, 16, 200])
    match rng.randrange(6):
        case 0:
            for _ in range(rng.choice([1, 3, 20])):
                content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
        case 1:
            del content[at:]
        case 2:
            del content[at : at + length]
        case 3:
            content[at : at + length] = rng.randbytes(length)
        case 4:
            content[at : at + length] = b"\xff" * length
        case _:
            content[at:at] = content[at : at + length] * 3
    return bytes(content)


def test_damaged_files_are_done_or_reported_in_a_line_each(tiny_models: dict[str, Path], tmp_path: Path) -> None:
    rng = random.Random(20)
    folder, out, sources = tmp_path / "in", tmp_path / "out", originals()
    folder.mkdir()
    for number in range(CORRUPT):
        suffix, data = sources[number % len(sources)]
        (folder / f"{number:04}{suffix}").write_bytes(damaged(data, rng))
    (folder / "good.png").write_bytes(sources[1][1])
    report = tmp_path / "report.json"
    arguments = ["--model", tiny_models["denoise"], "--report", report]

    run = nitido_process("denoise", folder, "-o", out, *arguments)

    assert run.returncode == 1, run.stderr
    told = json.loads(report.read_text())
    assert len(told["done"]) + len(told["failed"]) == CORRUPT + 1
    assert len(told["failed"]) > CORRUPT / 5
    assert str(out / "good.png") in told["done"]
    lines = [line for line in run.stderr.splitlines() if line.startswith("failed: ")]
    assert len(lines) == len(told["failed"])
    assert "Traceback" not in run.stderr and "unexpected" not in run.stderr
    for path in told["done"]:
        read_picture(Path(path))  # whatever was done is a whole picture
    assert not list(out.rglob("*.partial.*"))
    assert sorted(p.name for p in out.iterdir() if p.name[0] != ".") == sorted(Path(p).name for p in told["done"])
