from __future__ import annotations

import io
import itertools
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, ImageCms, TiffImagePlugin

from nitido.errors import SinkUnavailable, SourceUnavailable
from nitido.images.depth import add_correction, to_8_bits
from nitido.images.io import SUFFIX_OF, Encoding, Picture, PictureFile, encode_picture, read_picture, write_picture
from nitido.images.metadata import Metadata
from nitido.images.restore import restore_picture
from nitido.inference.model import load

RANDOM = np.random.default_rng(4)
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
LOSSLESS = ("png", "tiff", "bmp", "webp", "ppm", "pgm", "jxl")
OPAQUE = ("jpeg", "bmp", "ppm", "pgm")
WITHOUT_GREY = ("webp", "avif", "heic", "ppm")
WITHOUT_METADATA = ("bmp", "ppm", "pgm")


def smooth(height: int, width: int) -> np.ndarray:
    """uint8 H×W×3 that every codec keeps nearly as it is."""
    coarse = RANDOM.integers(40, 216, (4, 5, 3)).astype(np.uint8)
    return np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)


def deep_values(*shape: int) -> np.ndarray:
    return RANDOM.integers(0, 65536, shape).astype(np.uint16)


def through(picture: Picture, kind: str, encoding: Encoding | None = None) -> Picture:
    stream = io.BytesIO()
    encode_picture(picture, kind, stream, encoding or Encoding())
    return read_picture(stream.getvalue())


def exif_of(picture: Picture) -> Image.Exif:
    exif = Image.Exif()
    exif.load(picture.metadata.exif or b"")
    return exif


@pytest.mark.parametrize("kind", sorted(SUFFIX_OF))
@pytest.mark.parametrize(("grey", "alpha"), list(itertools.product([False, True], repeat=2)))
def test_every_format_keeps_pixels_grey_and_alpha(kind: str, grey: bool, alpha: bool) -> None:
    if kind == "pgm" and not grey:
        pytest.skip("a PGM holds greys only")
    pixels = smooth(37, 53)
    if grey:
        pixels[:] = pixels[:, :, :1]
    transparency = np.ascontiguousarray(smooth(37, 53)[:, :, 0]) if alpha else None
    back = through(Picture(pixels, transparency, grey), kind, Encoding(lossless=kind in LOSSLESS))
    allowed = 0 if kind in LOSSLESS else 12
    assert int(np.abs(back.pixels.astype(int) - pixels).max()) <= allowed
    if kind not in WITHOUT_GREY:
        assert back.grey is grey
    if transparency is None or kind in OPAQUE:
        assert back.alpha is None
    else:
        assert back.alpha is not None
        assert int(np.abs(back.alpha.astype(int) - transparency).max()) <= allowed


@pytest.mark.parametrize("kind", sorted(set(SUFFIX_OF) - set(WITHOUT_METADATA)))
def test_metadata_is_carried_and_the_program_named(kind: str) -> None:
    exif = Image.Exif()
    exif[0x010F], exif[0x0131] = "maker", "a raw developer"
    exif.get_ifd(0x8769).update({0xA002: 9, 0xA003: 9, 0x829A: (1, 100)})
    exif.get_ifd(0x8825)[1] = "N"
    given = Metadata(exif=exif.tobytes(), icc=PROFILE, xmp=b"<x:xmpmeta>x</x:xmpmeta>", dpi=(300.0, 300.0))
    back = through(Picture(smooth(20, 30), metadata=given), kind, Encoding(software="nitido 9, m, sha256 00"))
    kept = exif_of(back)
    assert kept[0x010F] == "maker"
    assert kept[0x0131] == "a raw developer; nitido 9, m, sha256 00"
    inner = kept.get_ifd(0x8769)
    assert (inner[0xA002], inner[0xA003]) == (30, 20)
    assert float(inner[0x829A][0] if isinstance(inner[0x829A], tuple) else inner[0x829A]) in (1.0, 0.01)
    assert kept.get_ifd(0x8825)[1] == "N"
    if kind != "jxl":  # its plugin gives back a profile of its own and no XMP
        assert back.metadata.icc == PROFILE
        assert back.metadata.xmp == given.xmp
    if kind not in ("webp", "avif", "heic", "jxl"):  # they keep a resolution in EXIF only
        assert back.metadata.dpi == pytest.approx((300, 300), abs=0.01)


def test_nothing_is_named_without_request() -> None:
    for kind in SUFFIX_OF:
        stream = io.BytesIO()
        encode_picture(Picture(np.full((8, 8, 3), 90, np.uint8), grey=True), kind, stream)
        assert b"nitido" not in stream.getvalue()


def test_a_png_without_exif_has_the_program_as_text() -> None:
    back = through(Picture(smooth(8, 8), metadata=Metadata(texts={"Title": "hé"})), "png", Encoding(software="nitido"))
    assert dict(back.metadata.texts) == {"Title": "hé", "Software": "nitido"}
    assert back.metadata.exif is None


def test_captions_and_comments_of_a_jpeg_stay() -> None:
    given = Metadata(comment=b"hello", photoshop=b"8BIM\x04\x04\0\0\0\0\0\x04abcd" * 9000)  # more than one segment
    back = through(Picture(smooth(8, 8), metadata=given), "jpeg")
    assert back.metadata.comment == b"hello"
    assert back.metadata.photoshop == given.photoshop


@pytest.mark.parametrize("kind", ["png", "tiff"])
@pytest.mark.parametrize(("grey", "alpha"), list(itertools.product([False, True], repeat=2)))
def test_16_bits_come_back_as_they_were(tmp_path: Path, kind: str, grey: bool, alpha: bool) -> None:
    deep = deep_values(300, 1501) if grey else deep_values(300, 1501, 3)  # more than one strip
    transparency = deep_values(300, 1501) if alpha else None
    path = tmp_path / f"a{SUFFIX_OF[kind]}"
    metadata = Metadata(icc=None if grey else PROFILE, dpi=(240.0, 240.0))
    write_picture(path, Picture(to_8_bits(deep), transparency, grey, deep, metadata))
    back = read_picture(path)
    assert back.deep is not None
    # 16-bit grey with alpha is stored as three equal channels: what reads it makes colours of it.
    found = back.deep if back.deep.ndim == deep.ndim else back.deep[:, :, 0]
    assert np.array_equal(found, deep)
    assert np.array_equal(back.pixels, to_8_bits(deep))
    assert (back.alpha is None) if transparency is None else np.array_equal(back.alpha, transparency)
    assert back.metadata.icc == metadata.icc
    assert back.metadata.dpi == pytest.approx((240, 240), abs=0.01)
    other = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert other is not None and other.dtype == np.uint16
    assert np.array_equal(other[..., :3] if not grey else (other[..., 0] if other.ndim == 3 else other), deep)


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_16_bit_files_of_other_programs_are_read_without_loss(tmp_path: Path, suffix: str) -> None:
    for deep in (deep_values(20, 31), deep_values(20, 31, 3), deep_values(20, 31, 4)):
        cv2.imwrite(str(tmp_path / f"a{suffix}"), deep)
        back = read_picture(tmp_path / f"a{suffix}")
        assert back.deep is not None
        assert np.array_equal(back.deep, deep[..., :3] if deep.ndim == 3 else deep)
        assert (back.alpha is None) if deep.shape[-1] != 4 else np.array_equal(back.alpha, deep[..., 3])


def test_a_tiff_where_white_is_zero_is_read_as_it_looks(tmp_path: Path) -> None:
    deep = deep_values(6, 7)
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    Image.fromarray(65535 - deep).save(tmp_path / "a.tif", tiffinfo=tags)
    content = (tmp_path / "a.tif").read_bytes()
    entry = b"\x06\x01\x03\x00\x01\x00\x00\x00"  # photometric interpretation, one short
    assert content.count(entry + b"\x01") == 1
    back = read_picture(content.replace(entry + b"\x01", entry + b"\x00"))
    assert back.deep is not None and np.array_equal(back.deep, deep)


def test_where_the_model_changes_nothing_16_bits_stay_exact(tiny_models: dict[str, Path]) -> None:
    for deep in (deep_values(40, 50, 3), deep_values(40, 50)):
        picture = Picture(to_8_bits(deep), grey=deep.ndim == 2, deep=deep)
        result = restore_picture(load(tiny_models["denoise"], "cpu"), picture, strength=0.0)
        assert result.deep is not None and np.array_equal(result.deep, deep)
        changed = restore_picture(load(tiny_models["denoise"], "cpu"), picture)
        assert changed.deep is not None and not np.array_equal(changed.deep, deep)


@pytest.mark.parametrize("shape", [(40, 50, 3), (40, 50)])
def test_the_model_s_change_is_what_16_bits_get(shape: tuple[int, ...]) -> None:
    values = RANDOM.integers(3000, 62000, shape).astype(np.uint16)
    wanted = np.clip(to_8_bits(values).astype(int) + 5, 0, 255).astype(np.uint8)
    before = values.copy()
    add_correction(values, wanted)
    assert np.array_equal(values, before + 5 * 257)
    assert np.array_equal(to_8_bits(values), wanted)


def test_an_enlarged_ramp_keeps_steps_finer_than_8_bits(tiny_models: dict[str, Path]) -> None:
    ramp = np.tile(np.linspace(20000, 22000, 64).astype(np.uint16), (32, 1))
    result = restore_picture(load(tiny_models["upscale"], "cpu"), Picture(to_8_bits(ramp), grey=True, deep=ramp))
    assert result.deep is not None and result.deep.shape == (64, 128)
    assert len(np.unique(result.deep)) > 4 * len(np.unique(result.pixels[:, :, 0]))


def test_alpha_is_enlarged_with_the_picture(tiny_models: dict[str, Path]) -> None:
    model = load(tiny_models["upscale"], "cpu")
    alpha = np.zeros((16, 20), np.uint8)
    alpha[:, 10:] = 255
    result = restore_picture(model, Picture(smooth(16, 20), alpha)).alpha
    assert result is not None and result.shape == (32, 40)
    assert (result[:, :16].max(), result[:, 24:].min()) == (0, 255)


@pytest.mark.parametrize("turn", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_orientation_is_applied_once(turn: int, kind: str) -> None:
    pixels = np.zeros((24, 40, 3), np.uint8)
    pixels[:8, :8] = 255  # a mark in one corner
    exif = Image.Exif()
    exif[0x0112] = turn
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, kind, exif=exif)
    picture = read_picture(stream.getvalue())
    corner = {1: (0, 0), 2: (0, 1), 3: (1, 1), 4: (1, 0), 5: (0, 0), 6: (0, 1), 7: (1, 1), 8: (1, 0)}[turn]
    assert picture.pixels.shape[:2] == ((24, 40) if turn < 5 else (40, 24))
    assert picture.pixels[(3, -4)[corner[0]], (3, -4)[corner[1]]].min() > 200
    again = through(picture, "png")
    assert again.pixels.shape == picture.pixels.shape
    assert 0x0112 not in exif_of(again)


@pytest.mark.parametrize("turn", range(1, 9))
@pytest.mark.parametrize("kind", ["png", "tiff"])
def test_orientation_of_16_bits_is_that_of_8(kind: str, turn: int) -> None:
    for deep in (deep_values(5, 9, 3), deep_values(5, 9)):
        both = []
        for values in (deep, None):
            stream = io.BytesIO()
            encode_picture(Picture(to_8_bits(deep), grey=deep.ndim == 2, deep=values), kind, stream)
            both.append(read_picture(with_orientation(stream.getvalue(), kind, turn)))
        assert both[0].deep is not None and both[1].deep is None
        assert both[0].pixels.shape[:2] == ((5, 9) if turn < 5 else (9, 5))
        assert np.array_equal(both[0].pixels, both[1].pixels)
        assert np.array_equal(both[0].pixels, to_8_bits(both[0].deep))


def with_orientation(data: bytes, kind: str, turn: int) -> bytes:
    """The file lying on its side: an EXIF chunk put into a PNG, a needless tag of a TIFF made the orientation."""
    if kind == "png":
        exif = Image.Exif()
        exif[0x0112] = turn
        body = b"eXIf" + exif.tobytes().removeprefix(b"Exif\0\0")
        return data[:33] + struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body)) + data[33:]
    plain = struct.pack("<HHIHH", 284, 3, 1, 1, 0)  # planar configuration 1, which is the default
    assert data.count(plain) == 1
    entry, rest = struct.pack("<HHIHH", 274, 3, 1, turn, 0), struct.pack("<HHI", 277, 3, 1)
    at = data.index(rest)
    between = data[at : data.index(plain)]
    return data[:at] + entry + between + data[data.index(plain) + 12 :]  # tags in ascending order


def test_another_orientation_in_xmp_does_not_turn_the_result_again() -> None:
    packet = b'<rdf:Description tiff:Orientation="6"/>'
    exif = Image.Exif()
    exif[0x0112] = 6
    stream = io.BytesIO()
    Image.new("RGB", (20, 10)).save(stream, "JPEG", exif=exif, xmp=packet)
    picture = read_picture(stream.getvalue())
    assert picture.pixels.shape[:2] == (20, 10)
    assert through(picture, "jpeg").pixels.shape[:2] == (20, 10)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda p: Image.fromarray(np.zeros((4, 4), np.float32)).save(p, "TIFF"), "floating-point values"),
        (lambda p: Image.fromarray(np.zeros((4, 4), np.int32)).save(p, "TIFF"), "32 bits"),
        (lambda p: p.write_text("hello"), "not a picture"),
        (lambda p: p.write_bytes(b""), "not a picture"),
        (lambda p: p.mkdir(), "cannot be read"),
        (
            lambda p: Image.new("RGB", (8, 8)).save(
                p, "WEBP", save_all=True, append_images=[Image.new("RGB", (8, 8), 9)]
            ),
            "holds 2 pictures",
        ),
        (
            lambda p: Image.new("L", (8, 8)).save(p, "TIFF", save_all=True, append_images=[Image.new("L", (9, 9))]),
            "holds 2 pictures",
        ),
        (lambda p: Image.new("RGB", (8, 8)).save(p, "GIF"), "not a picture"),
    ],
)
def test_what_is_not_a_single_picture_is_refused(tmp_path: Path, make, said: str) -> None:
    make(tmp_path / "a.png")
    with pytest.raises(SourceUnavailable, match=said):
        read_picture(tmp_path / "a.png")


def test_a_cut_16_bit_file_is_an_error_not_half_a_picture() -> None:
    deep = deep_values(64, 64, 3)
    for kind in ("png", "tiff"):
        stream = io.BytesIO()
        encode_picture(Picture(to_8_bits(deep), deep=deep), kind, stream)
        with pytest.raises(SourceUnavailable, match="complete"):
            read_picture(stream.getvalue()[:9000])


def test_the_limit_is_that_of_the_call_not_of_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.BytesIO()
    Image.new("L", (300, 200)).save(stream, "PNG")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    assert read_picture(stream.getvalue()).pixels.shape == (200, 300, 3)
    with pytest.raises(SourceUnavailable, match="300×200 pixels, expected at most 0 megapixels"):
        read_picture(stream.getvalue(), max_pixels=59_999)
    with PictureFile(stream.getvalue()) as file:
        assert (file.width, file.height, file.deep) == (300, 200, False)


@pytest.mark.parametrize("kind", ["jpeg", "avif"])
def test_what_a_format_cannot_is_an_error(kind: str) -> None:
    if kind not in SUFFIX_OF:
        pytest.skip("this Pillow has no AVIF")
    with pytest.raises(SinkUnavailable, match="cannot be lossless"):
        encode_picture(Picture(smooth(8, 8)), kind, io.BytesIO(), Encoding(lossless=True))
    with pytest.raises(SinkUnavailable, match="too large"):
        encode_picture(Picture(np.zeros((1, 65536, 3), np.uint8)), kind, io.BytesIO())


def test_quality_is_that_which_was_asked() -> None:
    noise = Picture(RANDOM.integers(0, 256, (64, 64, 3)).astype(np.uint8))
    for kind in ("jpeg", "webp"):
        sizes = []
        for quality in (30, 80, None, 100):
            stream = io.BytesIO()
            encode_picture(noise, kind, stream, Encoding(quality))
            sizes.append(len(stream.getvalue()))
        assert sizes == sorted(sizes) and len(set(sizes)) == 4


def test_a_damaged_exif_block_does_not_cost_the_picture() -> None:
    picture = Picture(smooth(8, 8), metadata=Metadata(exif=b"Exif\0\0MM\0*\xff\xff\xff\xff"))
    back = through(picture, "jpeg", Encoding(software="nitido"))
    assert exif_of(back)[0x0131] == "nitido"
