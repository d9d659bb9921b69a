"""Anomalies found by reconstruction and by PCA: faults on printed circuit boards, and a digit that was left out.

    python benchmarks/anomaly.py --boards DeepPCB [--split places] [--model parts-pcb-n] [--blur 3]... [--json FILE]
    python benchmarks/anomaly.py --boards DeepPCB --list-good places
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
- found and false: the threshold is the highest score of every second held-out good picture. found is the share of the
  faulty pictures above it, false the share of the other good pictures. Both ways, and the mean of the two.
- ms: CPU time of a picture, from pixels to heat before the blur, on the threads that the environment allows.
PCA: 32×32 patches at every 8th pixel (--stride), the squared error averaged where they overlap. Its components and
blur, and the size and blur of the median filter, are chosen on the very pictures they are then measured on, which
favours them. --list-good prints the pictures that a model may be trained on.

Digits: every method learns nine digits from the 60,000 training pictures and gives the mean squared error of the 10,000
test pictures; the tenth digit is the anomaly. PCA has as many components as the autoencoder has numbers in its latent.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np
from anomaly_boards import HELD_OUT, auroc, boards, show
from numpy.typing import NDArray
from sklearn.decomposition import PCA

from nitido.anomaly.reconstruction import Pair, Reconstruction
from nitido.anomaly.threshold import Measure


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


@click.command()
@click.option("--boards", "board_folder", type=click.Path(path_type=Path, exists=True), help="DeepPCB: good/, defect/.")
@click.option("--model", "models", multiple=True, help="Model name or file for the boards; repeatable.")
@click.option("--blur", "blurs", type=int, multiple=True, help="Side of the box of the models' heat.  [default: usual]")
@click.option("--stride", default=8, show_default=True, help="Pixels between the patches of PCA.")
@click.option("--patches", default=20_000, show_default=True, help="Patches that PCA is fitted to.")
@click.option("--list-good", type=click.Choice(list(HELD_OUT)), help="Only print the pictures to train on for a split.")
@click.option("--split", type=click.Choice(list(HELD_OUT)), default="places", show_default=True)
@click.option("--digits", "digit_folder", type=click.Path(path_type=Path, exists=True), help="MNIST, IDX files.")
@click.option("--autoencoders", help="Latent models, {} being the digit that each was not trained on.")
@click.option("--left-out", type=int, multiple=True, default=range(10), help="Digits to leave out.  [default: all]")
@click.option("--components", default=16, show_default=True, help="Of PCA on digits, without --autoencoders.")
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Also write the tables here.")
def main(
    board_folder: Path | None,
    models: tuple[str, ...],
    blurs: tuple[int, ...],
    stride: int,
    patches: int,
    list_good: str | None,
    split: str,
    digit_folder: Path | None,
    autoencoders: str | None,
    left_out: tuple[int, ...],
    components: int,
    json_path: Path | None,
) -> None:
    tables: dict[str, Any] = {}
    if board_folder and list_good:
        good = sorted((board_folder / "good").glob("*.jpg"))
        print(*(path for path in good if not path.name.startswith(HELD_OUT[list_good])), sep="\n")
    elif board_folder:
        tables[f"boards, {split}"] = boards(board_folder, models, split, blurs, stride, patches)
    if digit_folder:
        print(f"{digit_folder.name}: AUROC of the digit that was left out")
        tables["digits"] = digits(digit_folder, autoencoders, left_out, components)
    if json_path:
        json_path.parent.mkdir(parents=True, exist_ok=True)
        json_path.write_text(json.dumps(tables, indent=2))


if __name__ == "__main__":
    main()
