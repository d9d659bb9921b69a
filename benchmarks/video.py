"""What writing a video costs and loses: a clip with noise through a model, into a file, and read back.

    python benchmarks/video.py CLIP [--model NAME] [--frames N] [--quality Q]

Prints, for each codec at its quality: the PSNR of the model's frames and of the frames read back against the clean
clip, the loss between the two, the PSNR of what was read back against the model's frames, CPU milliseconds per frame of
writing and of reading, and kilobytes. Sizes are cut to at most 640×480.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import numpy as np

import nitido
from nitido.errors import SinkUnavailable
from nitido.frames import Frame
from nitido.video.formats import Encoding
from nitido.video.reader import VideoSource
from nitido.video.writer import VideoSink

_SIGMA = 15.0  # of the noise, in grey levels
_KINDS = ((".mp4", None), (".mp4", "h265"), (".mp4", "av1"), (".webm", None), (".avi", None), (".mkv", "ffv1"))


def mean_psnr(expected: Sequence[Frame], found: Sequence[Frame]) -> float:
    """In dB, the mean over frames."""
    errors = [float(np.mean((a.astype(np.float64) - b) ** 2)) for a, b in zip(expected, found, strict=True)]
    return float(np.mean([10 * np.log10(255**2 / max(error, 1e-9)) for error in errors]))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("clip", type=Path)
    parser.add_argument("--model", default="denoise-n.int8")
    parser.add_argument("--frames", type=int, default=40)
    parser.add_argument("--quality", type=int)
    given = parser.parse_args()
    rng = np.random.default_rng(0)
    with VideoSource(given.clip) as source:
        clean = [np.ascontiguousarray(frame[:480, :640]) for frame in islice(source, given.frames)]
    model = nitido.load(given.model)
    noisy = [np.clip(frame + rng.normal(0, _SIGMA, frame.shape), 0, 255).round().astype(np.uint8) for frame in clean]
    began = time.process_time()
    made = [model(frame) for frame in noisy]
    cost = 1000 * (time.process_time() - began) / len(made)
    best = mean_psnr(clean, made)
    print(
        f"{given.model}: noisy {mean_psnr(clean, noisy):.2f} dB, restored {best:.2f} dB, {cost:.1f} ms of CPU per frame"
    )
    print(f"{'file':12}{'read back':>11}{'loss':>7}{'to model':>10}{'write ms':>10}{'read ms':>9}{'kB':>8}")
    with tempfile.TemporaryDirectory() as folder:
        for suffix, codec in _KINDS:
            path = Path(folder) / f"clip{suffix}"
            name = f"{suffix} {codec or ''}"
            began = time.process_time()
            try:
                with VideoSink(path, 30, encoding=Encoding(codec, given.quality)) as sink:
                    for frame in made:
                        sink.write(frame)
            except SinkUnavailable as error:
                print(f"{name:12}{error}")
                continue
            writing = 1000 * (time.process_time() - began) / len(made)
            began = time.process_time()
            with VideoSource(path) as source:
                back = list(source)
            reading = 1000 * (time.process_time() - began) / len(made)
            found = mean_psnr(clean, back)
            size = path.stat().st_size // 1000
            print(
                f"{name:12}{found:8.2f} dB{best - found:7.2f}{mean_psnr(made, back):7.2f} dB"
                f"{writing:10.1f}{reading:9.1f}{size:8d}"
            )


if __name__ == "__main__":
    main()
