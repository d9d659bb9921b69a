"""How strongly a JPEG file is compressed, and that models against it are told."""

from __future__ import annotations

import io
from itertools import pairwise
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from PIL import Image

from nitido.images.compression import level_of_quality, level_of_table, quality_of_table, table_of_quality
from nitido.images.io import PictureFile
from nitido.images.restore import restore_picture
from nitido.inference.levels import Measured
from nitido.inference.model import Model


def file_of(kind: str, **options: Any) -> bytes:
    pixels = np.random.default_rng(0).integers(0, 256, (48, 64, 3)).astype(np.uint8)
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, kind, **options)
    return stream.getvalue()


def model(*, removes_compression: bool) -> Any:
    """Returns its input and what level it was told."""
    told: list[float | None] = []

    def measured(pixels: Any, *, strength: float, noise: float | None) -> Measured:
        told.append(noise)
        return Measured(pixels.copy(), None, noise)

    card = SimpleNamespace(removes_compression=removes_compression, halo=4, multiple=2)
    return SimpleNamespace(card=card, measured=measured, told=told)


@pytest.mark.parametrize("quality", [5, 30, 75, 96])
def test_the_level_of_a_file_is_that_of_the_quality_it_was_written_at(quality: int) -> None:
    with PictureFile(file_of("JPEG", quality=quality), "a.jpg") as file:
        picture = file.decode()
    assert picture.compression == pytest.approx(level_of_quality(quality))
    assert quality_of_table(table_of_quality(quality)) == quality


def test_levels_fall_with_quality_and_end_near_nothing() -> None:
    levels = [level_of_quality(quality) for quality in range(1, 101)]
    assert all(a >= b for a, b in pairwise(levels))
    assert levels[-1] < 0.6 < 8 < levels[0]


def test_tables_of_other_programs_count_by_their_steps() -> None:
    tables = {0: [7] * 64, 1: [9] * 64}
    with PictureFile(file_of("JPEG", qtables=tables), "a.jpg") as file:
        assert file.decode().compression == pytest.approx(level_of_table([7] * 64))


def test_other_formats_have_no_level() -> None:
    with PictureFile(file_of("PNG"), "a.png") as file:
        assert file.decode().compression is None


def test_only_a_model_against_compression_gets_the_level_and_one_given_by_hand_comes_first() -> None:
    with PictureFile(file_of("JPEG", quality=20), "a.jpg") as file:
        picture = file.decode()
    against, other = model(removes_compression=True), model(removes_compression=False)
    for one in (against, other):
        restore_picture(cast(Model, one), picture)
    restore_picture(cast(Model, against), picture, noise=2.0)
    assert against.told == [pytest.approx(level_of_quality(20)), 2.0]
    assert other.told == [None]
