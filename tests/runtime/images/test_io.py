"""Picture files read and written: what survives."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from nitido.images.io import Picture, read_picture, write_picture


def test_alpha_grey_icc_and_orientation_survive(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # stored lying on its side
    exif[0x010F] = "maker"
    Image.new("RGB", (20, 10), (250, 10, 10)).save(tmp_path / "a.jpg", exif=exif, icc_profile=b"profile", quality=95)
    picture = read_picture(tmp_path / "a.jpg")
    assert picture.pixels.shape == (20, 10, 3)
    assert picture.pixels[5, 5, 2] > 240  # BGR: red is last
    write_picture(tmp_path / "b.jpg", picture)
    with Image.open(tmp_path / "b.jpg") as kept:
        assert kept.getexif().get(0x0112, 1) == 1
        assert kept.getexif()[0x010F] == "maker"
        assert kept.info["icc_profile"] == b"profile"
    write_picture(tmp_path / "g.png", Picture(picture.pixels, alpha=np.full((20, 10), 7, np.uint8)))
    alpha = read_picture(tmp_path / "g.png").alpha
    assert alpha is not None and alpha[3, 3] == 7
    Image.new("L", (8, 8), 99).save(tmp_path / "l.png")
    assert read_picture(tmp_path / "l.png").grey
