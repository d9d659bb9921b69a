"""Boards of anomaly.py: reconstruction, PCA and a median filter on printed circuit boards with faults."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from sklearn.decomposition import PCA
from sklearn.metrics import roc_auc_score

from nitido.anomaly.reconstruction import Reconstruction
from nitido.anomaly.threshold import Heat, Measure
from nitido.frames import Frame

PLACES = """
00041024 00041056 00041088 00041120 00041152 00041184 12000052 12100021 12100053 12100140 12100172 12300063
12300125 12300234 13000017 13000049 13000081 13000113 13000145 13000177 13000201 13000209 20085025 20085065
20085073 20085121 20085161 20085209 20085217 20085249 20085257 20085305 44000040 44000048 44000073 44000081
50600016 50600048 77000033 77000081 77000089 90100025 90100061
"""
# How the names of good pictures begin that are not trained on, by the split.
HELD_OUT = {"places": tuple(PLACES.split()), "families": ("12300", "44000", "50600", "90100")}
SHOWN = """
00041003 00041099 00041147 00041195 00041219 13000148 44000026 44000101 50600011 50600059 77000004 77000052
77000076 77000100 92000015 92000039 92000063 92000087 92000111
"""
# Faulty pictures that show what a picture to learn from shows too.
TWINS = {"places": tuple(SHOWN.split()), "families": ()}
SIDE = 32
BOXES, APART = 10, 8

CHOSEN_BY = "image_no_twins", "box", "box_on_edges"

Box = tuple[int, int, int, int]  # left, top, right, bottom


class Board(NamedTuple):
    name: str
    pixels: Frame
    faults: list[Box]
    places: list[tuple[Box, bool]]  # random boxes, and whether they lie on edges


def read(path: Path) -> Frame:
    picture = cv2.imread(str(path))
    if picture is None:
        raise SystemExit(f"{path} cannot be read")
    return np.asarray(picture, np.uint8)


def read_boards(folder: Path, held_out: tuple[str, ...]) -> tuple[list[Frame], list[Board], list[Board]]:
    """Good boards to learn from, held-out good ones, faulty ones."""
    good = sorted((folder / "good").glob("*.jpg"))
    learn = [read(path) for path in good if not path.name.startswith(held_out)]
    faulty: list[tuple[str, Frame, list[Box]]] = []
    for path in sorted((folder / "defect").glob("*.jpg")):
        lines = path.with_name(path.name.replace("_test.jpg", ".txt")).read_text().splitlines()
        faults = [tuple(int(v) for v in line.split()[:4]) for line in lines if line.strip()]
        faulty.append((path.name, read(path), faults))  # pyright: ignore[reportArgumentType]
    sizes = [(right - left, bottom - top) for _, _, faults in faulty for left, top, right, bottom in faults]
    rng = np.random.default_rng(0)
    others = [(path.name, read(path), []) for path in good if path.name.startswith(held_out)]
    tested, faulty_boards = (
        [Board(name, picture, faults, random_boxes(picture, faults, sizes, rng)) for name, picture, faults in boards]
        for boards in (others, faulty)
    )
    return learn, tested, faulty_boards


def random_boxes(
    picture: Frame, faults: Sequence[Box], sizes: Sequence[tuple[int, int]], rng: np.random.Generator
) -> list[tuple[Box, bool]]:
    found: list[tuple[Box, bool]] = []
    height, width = picture.shape[:2]
    while len(found) < BOXES:
        wide, tall = sizes[int(rng.integers(len(sizes)))]
        x, y = int(rng.integers(width - wide + 1)), int(rng.integers(height - tall + 1))
        near = (x - APART, y - APART, x + wide + APART, y + tall + APART)
        if any(
            left < near[2] and near[0] < right and top < near[3] and near[1] < bottom
            for left, top, right, bottom in faults
        ):
            continue
        copper = float((picture[y : y + tall, x : x + wide, 1] < 128).mean())
        found.append(((x, y, x + wide, y + tall), 0.02 < copper < 0.98))
    return found


def auroc(anomalies: Iterable[float], good: Iterable[float]) -> float:
    anomalies, good = list(anomalies), list(good)
    return float(roc_auc_score([1] * len(anomalies) + [0] * len(good), [*anomalies, *good]))


def found_and_false(good: Sequence[float], faulty: Sequence[float]) -> tuple[float, float]:
    """Shares of faulty and of other good scores above the highest of every second good one, mean of both ways."""
    halves = good[::2], good[1::2]
    above = [
        [float(np.mean([score > max(fitted) for score in scores])) for scores in (faulty, others)]
        for fitted, others in (halves, halves[::-1])
    ]
    found, false = np.mean(above, axis=0)
    return float(found), float(false)


class Timed:
    """A way to make errors of pictures, with the CPU time that it has taken. Each picture is done once."""

    def __init__(self, error: Callable[[Frame], Heat]) -> None:
        self._error, self._known, self._seconds = error, dict[int, Heat](), 0.0

    def __call__(self, picture: Frame) -> Heat:
        if id(picture) not in self._known:
            since = time.process_time()
            self._known[id(picture)] = self._error(picture)
            self._seconds += time.process_time() - since
        return self._known[id(picture)]

    @property
    def ms(self) -> float:
        return 1000 * self._seconds / len(self._known)


def measure(
    heat: Callable[[Frame], Heat], good: Sequence[Board], faulty: Sequence[Board], twins: tuple[str, ...]
) -> dict[str, float]:
    """The AUROCs of a way to make heat maps, and what a threshold finds."""
    maps = [(board, heat(board.pixels)) for board in (*good, *faulty)]

    def hottest(values: Heat, box: Box) -> float:
        return float(values[box[1] : box[3], box[0] : box[2]].max())

    inside = [hottest(values, box) for board, values in maps for box in board.faults]
    elsewhere = [(hottest(values, box), edge) for board, values in maps for box, edge in board.places]
    tops = [float(values.max()) for _, values in maps]
    alone = [
        top for (board, _), top in zip(maps, tops, strict=True) if board.faults and not board.name.startswith(twins)
    ]
    found, false = found_and_false(tops[: len(good)], tops[len(good) :])
    return {
        "image": auroc(tops[len(good) :], tops[: len(good)]),
        "image_no_twins": auroc(alone, tops[: len(good)]),
        "box": auroc(inside, (value for value, _ in elsewhere)),
        "box_on_edges": auroc(inside, (value for value, edge in elsewhere if edge)),
        "found": found,
        "false": false,
    }


def blurred(squares: Heat, blur: int) -> Heat:
    return np.asarray(cv2.blur(squares, (blur, blur)), np.float32)


def patch_pca(learn: Sequence[Frame], components: int, count: int) -> PCA:
    """count: of patches, at random places."""
    rng = np.random.default_rng(0)
    patches = np.empty((count, SIDE * SIDE), np.float32)
    for row in patches:
        grey = learn[int(rng.integers(len(learn)))][:, :, 1]
        y, x = rng.integers(grey.shape[0] - SIDE + 1), rng.integers(grey.shape[1] - SIDE + 1)
        row[:] = grey[y : y + SIDE, x : x + SIDE].reshape(-1)
    return PCA(components, svd_solver="randomized", random_state=0).fit(patches)


def pca_error(pca: PCA, components: int, picture: Frame, stride: int) -> Heat:
    """The squared error of each pixel, averaged over the patches that it lies in."""
    grey = picture[:, :, 1].astype(np.float32)
    windows = sliding_window_view(grey, (SIDE, SIDE))[::stride, ::stride]
    rows, columns = windows.shape[:2]
    patches = windows.reshape(-1, SIDE * SIDE) - pca.mean_
    axes = np.asarray(pca.components_)[:components]
    errors = np.square(patches - patches @ axes.T @ axes).reshape(rows, columns, SIDE, SIDE)
    total, count = np.zeros_like(grey), np.zeros_like(grey)
    for row in range(rows):
        for column in range(columns):
            place = slice(row * stride, row * stride + SIDE), slice(column * stride, column * stride + SIDE)
            total[place] += errors[row, column]
            count[place] += 1
    return np.asarray(total / np.maximum(count, 1), np.float32)


def median_error(size: int, picture: Frame) -> Heat:
    difference = cv2.absdiff(picture, cv2.medianBlur(picture, size)).astype(np.float32)
    return np.square(difference[:, :, 1], dtype=np.float32)


def best(
    error: Timed,
    blurs: Sequence[int],
    good: Sequence[Board],
    faulty: Sequence[Board],
    twins: tuple[str, ...],
) -> tuple[int, dict[str, float]]:
    """The blur with the highest sum of AUROCs, and its row."""
    results = {blur: measure(lambda p, b=blur: blurred(error(p), b), good, faulty, twins) for blur in blurs}
    chosen = max(results, key=lambda blur: sum(results[blur][key] for key in ("image", *CHOSEN_BY)))
    return chosen, results[chosen] | {"ms": error.ms}


def boards(
    folder: Path, models: Sequence[str], split: str, blurs: Sequence[int], stride: int, patches: int
) -> list[dict[str, Any]]:
    """blurs: of the models; none: the usual one. stride, patches: of PCA."""
    learn, good, faulty = read_boards(folder, HELD_OUT[split])
    twins = TWINS[split]
    rows: list[dict[str, Any]] = []
    counts = f"{len(learn)} good boards to learn from; tested {len(good)} good, {len(faulty)} faulty"
    print(f"{folder.name}, split by {split}: {counts}, {sum(len(b.faults) for b in faulty)} faults")
    for name in models:
        reconstruction = Reconstruction(name, "cpu")
        usual = Measure.usual(reconstruction)
        squares = Timed(lambda p, r=reconstruction: np.square(Measure(1, "peak").heat(r(p))))
        for blur in blurs or (usual.blur,):
            scores = measure(lambda p, s=squares, b=blur: blurred(s(p), b), good, faulty, twins)
            rows.append({"method": f"{Path(name).stem}, blur {blur}"} | scores | {"ms": squares.ms})
            show(rows[-1])
    since = time.process_time()
    pca = patch_pca(learn, 256, patches)
    print(f"  PCA of {patches} patches fitted in {time.process_time() - since:.0f} s of CPU time")
    tried: list[dict[str, Any]] = []
    for components in (8, 16, 32, 64, 128, 256):
        blur, scores = best(
            Timed(lambda p, c=components: pca_error(pca, c, p, stride)), (1, 5, 9, 13), good, faulty, twins
        )
        tried.append({"method": f"PCA, {components} of {SIDE}×{SIDE}, blur {blur}"} | scores)
    rows.append(max(tried, key=lambda row: row["image"] + row["box"] + row["box_on_edges"]))
    show(rows[-1])
    tried = []
    for size in (5, 9, 15):
        blur, scores = best(Timed(lambda p, s=size: median_error(s, p)), (1, 5, 9, 13), good, faulty, twins)
        tried.append({"method": f"median {size}×{size}, blur {blur}"} | scores)
    rows.append(max(tried, key=lambda row: row["image"] + row["box"] + row["box_on_edges"]))
    show(rows[-1])
    return rows


def show(row: dict[str, Any]) -> None:
    values = "  ".join(f"{key} {value:.4f}" for key, value in row.items() if key != "method")
    print(f"  {row['method']:34} {values}", flush=True)
