"""The page of the table "Video"."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from footage.clips import CLIPS, CONDITIONS, TUNED_ON
from footage.measures import Measures
from footage.results import Results

KINDS = tuple(dict.fromkeys(clip.kind for clip in CLIPS))


def render(results: Results, command: str) -> str:
    """Markdown. command: what makes it."""
    parts = [_INTRODUCTION.format(command=command, tuned=", ".join(TUNED_ON))]
    names = _methods(results)
    for condition in CONDITIONS:
        given = [name for name in names if any(results.find(name, c.name, condition) for c in CLIPS)]
        if given:
            parts += [f"## {condition}", _table(results, given, condition), _by_clip(results, given, condition)]
    if results.times:
        rows = [f"| {name} | {value:.2f} |" for name, value in results.times.items()]
        parts += [
            "## Time",
            "Time of a frame, as a multiple of the first row.",
            "\n".join(["| | |", "|---|--:|", *rows]),
        ]
    if results.missing:
        parts += ["## Left out", "\n".join(f"- {line}" for line in results.missing)]
    return "\n\n".join(parts) + "\n"


def _methods(results: Results) -> list[str]:
    return list(dict.fromkeys(key.split(" | ")[0] for key in results.rows))


def _table(results: Results, names: Sequence[str], condition: str) -> str:
    """PSNR by kind of clip, and how steady they are."""
    head = ["", *KINDS, "frame 1", "frame 8", "flicker", "pulsing"]
    lines = [_line(head), _line(["---", *["--:"] * (len(head) - 1)])]
    for name in names:
        cells = [
            _mean(results, name, condition, lambda m: m.settled, 2, [c.name for c in CLIPS if c.kind == kind])
            for kind in KINDS
        ]
        every = [clip.name for clip in CLIPS]
        cells.append(_mean(results, name, condition, lambda m: m.psnr[0], 2, every))
        cells.append(_mean(results, name, condition, lambda m: m.psnr[7], 2, every))
        cells.append(_mean(results, name, condition, lambda m: m.flicker, 2, every))
        cells.append(_mean(results, name, condition, lambda m: m.pulsing, 3, every))
        lines.append(_line([name, *cells]))
    return "\n".join(lines)


def _by_clip(results: Results, names: Sequence[str], condition: str) -> str:
    clips = [clip.name for clip in CLIPS if any(results.find(name, clip.name, condition) for name in names)]
    lines = ["Frames 12 and later, by clip:\n", _line(["", *clips]), _line(["---", *["--:"] * len(clips)])]
    for name in names:
        cells = [_mean(results, name, condition, lambda m: m.settled, 2, [clip]) for clip in clips]
        lines.append(_line([name, *cells]))
    return "\n".join(lines)


def _mean(
    results: Results,
    name: str,
    condition: str,
    value: Callable[[Measures], float | None],
    digits: int,
    clips: Sequence[str],
) -> str:
    """The mean over those clips that say something; a dash where one of them was not measured."""
    rows = [results.find(name, clip, condition) for clip in clips]
    if any(row is None for row in rows):
        return "–"
    found = [number for row in rows if row is not None and (number := value(row)) is not None]
    return f"{np.mean(found):.{digits}f}" if found else "–"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


_INTRODUCTION = """# Benchmarks: video

Denoisers on clips. This page is written by `{command}`.

- **Clips**: six of DAVIS, two from a moving camera, one from a static camera, four of a webcam. Each has 22 frames;
  wide ones are halved. No model was trained on them. The settings of `--temporal` were chosen on other clips, with two
  exceptions: `bedroom` and `car-shadow` showed that long and uneven motion has to count less. How much of each frame
  restored alone is used was chosen on seven other clips and on `camel`, `car-shadow`, `dance-twirl`, `parkour`,
  `coffee` and `bedroom`.
- **Noise** is drawn for each frame: that of a camera at a middle and a high gain, compressed as JPEG, and white noise
  of three levels. With MJPEG the clips have different qualities.
- **PSNR** is in dB, of all channels. It is the mean of frames 12 and later unless the column says otherwise.
- **flicker** is the mean of |Δoutput − Δclean| from frame to frame, in 8-bit levels, where the clean clip stands still.
- **pulsing** is how much the mean error of a static block of 16×16 pixels varies over time: the standard deviation of
  its luma, in 8-bit levels.
- **Other tools** got raw frames through pipes. Their strength was chosen for each condition on the middle of every
  fifth clip ({tuned}).
- **past and future** is `nitido denoise --temporal`, which sees 6 frames ahead. MVTools' Degrain3 sees 3 frames ahead,
  `atadenoise` 4, `fftdnoiz` 1."""
