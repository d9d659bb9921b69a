"""denoise-n beside OpenCV's non-local means, on the same noisy pictures in one run.

    python benchmarks/denoise.py --data FOLDER [--sigma 25] [--json FILE]

Non-local means is tuned on the very set it is then measured on: the best h of a grid, which favours it.
Time: median over alternating 640×480 frames. Do not run it beside other work.
"""

from __future__ import annotations

import json
import statistics
import time
from pathlib import Path

import click
import cv2
import numpy as np

import nitido
from nitido_export.evaluate import read_pictures
from nitido_train.degrade import Picture, add_gaussian, noisy
from nitido_train.metrics import psnr


def nlm(picture: Picture, h: float) -> Picture:
    return np.asarray(cv2.fastNlMeansDenoisingColored(picture, None, h, h, 7, 21), np.uint8)


def mean_psnr(results: list[Picture], clean: list[Picture]) -> float:
    return float(np.mean([psnr(r, c) for r, c in zip(results, clean, strict=True)]))


@click.command()
@click.option("--data", type=click.Path(path_type=Path, exists=True), required=True, help="Folder of clean pictures.")
@click.option("--sigma", default=25, show_default=True)
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Also write the table here.")
def main(data: Path, sigma: int, json_path: Path | None) -> None:
    model = nitido.load("denoise", "cpu")
    clean = read_pictures(data)
    given = noisy(clean, sigma)
    few = slice(None, None, 6)
    tuned = max(
        (sigma * k for k in (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 1.0)),
        key=lambda h: mean_psnr([nlm(p, h) for p in given[few]], clean[few]),
    )
    frame = np.asarray(cv2.resize(clean[0], (640, 480)), np.uint8)
    frame = add_gaussian(frame, sigma, np.random.default_rng(0))
    times: dict[str, list[float]] = {"nitido": [], "nlm": []}
    model(frame)
    for _ in range(9):
        for name, run in (("nitido", model), ("nlm", lambda f: nlm(f, tuned))):
            began = time.perf_counter()
            run(frame)
            times[name].append(1000 * (time.perf_counter() - began))
    rows = {
        "noisy": {"psnr": mean_psnr(given, clean)},
        f"OpenCV NLM h={tuned:g}": {
            "psnr": mean_psnr([nlm(p, tuned) for p in given], clean),
            "ms_vga": statistics.median(times["nlm"]),
        },
        model.card.name: {
            "psnr": mean_psnr([model(p) for p in given], clean),
            "ms_vga": statistics.median(times["nitido"]),
            "macs_per_pixel": model.card.macs_per_pixel,
        },
    }
    ratio = statistics.median(b / a for a, b in zip(times["nitido"], times["nlm"], strict=True))
    print(f"{data.name}, Gaussian sigma {sigma} on uint8, {len(clean)} pictures")
    for name, row in rows.items():
        extra = f"{row['ms_vga']:8.1f} ms/VGA frame" if "ms_vga" in row else ""
        macs = f"  {row['macs_per_pixel']:.0f} MAC/pixel" if "macs_per_pixel" in row else ""
        print(f"  {name:22} {row['psnr']:6.2f} dB {extra}{macs}")
    print(f"  {model.card.name} takes 1/{ratio:.1f} of the time of NLM (median of paired runs)")
    if json_path:
        json_path.parent.mkdir(parents=True, exist_ok=True)
        json_path.write_text(json.dumps({"set": data.name, "sigma": sigma, "rows": rows, "ratio": ratio}, indent=2))


if __name__ == "__main__":
    main()
