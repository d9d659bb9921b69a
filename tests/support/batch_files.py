"""Running a batch as a user does, and pictures to run it on."""

from __future__ import annotations

import io
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import cv2
import numpy as np

from nitido.cli.main import main
from support.paths import SAMPLES

_MAIN = "from nitido.cli.main import main; main()"


def command(*arguments: object) -> list[str]:
    """``nitido ARGUMENTS…`` by this interpreter."""
    return [sys.executable, "-c", _MAIN, *map(str, arguments)]


def nitido(*arguments: object) -> subprocess.CompletedProcess[str]:
    """What the command printed and exited with, run in this process, which saves starting one."""
    out, err, given = io.StringIO(), io.StringIO(), sys.argv
    words = ["nitido", *map(str, arguments)]
    sys.argv = words
    try:
        with redirect_stdout(out), redirect_stderr(err):
            main()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0
    finally:
        sys.argv = given
    return subprocess.CompletedProcess(words, code, out.getvalue(), err.getvalue())


def nitido_process(*arguments: object, timeout: float = 120) -> subprocess.CompletedProcess[str]:
    """The same in a process of its own."""
    return subprocess.run(command(*arguments), capture_output=True, text=True, timeout=timeout, check=False)


def crops(folder: Path, count: int, side: int = 48) -> list[Path]:
    """Small JPEG and PNG crops of real photographs, all different, some in a subfolder."""
    photos = [cv2.imread(str(path)) for path in sorted(SAMPLES.glob("*.webp"))]
    (folder / "sub").mkdir(parents=True)
    paths: list[Path] = []
    for number in range(count):
        photo = np.asarray(photos[number % len(photos)])
        top, left = 7 * number % (photo.shape[0] - side), 11 * number % (photo.shape[1] - side)
        name = f"{number:04}.{'png' if number % 2 else 'jpg'}"
        paths.append((folder / "sub" if number % 3 == 0 else folder) / name)
        cv2.imwrite(str(paths[-1]), photo[top : top + side, left : left + side])
    return paths
