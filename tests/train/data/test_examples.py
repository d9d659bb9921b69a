"""Examples that autoencoders learn from: digits, folders, emoji."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from nitido.errors import RecipeError, SourceUnavailable
from nitido_train.data.examples import Shape, fit_to_shape, hold_out, read_examples
from nitido_train.objectives.latents import LatentObjective
from nitido_train.objectives.options import RunOptions
from nitido_train.recipe.schema import Recipe
from support.recipes import SIDE, tiny_latent, write_class_folders, write_digits


def options_for(out: Path, data: Path, **changes: object) -> RunOptions:
    return replace(RunOptions(out=out, data=(data,), workers=0, accelerator="cpu", progress=False), **changes)


@pytest.fixture
def digits(tmp_path: Path) -> Path:
    return write_digits(tmp_path / "digits")


def test_folders_are_classes_and_broken_pictures_are_counted(tmp_path: Path) -> None:
    folder = write_class_folders(tmp_path / "pictures")
    examples = read_examples([folder], Shape(SIDE, SIDE, 3))
    assert (len(examples), examples.skipped, examples.names) == (16, 1, ["blue", "red"])
    blue = examples.where(examples.labels == 0).pictures(range(8))
    assert blue.shape == (8, SIDE, SIDE, 3)
    assert blue[:, -1, 0].tolist() == [[255, 0, 0]] * 8
    objective = LatentObjective(tiny_latent("cvae", channels=3), options_for(tmp_path / "run", folder))
    assert objective.recipe.net.options["labels"] == ["blue", "red"]


def test_pictures_beyond_the_cache_are_decoded_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_class_folders(tmp_path / "pictures")
    whole = read_examples([folder], Shape(SIDE, SIDE, 3)).pictures(range(16))
    monkeypatch.setattr("nitido_train.data.examples.CACHE", 3 * SIDE * SIDE * 3)
    examples = read_examples([folder], Shape(SIDE, SIDE, 3))
    assert np.array_equal(examples.pictures(range(16)), whole)
    assert np.array_equal(examples.pictures([15, 0]), whole[[15, 0]])
    (folder / "red" / "7.png").unlink()
    with pytest.raises(SourceUnavailable, match="no longer is"):
        examples.pictures([15])


def test_classes_can_be_left_out(digits: Path, tmp_path: Path) -> None:
    objective = LatentObjective(tiny_latent(latent={"leave_out": ["1"]}), options_for(tmp_path, digits))
    assert set(objective.examples.labels) == set(objective.held_out.labels) == {0}
    with pytest.raises(RecipeError, match="names '7'; the labels are 0, 1"):
        LatentObjective(tiny_latent(latent={"leave_out": ["7"]}), options_for(tmp_path, digits))


def test_held_out_examples_are_not_trained_on(digits: Path) -> None:
    examples = read_examples([digits], Shape(SIDE, SIDE, 1))
    kept, apart = hold_out(examples)
    assert (len(kept), len(apart)) == (54, 6)
    everything = np.concatenate([kept.pictures(range(54)), apart.pictures(range(6))])
    assert sorted(p.tobytes() for p in everything) == sorted(p.tobytes() for p in examples.pictures(range(60)))


def test_other_sizes_and_colours_are_brought_to_the_nets_own(digits: Path) -> None:
    examples = read_examples([digits], Shape(20, 12, 3))
    assert examples.pictures([0]).shape == (1, 20, 12, 3)
    wide = np.zeros((10, 40, 3), np.uint8)
    wide[:, 15:25] = 255  # the middle, which is all that a square keeps
    assert fit_to_shape(wide, Shape(8, 8, 1)).mean() == 255


@pytest.mark.slow
def test_emoji_come_out_of_a_colour_font(tmp_path: Path) -> None:
    folder = Path("/usr/share/fonts")
    fonts = list(folder.rglob("NotoColorEmoji.ttf")) if folder.is_dir() else []
    if not fonts:
        pytest.skip("no Noto Color Emoji on this machine (Debian: fonts-noto-color-emoji)")
    examples = read_examples([fonts[0]], Shape(64, 64, 3))
    assert len(examples) > 1000
    pictures = examples.pictures(range(0, len(examples), 50))
    assert (pictures[:, 0, 0] == 255).all()  # on white
    assert pictures.std() > 40


@pytest.mark.parametrize("content", [b"", b"\x1f\x8bnot gzip", b"\x00\x00\x08\x03\x00\x00\x00\x09"])
def test_damaged_digit_files_are_named(content: bytes, digits: Path) -> None:
    path = digits / "train-images-idx3-ubyte.gz"
    path.write_bytes(content)
    with pytest.raises(SourceUnavailable, match="is not a readable IDX file"):
        read_examples([digits], Shape(SIDE, SIDE, 1))


def test_a_file_that_is_not_a_colour_font_is_named(tmp_path: Path) -> None:
    path = tmp_path / "letters.ttf"
    path.write_bytes(b"not a font")
    with pytest.raises(SourceUnavailable, match="not a font of colour bitmaps"):
        read_examples([path], Shape(64, 64, 3))


def test_grey_pictures_are_found_to_be_grey(tmp_path: Path) -> None:
    grey, both = tmp_path / "grey", tmp_path / "both"
    rng = np.random.default_rng(0)
    for folder in (grey, both):
        folder.mkdir()
        for number in range(3):
            cv2.imwrite(str(folder / f"{number}.jpg"), rng.integers(0, 256, (40, 30), np.uint8))
    cv2.imwrite(str(both / "colour.png"), np.full((20, 20, 3), (10, 200, 30), np.uint8))
    unknown = Shape(SIDE, SIDE, 0)
    assert read_examples([grey], unknown).pictures([0]).shape == (1, SIDE, SIDE, 1)
    assert read_examples([both], unknown).pictures([0]).shape == (1, SIDE, SIDE, 3)
    mixed = read_examples([grey, both], unknown)
    assert (len(mixed), mixed.shape.channels) == (7, 3)
    objective = LatentObjective(replace_channels(tiny_latent("autoencoder")), options_for(tmp_path / "run", grey))
    assert objective.recipe.net.options["channels"] == 1
    assert "all grey" in objective.summary


def replace_channels(recipe: Recipe) -> Recipe:
    """The recipe without channels: the data say how many."""
    options = {key: value for key, value in recipe.net.options.items() if key != "channels"}
    return replace(recipe, net=replace(recipe.net, options=options))


def test_transparent_icons_are_shown_on_white(tmp_path: Path) -> None:
    icon = np.zeros((20, 20, 4), np.uint8)
    icon[5:15, 5:15] = (0, 0, 255, 255)
    cv2.imwrite(str(tmp_path / "icon.png"), icon)
    (picture,) = read_examples([tmp_path], Shape(20, 20, 0)).pictures([0])
    assert picture[0, 0].tolist() == [255, 255, 255]
    assert picture[10, 10].tolist() == [0, 0, 255]


def test_random_parts_come_from_the_whole_picture(tmp_path: Path) -> None:
    wide = np.tile(np.linspace(0, 255, 120).astype(np.uint8)[None, :, None], (40, 1, 3))
    cv2.imwrite(str(tmp_path / "wide.png"), wide)
    examples = read_examples([tmp_path], Shape(SIDE, SIDE, 3))
    parts = examples.parts([0] * 60, 0.5, np.random.default_rng(0))
    assert parts.shape == (60, SIDE, SIDE, 3)
    middle = examples.pictures([0])
    assert parts.min() < middle.min() - 40 and parts.max() > middle.max() + 40
    spans = np.ptp(parts[:, 0, :, 0].astype(int), axis=1)
    assert spans.min() < 0.65 * np.ptp(middle.astype(int)) and spans.max() <= np.ptp(middle.astype(int)) + 5
