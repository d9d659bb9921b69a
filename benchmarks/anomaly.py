"""Anomalies found by reconstruction and by PCA: faults on printed circuit boards, and a digit that was left out.

    python benchmarks/anomaly.py --boards DeepPCB [--split places] [--model parts-pcb-n] [--json FILE]
    python benchmarks/anomaly.py --digits MNIST [--autoencoders 'out/digits-without-{}']

AUROC is the chance that an anomaly scores above something good. Boards (good/*.jpg; defect/*.jpg with boxes in .txt):
- The good pictures in ``HELD_OUT`` were seen by no method. --split places: other places on boards of known kinds, as on
  a production line. DeepPCB repeats itself, so good pictures that correlate by more than 0.85 at any shift that leaves
  40 % of them in common, at an eighth of the size, were put into one group; every fourth group is held out (43).
  --split families: whole families of boards (12300, 44000, 50600, 90100: 43 pictures), so that all is new.
- All 63 pictures with faults are tested. ``TWINS`` of them correlate so with a picture to learn from; image_no_twins is
  without these.
- image: the greatest heat of each faulty picture against that of each held-out good one.
- box: the greatest heat inside each fault's box against that inside boxes of the same sizes at random places, ten on
  each held-out good picture and ten on each faulty one, at least 8 pixels from any fault.
- box, on edges: only those random boxes that hold both copper and bare board; empty ground is not a test.
PCA: 32×32 patches at every 8th pixel, the squared error averaged where they overlap. Its components and blur, and the
size and blur of the median filter, are chosen on the very pictures they are then measured on, which favours them.

Digits: every method learns nine digits from the 60,000 training pictures and gives the mean squared error of the 10,000
test pictures; the tenth digit is the anomaly. PCA has as many components as the autoencoder has numbers in its latent.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import click
import cv2
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.metrics import roc_auc_score

from nitido.anomaly.reconstruction import Pair, Reconstruction
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
SIDE, STRIDE, PATCHES = 32, 8, 20_000
BOXES, APART = 10, 8

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


def measure(
    heat: Callable[[Frame], Heat], good: Sequence[Board], faulty: Sequence[Board], twins: tuple[str, ...]
) -> dict[str, float]:
    """The AUROCs of a way to make heat maps."""
    maps = [(board, heat(board.pixels)) for board in (*good, *faulty)]

    def hottest(values: Heat, box: Box) -> float:
        return float(values[box[1] : box[3], box[0] : box[2]].max())

    inside = [hottest(values, box) for board, values in maps for box in board.faults]
    elsewhere = [(hottest(values, box), edge) for board, values in maps for box, edge in board.places]
    tops = [float(values.max()) for _, values in maps]
    alone = [
        top for (board, _), top in zip(maps, tops, strict=True) if board.faults and not board.name.startswith(twins)
    ]
    return {
        "image": auroc(tops[len(good) :], tops[: len(good)]),
        "image_no_twins": auroc(alone, tops[: len(good)]),
        "box": auroc(inside, (value for value, _ in elsewhere)),
        "box_on_edges": auroc(inside, (value for value, edge in elsewhere if edge)),
    }


def blurred(squares: Heat, blur: int) -> Heat:
    return np.asarray(cv2.blur(squares, (blur, blur)), np.float32)


def patch_pca(learn: Sequence[Frame], components: int) -> PCA:
    rng = np.random.default_rng(0)
    patches = np.empty((PATCHES, SIDE * SIDE), np.float32)
    for row in patches:
        grey = learn[int(rng.integers(len(learn)))][:, :, 1]
        y, x = rng.integers(grey.shape[0] - SIDE + 1), rng.integers(grey.shape[1] - SIDE + 1)
        row[:] = grey[y : y + SIDE, x : x + SIDE].reshape(-1)
    return PCA(components, svd_solver="randomized", random_state=0).fit(patches)


def pca_error(pca: PCA, components: int, picture: Frame) -> Heat:
    """The squared error of each pixel, averaged over the patches that it lies in."""
    grey = picture[:, :, 1].astype(np.float32)
    windows = sliding_window_view(grey, (SIDE, SIDE))[::STRIDE, ::STRIDE]
    rows, columns = windows.shape[:2]
    patches = windows.reshape(-1, SIDE * SIDE) - pca.mean_
    axes = np.asarray(pca.components_)[:components]
    errors = np.square(patches - patches @ axes.T @ axes).reshape(rows, columns, SIDE, SIDE)
    total, count = np.zeros_like(grey), np.zeros_like(grey)
    for row in range(rows):
        for column in range(columns):
            place = slice(row * STRIDE, row * STRIDE + SIDE), slice(column * STRIDE, column * STRIDE + SIDE)
            total[place] += errors[row, column]
            count[place] += 1
    return np.asarray(total / np.maximum(count, 1), np.float32)


def median_error(size: int, picture: Frame) -> Heat:
    difference = cv2.absdiff(picture, cv2.medianBlur(picture, size)).astype(np.float32)
    return np.square(difference[:, :, 1], dtype=np.float32)


def best(
    error: Callable[[Frame], Heat],
    blurs: Sequence[int],
    good: Sequence[Board],
    faulty: Sequence[Board],
    twins: tuple[str, ...],
) -> tuple[int, dict[str, float]]:
    """The blur with the highest sum of AUROCs, and those."""
    kept: dict[int, Heat] = {}

    def once(picture: Frame) -> Heat:
        if id(picture) not in kept:
            kept[id(picture)] = error(picture)
        return kept[id(picture)]

    results = {blur: measure(lambda p, b=blur: blurred(once(p), b), good, faulty, twins) for blur in blurs}
    chosen = max(results, key=lambda blur: sum(results[blur].values()))
    return chosen, results[chosen]


def boards(folder: Path, models: Sequence[str], split: str) -> list[dict[str, Any]]:
    learn, good, faulty = read_boards(folder, HELD_OUT[split])
    twins = TWINS[split]
    rows: list[dict[str, Any]] = []
    counts = f"{len(learn)} good boards to learn from; tested {len(good)} good, {len(faulty)} faulty"
    print(f"{folder.name}, split by {split}: {counts}, {sum(len(b.faults) for b in faulty)} faults")
    for name in models:
        reconstruction = Reconstruction(name, "cpu")
        usual = Measure.usual(reconstruction)
        rows.append({"method": name} | measure(lambda p, r=reconstruction, m=usual: m.heat(r(p)), good, faulty, twins))
        show(rows[-1])
    pca = patch_pca(learn, 256)
    tried: list[dict[str, Any]] = []
    for components in (8, 16, 32, 64, 128, 256):
        blur, scores = best(lambda p, c=components: pca_error(pca, c, p), (1, 5, 9, 13), good, faulty, twins)
        tried.append({"method": f"PCA, {components} of {SIDE}×{SIDE}, blur {blur}"} | scores)
    rows.append(max(tried, key=lambda row: row["image"] + row["box"] + row["box_on_edges"]))
    show(rows[-1])
    tried = []
    for size in (5, 9, 15):
        blur, scores = best(lambda p, s=size: median_error(s, p), (1, 5, 9, 13), good, faulty, twins)
        tried.append({"method": f"median {size}×{size}, blur {blur}"} | scores)
    rows.append(max(tried, key=lambda row: row["image"] + row["box"] + row["box_on_edges"]))
    show(rows[-1])
    return rows


def read_idx(folder: Path, name: str) -> NDArray[np.uint8]:
    data = gzip.decompress((folder / name).read_bytes())
    sizes = [int.from_bytes(data[4 + 4 * i : 8 + 4 * i], "big") for i in range(data[3])]
    return np.frombuffer(data, np.uint8, offset=4 + 4 * len(sizes)).reshape(sizes)


def digits(folder: Path, template: str | None, left_out: Sequence[int], components: int) -> list[dict[str, Any]]:
    learn = read_idx(folder, "train-images-idx3-ubyte.gz").reshape(60_000, -1).astype(np.float32)
    learn_labels = read_idx(folder, "train-labels-idx1-ubyte.gz")
    pictures = read_idx(folder, "t10k-images-idx3-ubyte.gz")
    labels = read_idx(folder, "t10k-labels-idx1-ubyte.gz")
    flat = pictures.reshape(len(pictures), -1).astype(np.float32)
    rows: dict[str, dict[str, Any]] = {}

    def note(method: str, digit: int, errors: NDArray[Any]) -> None:
        value = auroc(errors[labels == digit], errors[labels != digit])
        rows.setdefault(method, {"method": method})[str(digit)] = value

    for digit in left_out:
        size = components
        if template:
            reconstruction = Reconstruction(template.format(digit), "cpu")
            size = int(reconstruction.card.latent["size"])
            kind = str(reconstruction.card.latent["kind"])
            note(f"{kind}, {size} numbers", digit, picture_errors(reconstruction, pictures))
        pca = PCA(size, random_state=0).fit(learn[learn_labels != digit])
        note(
            f"PCA, {size} components", digit, np.square(flat - pca.inverse_transform(pca.transform(flat))).mean(axis=1)
        )
    for row in rows.values():
        row["mean"] = float(np.mean([row[str(d)] for d in left_out]))
        show(row)
    return list(rows.values())


def picture_errors(reconstruction: Reconstruction, pictures: NDArray[np.uint8]) -> NDArray[np.float64]:
    whole = Measure(1, "mean")
    errors: list[float] = []
    for picture in pictures:
        pair: Pair = reconstruction(np.repeat(picture[:, :, None], 3, axis=2))
        errors.append(whole.score(whole.heat(pair)))
    return np.asarray(errors)


def show(row: dict[str, Any]) -> None:
    values = "  ".join(f"{key} {value:.4f}" for key, value in row.items() if key != "method")
    print(f"  {row['method']:34} {values}", flush=True)


@click.command()
@click.option("--boards", "board_folder", type=click.Path(path_type=Path, exists=True), help="DeepPCB: good/, defect/.")
@click.option("--model", "models", multiple=True, help="Model name or file for the boards; repeatable.")
@click.option("--split", type=click.Choice(list(HELD_OUT)), default="places", show_default=True)
@click.option("--digits", "digit_folder", type=click.Path(path_type=Path, exists=True), help="MNIST, IDX files.")
@click.option("--autoencoders", help="Latent models, {} being the digit that each was not trained on.")
@click.option("--left-out", type=int, multiple=True, default=range(10), help="Digits to leave out.  [default: all]")
@click.option("--components", default=16, show_default=True, help="Of PCA on digits, without --autoencoders.")
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Also write the tables here.")
def main(
    board_folder: Path | None,
    models: tuple[str, ...],
    split: str,
    digit_folder: Path | None,
    autoencoders: str | None,
    left_out: tuple[int, ...],
    components: int,
    json_path: Path | None,
) -> None:
    tables: dict[str, Any] = {}
    if board_folder:
        tables[f"boards, {split}"] = boards(board_folder, models, split)
    if digit_folder:
        print(f"{digit_folder.name}: AUROC of the digit that was left out")
        tables["digits"] = digits(digit_folder, autoencoders, left_out, components)
    if json_path:
        json_path.parent.mkdir(parents=True, exist_ok=True)
        json_path.write_text(json.dumps(tables, indent=2))


if __name__ == "__main__":
    main()
