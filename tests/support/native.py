"""ONNX Runtime as C and C++ programs find it, and how packed programs are built."""

from __future__ import annotations

import base64
import hashlib
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import onnxruntime as ort
import pytest

from support.npm import keep, npm

# The wheel has the library but no headers. This package repeats those of the official iOS archive, which are the same
# on every system; API 29 of it is older than the library, as on a device that was updated.
HEADERS = "com.github.asus4.onnxruntime@0.4.9"
HEADERS_SHA512 = "BkzxduSZ9IkeDP6Q8lz2TFU2ie7hSSvS7ZIfzMooExoq0CNzJnuuGaUJ7IsojBgqO4ouD1jXah8OYyJbCN29Fg=="


def onnxruntime_folder(config: pytest.Config, root: Path) -> Path:
    """Fills ``root`` as a release archive unpacks: include/ and lib/. Skips the test when it cannot be had."""
    missing = [name for name in ("cc", "c++", "cmake", "ctest") if shutil.which(name) is None]
    if missing:
        pytest.skip(f"C and C++ compilers and CMake are needed, missing: {', '.join(missing)}")
    library = next((Path(ort.__file__).parent / "capi").glob("libonnxruntime.so.*"), None)
    if library is None or not sys.platform.startswith("linux"):
        pytest.skip(f"the onnxruntime {ort.__version__} wheel has no C library on {sys.platform}")
    headers = keep(config, f"onnxruntime-headers-{HEADERS_SHA512[:8]}", _fetch_headers)
    (root / "include").symlink_to(headers)
    (root / "lib").mkdir()
    (root / "lib" / "libonnxruntime.so.1").symlink_to(library)
    (root / "lib" / "libonnxruntime.so").symlink_to("libonnxruntime.so.1")
    return root


def _fetch_headers(folder: Path) -> None:
    npm("pack", HEADERS, cwd=folder)
    (archive,) = folder.glob("*.tgz")
    digest = hashlib.sha512(archive.read_bytes()).digest()
    assert base64.b64encode(digest).decode() == HEADERS_SHA512, f"{HEADERS} is not the archive that was reviewed"
    with tarfile.open(archive) as packed:
        for member in packed:
            path = Path(member.name)
            if path.suffix == ".h" and path.parent.name == "Headers" and "ios-arm64" in path.parts:
                content = packed.extractfile(member)
                assert content is not None
                (folder / path.name).write_bytes(content.read())
    archive.unlink()
    assert (folder / "onnxruntime_c_api.h").is_file()


def build(folder: Path, onnxruntime_root: Path, *flags: str) -> Path:
    """Builds a pack as its README says, warnings being errors, and returns the program."""
    configure = ["cmake", "-S", folder, "-B", folder / "build", f"-DONNXRUNTIME_ROOT={onnxruntime_root}"]
    warnings = " ".join(["-Werror", "-Wshadow", "-Wconversion", *flags])
    # CMake warns of a variable for a language that a project does not have.
    languages = f"-DCMAKE_{'CXX' if (folder / 'nitido.hpp').exists() else 'C'}_FLAGS={warnings}"
    for command in ([*configure, languages], ["cmake", "--build", folder / "build"]):
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=240, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    return folder / "build" / "nitido-frame"
