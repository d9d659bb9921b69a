"""Colours: wide gamut, HDR and inks stay what they are, or a line says what became of them."""

from __future__ import annotations

import io
import struct
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms

from nitido.errors import SinkUnavailable
from nitido.images import icc
from nitido.images.colour import Colour
from nitido.images.depth import to_8_bits
from nitido.images.formats.bmff import read_facts
from nitido.images.formats.heif_writer import CAN_WRITE_DEEP_AVIF
from nitido.images.io import SUFFIX_OF, Metadata, Picture, encode_picture, read_picture
from support.picture_files import cmyk_profile

RANDOM = np.random.default_rng(9)
P3, PQ = (12, 13), (9, 16)
ADOBE = Colour(
    {
        b"gAMA": struct.pack(">I", 45455),
        b"cHRM": struct.pack(">8I", 31270, 32900, 64000, 33000, 21000, 71000, 15000, 6000),
    }
)
PATCHES = RANDOM.integers(0, 256, (16, 16, 3)).astype(np.uint8)

needs_avif = pytest.mark.skipif("avif" not in SUFFIX_OF, reason="this Pillow has no AVIF")


def written(picture: Picture, kind: str) -> tuple[bytes, tuple[str, ...]]:
    stream = io.BytesIO()
    notes = encode_picture(picture, kind, stream)
    return stream.getvalue(), notes


def seen(content: bytes) -> np.ndarray:
    """What a viewer that knows profiles shows, in sRGB."""
    with Image.open(io.BytesIO(content)) as image:
        profile = image.info.get("icc_profile")
        if not profile:
            return np.asarray(image.convert("RGB"), np.int16)
        mode = "L" if image.mode == "L" else "RGB"
        return np.asarray(icc.to_srgb(profile, mode)(image.convert(mode)), np.int16)


def linear(values: Any) -> Any:
    values = np.asarray(values) / 255
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def srgb(light: Any) -> Any:
    light = np.clip(light, 0, 1)
    return 255 * np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


def matrix(chromaticities: tuple[float, ...]) -> np.ndarray:
    pairs = list(zip(chromaticities[::2], chromaticities[1::2], strict=True))
    white, *primaries = (np.array([x / y, 1, (1 - x - y) / y]) for x, y in pairs)
    columns = np.stack(primaries, axis=1)
    return columns * np.linalg.solve(columns, white)


def test_a_made_profile_means_what_its_primaries_say() -> None:
    p3 = (0.3127, 0.3290, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060)
    convert = icc.to_srgb(icc.rgb_profile("P3", p3, icc.srgb_curve()), "RGB")
    found = np.asarray(convert(Image.fromarray(PATCHES)), np.int16)
    expected = srgb(linear(PATCHES) @ (np.linalg.inv(matrix(icc.SRGB)) @ matrix(p3)).T)
    assert int(np.abs(found - expected.round()).max()) <= 2


def test_a_profile_of_greys_becomes_one_of_colours_with_the_same_greys() -> None:
    grey = icc.grey_profile("linear", icc.gamma_curve(1.0))
    ramp = Image.fromarray(np.arange(16, 256, dtype=np.uint8)[None])  # below, littlecms is coarse
    first = np.asarray(icc.to_srgb(grey, "L")(ramp), np.int16)
    colours = icc.as_rgb(grey)
    assert colours is not None and icc.space_of(colours) == b"RGB "
    assert int(np.abs(first - np.asarray(icc.to_srgb(colours, "RGB")(ramp.convert("RGB")), np.int16)).max()) <= 2


def test_what_means_srgb_needs_no_profile() -> None:
    for colour in (
        Colour({b"sRGB": b"\0", b"gAMA": struct.pack(">I", 45455)}),
        Colour({b"gAMA": struct.pack(">I", 45455)}),
        Colour({b"cICP": bytes([1, 13, 0, 1])}),
    ):
        assert colour.profile(grey=False) is None and colour.profile(grey=True) is None
    assert Colour.of_numbers(1, 13) is None and Colour.of_numbers(2, 2) is None


@pytest.mark.parametrize("kind", ["jpeg", "tiff", "webp"])
@pytest.mark.parametrize("colour", [Colour.of_numbers(*P3), ADOBE])
def test_wide_colours_get_a_profile_where_there_are_no_chunks(kind: str, colour: Colour) -> None:
    patches = np.full((16, 16, 3), (40, 60, 220), np.uint8)  # BGR: a red that sRGB has no room for as it is
    content, notes = written(Picture(patches, metadata=Metadata(colour=colour)), kind)
    assert notes == ()
    profile = colour.profile(grey=False)
    assert profile is not None
    expected = np.asarray(icc.to_srgb(profile, "RGB")(Image.fromarray(patches[:, :, ::-1].copy())), np.int16)
    assert int(np.abs(seen(content) - expected).max()) <= 4
    assert int(np.abs(expected - patches[:, :, ::-1]).max()) > 10


@pytest.mark.parametrize("kind", ["jpeg", "tiff", "webp"])
def test_a_grey_picture_of_linear_light_stays_as_bright(kind: str) -> None:
    colour = Colour({b"gAMA": struct.pack(">I", 100_000)})
    pixels = np.full((16, 16, 3), 55, np.uint8)
    content, _ = written(Picture(pixels, grey=True, metadata=Metadata(colour=colour)), kind)
    assert seen(content).mean() == pytest.approx(srgb(55 / 255), abs=2)


@pytest.mark.parametrize("kind", ["bmp", "ppm"])
def test_where_no_profile_fits_colours_are_converted_with_a_line(kind: str) -> None:
    profile = icc.rgb_profile("wide", (0.3127, 0.3290, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06), icc.srgb_curve())
    content, notes = written(Picture(PATCHES, metadata=Metadata(icc=profile)), kind)
    assert notes == (f"converted to sRGB, because a {kind} holds no colour profile",)
    expected = np.asarray(icc.to_srgb(profile, "RGB")(Image.fromarray(PATCHES[:, :, ::-1].copy())), np.uint8)
    assert np.array_equal(read_picture(content).pixels[:, :, ::-1], expected)
    plain = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    content, notes = written(Picture(PATCHES, metadata=Metadata(icc=plain)), kind)
    assert notes == () and np.array_equal(read_picture(content).pixels, PATCHES)


@pytest.mark.parametrize("kind", ["jpeg", "tiff", "webp", "bmp", "ppm"])
def test_hdr_is_refused_where_a_format_has_no_word_for_it(kind: str) -> None:
    for numbers, name in ((PQ, "PQ"), ((9, 18), "HLG")):
        picture = Picture(PATCHES, metadata=Metadata(colour=Colour.of_numbers(*numbers)))
        with pytest.raises(SinkUnavailable, match=f"HDR .{name}., which {kind} cannot hold; use --format png or avif"):
            encode_picture(picture, kind, io.BytesIO())


@needs_avif
@pytest.mark.parametrize("numbers", [P3, PQ])
def test_numbers_go_from_avif_to_png_and_back(numbers: tuple[int, int]) -> None:
    first, _ = written(Picture(PATCHES, metadata=Metadata(colour=Colour.of_numbers(*numbers))), "avif")
    assert read_facts(first).numbers == numbers
    picture = read_picture(first)
    second, notes = written(picture, "png")
    assert notes == () and b"cICP" + bytes([*numbers, 0, 1]) in second
    third, _ = written(read_picture(second), "avif")
    assert read_facts(third).numbers == numbers


@needs_avif
def test_an_avif_of_10_bits_is_read_as_16_and_hdr_is_written_with_10() -> None:
    if not CAN_WRITE_DEEP_AVIF:
        pytest.skip("this OpenCV writes no AVIF of 10 bits")
    y, x = np.mgrid[:64, :96]
    deep = np.repeat(((x * 500 + y * 200) & 0xFFFF).astype(np.uint16)[:, :, None], 3, axis=2)
    picture = Picture(to_8_bits(deep), deep=deep, metadata=Metadata(colour=Colour.of_numbers(*PQ)))
    content, notes = written(picture, "avif")
    assert notes == () and read_facts(content).depth == 10
    again = read_picture(content)
    assert again.deep is not None and again.notes == ()
    assert float(np.abs(again.deep.astype(int) - deep).mean()) < 150  # half a level of 8 bits
    alpha = np.full((64, 96), 40_000, np.uint16)
    assert (
        read_picture(written(Picture(picture.pixels, alpha, deep=deep, metadata=picture.metadata), "avif")[0]).alpha
        is not None
    )


def inks(kind: str, profile: bytes | None) -> bytes:
    """A CMYK file."""
    y, x = np.mgrid[:48, :48]
    image = Image.fromarray(np.stack([x * 5, y * 5, (x + y) * 2, x], -1).astype(np.uint8), "CMYK")
    stream = io.BytesIO()
    image.save(stream, kind, **({"icc_profile": profile} if profile else {}))
    return stream.getvalue()


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_inks_are_read_by_their_profile_and_without_one_as_pillow_does(kind: str) -> None:
    profile = cmyk_profile()
    picture, plain = read_picture(inks(kind, profile)), read_picture(inks(kind, None))
    with Image.open(io.BytesIO(inks(kind, profile))) as image:
        source, target = io.BytesIO(profile), ImageCms.createProfile("sRGB")
        shown = ImageCms.profileToProfile(image, source, target, outputMode="RGB")  # pyright: ignore
        assert np.array_equal(picture.pixels[:, :, ::-1], np.asarray(shown))
        assert np.array_equal(plain.pixels[:, :, ::-1], np.asarray(image.convert("RGB")))
    assert picture.metadata.icc is None and picture.notes == ()
    assert float(np.abs(picture.pixels.astype(int) - plain.pixels).mean()) > 10
    broken = read_picture(inks(kind, profile[:400]))
    assert np.array_equal(broken.pixels, plain.pixels)
    assert len(broken.notes) == 1 and "CMYK profile cannot be used" in broken.notes[0]
    foreign = read_picture(inks(kind, ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()))
    assert np.array_equal(foreign.pixels, plain.pixels)
    assert len(foreign.notes) == 1 and "not one of CMYK" in foreign.notes[0]


def test_a_tiff_of_lab_is_read_as_the_colours_it_means() -> None:
    image = Image.fromarray(PATCHES)
    source, target = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    lab = ImageCms.profileToProfile(image, source, target, outputMode="LAB")
    assert lab is not None
    stream = io.BytesIO()
    lab.save(stream, "TIFF")
    found = read_picture(stream.getvalue()).pixels[:, :, ::-1]
    assert float(np.abs(found.astype(int) - PATCHES).mean()) < 3
