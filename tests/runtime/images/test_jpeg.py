"""JPEG files: what does not fit into their segments, and files with more than one picture."""

from __future__ import annotations

import io
import struct

import numpy as np
from PIL import Image

from nitido.images.io import Metadata, Picture, encode_picture, read_picture

PLAIN = np.full((16, 20, 3), 90, np.uint8)
GAIN_MAP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/"'
    b' xmlns:Container="http://ns.google.com/photos/1.0/container/"'
    b' xmlns:Item="http://ns.google.com/photos/1.0/container/item/" hdrgm:Version="1.0" dc:format="kept">'
    b'<Container:Directory><rdf:Seq><rdf:li rdf:parseType="Resource"><Container:Item Item:Semantic="Primary"/>'
    b'</rdf:li><rdf:li rdf:parseType="Resource"><Container:Item Item:Semantic="GainMap" Item:Length="9999"/></rdf:li>'
    b"</rdf:Seq></Container:Directory></rdf:Description></rdf:RDF></x:xmpmeta>"
)
MOVING = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description xmlns:GCamera="http://ns.google.com/photos/1.0/camera/" GCamera:MotionPhoto="1"'
    b' GCamera:MotionPhotoVersion="1" GCamera:Other="kept"/></rdf:RDF></x:xmpmeta>'
)


def written(picture: Picture) -> tuple[bytes, tuple[str, ...]]:
    stream = io.BytesIO()
    notes = encode_picture(picture, "jpeg", stream)
    return stream.getvalue(), notes


def jpeg(xmp: bytes | None = None, extra: bytes = b"") -> bytes:
    stream = io.BytesIO()
    Image.fromarray(PLAIN).save(stream, "JPEG", **({"xmp": xmp} if xmp else {}), extra=extra)
    return stream.getvalue()


def test_exif_is_cut_to_what_fits_largest_first_and_the_rest_stays() -> None:
    exif = Image.Exif()
    exif[0x010F] = "a maker"
    inner = exif.get_ifd(0x8769)
    inner[0x927C], inner[0x9286], inner[0x829D] = bytes(70_000), b"ASCII\0\0\0" + b"x" * 1000, 4.0
    content, notes = written(Picture(PLAIN, metadata=Metadata(exif=exif.tobytes())))
    assert len(notes) == 1 and "EXIF of 71 kB" in notes[0] and notes[0].endswith("left out: MakerNote")
    kept = Image.open(io.BytesIO(content)).getexif()
    assert kept[0x010F] == "a maker" and float(kept.get_ifd(0x8769)[0x829D]) == 4.0
    assert len(kept.get_ifd(0x8769)[0x9286]) > 1000


def test_exif_of_many_large_values_is_cut_more_than_once() -> None:
    exif = Image.Exif()
    for tag in (270, 315, 33432, 0x010F):
        exif[tag] = "x" * 40_000
    _, notes = written(Picture(PLAIN, metadata=Metadata(exif=exif.tobytes())))
    assert len(notes) == 1 and notes[0].count(",") >= 3
    for kind in ("png", "webp", "tiff"):  # these hold it
        assert encode_picture(Picture(PLAIN, metadata=Metadata(exif=exif.tobytes())), kind, io.BytesIO()) == ()


def test_xmp_and_comments_that_do_not_fit_are_said() -> None:
    given = Metadata(xmp=b"<x/>" + b" " * 70_000, comment=b"c" * 70_000)
    content, notes = written(Picture(PLAIN, metadata=given))
    assert sorted(note.split()[0] for note in notes) == ["XMP", "comment"]
    assert read_picture(content).metadata == Metadata()


def test_transparency_that_a_format_has_no_place_for_is_said() -> None:
    alpha = np.full((16, 20), 255, np.uint8)
    assert written(Picture(PLAIN, alpha))[1] == ()  # nothing is lost
    alpha[3, 3] = 254
    assert written(Picture(PLAIN, alpha))[1] == ("jpeg has no transparency; left out",)


def test_of_several_pictures_the_first_is_read_and_the_others_are_counted() -> None:
    stream = io.BytesIO()
    others = [Image.new("RGB", (8, 8), 9)] * 2
    Image.fromarray(PLAIN).save(stream, "MPO", save_all=True, append_images=others)
    picture = read_picture(stream.getvalue())
    assert picture.pixels.shape == PLAIN.shape
    assert picture.notes == ("2 more pictures in the file left out, the first one is used",)


def test_previews_of_a_camera_are_not_worth_a_line() -> None:
    entries = b"".join(struct.pack("<IIIHH", kind, 100, 0, 0, 0) for kind in (0x030000, 0x010001, 0x010002))
    index = b"II*\0\x08\0\0\0" + struct.pack("<HHHII", 1, 0xB002, 7, len(entries), 26) + b"\0" * 4 + entries
    segment = b"\xff\xe2" + struct.pack(">H", 6 + len(index)) + b"MPF\0" + index
    assert read_picture(jpeg(extra=segment)).notes == ()


def test_a_gain_map_is_said_and_xmp_does_not_promise_it() -> None:
    picture = read_picture(jpeg(GAIN_MAP))
    assert len(picture.notes) == 1 and "gain map is left out" in picture.notes[0]
    content, _ = written(picture)
    packet = Image.open(io.BytesIO(content)).info["xmp"]
    assert b'dc:format="kept"' in packet
    for word in (b"hdrgm", b"Container", b"GainMap", b"hdr-gain-map"):
        assert word not in content


def test_the_video_of_a_moving_photo_is_said_and_xmp_does_not_promise_it() -> None:
    picture = read_picture(jpeg(MOVING) + b"\0\0\0\x18ftypmp42" + bytes(100))
    assert picture.notes == ("the video of the moving photo in the file is left out",)
    assert b"MotionPhoto" not in (picture.metadata.xmp or b"")
    assert b'GCamera:Other="kept"' in (picture.metadata.xmp or b"")


def test_xmp_without_companions_stays_byte_for_byte() -> None:
    packet = b'<?xpacket begin=""?><x:xmpmeta xmlns:x="adobe:ns:meta/"  >\n\t</x:xmpmeta><?xpacket end="w"?>'
    assert read_picture(jpeg(packet)).metadata.xmp == packet


def test_a_packet_that_is_not_xml_stays_as_it_is() -> None:
    packet = b"<not closed http://ns.adobe.com/hdr-gain-map/1.0/"
    assert read_picture(jpeg(packet)).metadata.xmp == packet
