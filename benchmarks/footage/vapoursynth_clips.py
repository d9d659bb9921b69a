"""MVTools and DFTTest of VapourSynth, in an environment of their own: they need Python 3.12 and packages that nothing
else here does.

    python3.13 -m venv FOLDER && FOLDER/bin/pip install vapoursynth vapoursynth-mvtools vapoursynth-dfttest2-cpu numpy
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nitido.frames import Frame

PLUGINS = {"Degrain3": "core.mv.Degrain3", "dfttest": "core.dfttest2_cpu"}

# Runs in that environment. Frames come and go as raw BGR through pipes; VapourSynth sees planes of RGB or YUV 4:4:4.
_SCRIPT = """
import sys
import numpy as np
import vapoursynth as vs
core = vs.core
count, height, width = (int(n) for n in sys.argv[1:4])
what, value = sys.argv[4], float(sys.argv[5])
data = np.frombuffer(sys.stdin.buffer.read(), np.uint8).reshape(count, height, width, 3)
blank = core.std.BlankClip(width=width, height=height, format=vs.RGB24, length=count, fpsnum=30)
def fill(n, f):
    made = f.copy()
    for plane in range(3):
        np.asarray(made[plane])[:] = data[n, :, :, 2 - plane]
    return made
given = core.std.ModifyFrame(blank, blank, fill)
clip = core.resize.Bicubic(given, format=vs.YUV444P16 if what == "dfttest" else vs.YUV444P8, matrix_s="709")
if what == "Degrain3":
    soft = core.std.Convolution(clip, [1, 2, 1, 2, 4, 2, 1, 2, 1])
    found, shown = core.mv.Super(soft, pel=2), core.mv.Super(clip, pel=2, levels=1)
    vectors = []
    for far in (1, 2, 3):
        for back in (True, False):
            v = core.mv.Analyse(found, blksize=16, overlap=8, isb=back, delta=far)
            vectors.append(core.mv.Recalculate(found, v, blksize=8, overlap=4, thsad=100))
    clip = core.mv.Degrain3(clip, shown, *vectors, thsad=value, thsadc=value)
else:
    from dfttest2 import DFTTest2, Backend
    clip = DFTTest2(clip, sigma=value, tbsize=5, sbsize=12, sosize=8, backend=Backend.CPU())
out = core.resize.Bicubic(clip, format=vs.RGB24, matrix_in_s="709")
for frame in out.frames():
    planes = np.stack([np.asarray(frame[2 - plane]) for plane in range(3)], axis=-1)
    sys.stdout.buffer.write(np.ascontiguousarray(planes).tobytes())
"""


@dataclass(frozen=True)
class VapourSynthFilter:
    """One of ``PLUGINS`` as a function from frames to frames, uint8 H×W×3 BGR. python: of the environment that has
    VapourSynth. value: threshold or sigma. Raises ``RuntimeError`` with what it said."""

    python: Path
    name: str
    value: float

    def __call__(self, frames: Sequence[Frame]) -> list[Frame]:
        height, width = frames[0].shape[:2]
        given = b"".join(np.ascontiguousarray(frame).tobytes() for frame in frames)
        arguments = [str(n) for n in (len(frames), height, width, self.name, self.value)]
        done = subprocess.run([str(self.python), "-c", _SCRIPT, *arguments], input=given, capture_output=True)
        if done.returncode or len(done.stdout) != len(given):
            raise RuntimeError(f"{self.name} failed: {done.stderr.decode(errors='replace').strip()[-300:]}")
        return list(np.frombuffer(done.stdout, np.uint8).reshape(len(frames), height, width, 3))


def missing(python: Path | None, name: str) -> str | None:
    """Why one of ``PLUGINS`` cannot run; ``None`` where it can."""
    if python is None:
        return f"{name}: no environment with VapourSynth; see --vapoursynth"
    probe = f"import vapoursynth; core = vapoursynth.core; {PLUGINS[name]}"
    if name == "dfttest":
        probe += "; import dfttest2"
    done = subprocess.run([str(python), "-c", probe], capture_output=True, text=True)
    return None if done.returncode == 0 else f"{name}: {(done.stderr.strip().splitlines() or ['no reason'])[-1]}"
