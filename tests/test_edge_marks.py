"""The mark that says where the colours come from, beside whatever else a file says."""

import io
import struct
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from dataclasses import replace

import pytest
from PIL import Image, PngImagePlugin, TiffImagePlugin

from colorize_tf.apps.work import Settings, colorize_bytes
from colorize_tf.edge.exif import updated_exif
from colorize_tf.edge.graft import graft_exif
from colorize_tf.edge.provenance import SOURCE_TYPE, software, updated_xmp

from .photo_files import COLORIZER, colorized, gray, opened, saved, xmp

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"


def test_xmp_keeps_the_rest_and_says_one_thing_only():
    old = """<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
    <rdf:Description rdf:about="" xmlns:ext="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" xmlns:x2="http://ns.adobe.com/xap/1.0/"
     xmlns:tiff="http://ns.adobe.com/tiff/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/" tiff:Orientation="6"
     ext:DigitalSourceType="http://cv.iptc.org/newscodes/digitalsourcetype/negativeFilm" x2:CreatorTool='Scan "3"'>
    <dc:title>Größe</dc:title><tiff:Orientation>6</tiff:Orientation></rdf:Description></rdf:RDF></x:xmpmeta>"""
    new = updated_xmp(old.encode(), 'tool <1> & "two"')
    again = updated_xmp(new, 'tool <1> & "two"')
    for packet in (new, again):
        text = packet.decode()
        root = ElementTree.fromstring(text)
        assert text.count("DigitalSourceType=") == text.count("CreatorTool=") == 1
        assert "negativeFilm" not in text and "Orientation" not in text and "Größe" in text
        marks = [e for e in root.iter() if "{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}DigitalSourceType" in e.attrib]
        assert marks[0].attrib["{http://ns.adobe.com/xap/1.0/}CreatorTool"] == 'tool <1> & "two"'


@pytest.mark.parametrize("old", [None, b"", b"no xml", b"\xff\xfe\x00", b"<rdf:RDF>" * 9, b"x" * (1 << 21)])
def test_xmp_that_cannot_be_read_is_replaced(old):
    root = ElementTree.fromstring(updated_xmp(old, "tool").decode().strip("\ufeff"))
    assert any(SOURCE_TYPE in e.attrib.values() for e in root.iter())


IPTC = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"


@pytest.mark.parametrize(
    "old",
    [
        f'<rdf:RDF xmlns:rdf="{RDF}"></rdf:RDF><!-- </rdf:RDF> -->',  # the mark would be a comment
        f'<rdf:RDF xmlns:rdf="{RDF}"><a><![CDATA[</rdf:RDF>]]></a></rdf:RDF >',  # or a text
        f'<rdf:RDF xmlns:rdf="{RDF}" xmlns:e="{IPTC}"><e:DigitalSourceType><b/></e:DigitalSourceType></rdf:RDF>',
        f'<rdf:RDF xmlns:rdf="{RDF}" xmlns:e=" {IPTC}" e:x="&lt;"><open></rdf:RDF>',
        f'<!DOCTYPE x [<!ENTITY e "z">]><rdf:RDF xmlns:rdf="{RDF}">&e;</rdf:RDF>',
    ],
)
def test_xmp_in_which_the_mark_would_not_be_found_is_replaced(old):
    notes = []
    new = updated_xmp(old.encode(), "tool", notes=notes)
    assert notes == ["its XMP is damaged, or not in UTF-8, and was left out"]
    found = [e.attrib.get(f"{{{IPTC}}}DigitalSourceType") for e in ElementTree.fromstring(new).iter()]
    assert [value for value in found if value] == [SOURCE_TYPE]
    assert not [e for e in ElementTree.fromstring(new).iter() if "DigitalSourceType" in e.tag]


def exif_of(size, thumbnail=0):
    """A block of this size in all, with a maker's note as long as needed, and at its end maybe a thumbnail."""
    rest = 2 + 12 + 4 + (2 + 24 + 4 if thumbnail else 0)
    note = size - 6 - 8 - rest - thumbnail
    second = 8 + 2 + 12 + 4 if thumbnail else 0
    body = (
        b"II*\0"
        + struct.pack("<I", 8)
        + struct.pack("<HHHII", 1, 0x927C, 7, note, 8 + rest)
        + struct.pack("<I", second)
    )
    if thumbnail:
        body += struct.pack("<HHHIIHHIII", 2, 0x0201, 4, 1, 8 + rest + note, 0x0202, 4, 1, thumbnail, 0)
    body += b"N" * note
    return b"Exif\0\0" + body + b"\xff\xd8".ljust(thumbnail, b"T")[:thumbnail]


def xmp_of(size, inside=""):
    head = f'<rdf:RDF xmlns:rdf="{RDF}" xmlns:x2="http://ns.adobe.com/xap/1.0/">{inside}<!--'
    tail = "--></rdf:RDF>"
    return head + "x" * (size - len(head) - len(tail)) + tail


def jpeg_of(exif=b"", packet=None):
    """The colorized JPEG of a PNG with these, and the notes."""
    text = PngImagePlugin.PngInfo()
    if packet:
        text.add_itxt("XML:com.adobe.xmp", packet)
    notes = []
    return opened(colorized(saved(gray(), "PNG", pnginfo=text, exif=exif), "JPEG", notes=notes)), notes


@pytest.mark.parametrize(("size", "thumbnail"), [(64_952, 0), (65_533, 9_000), (70_000, 9_000)])
def test_exif_that_a_jpeg_holds_without_its_thumbnail_is_kept(size, thumbnail):
    block = exif_of(size, thumbnail)
    assert len(block) == size
    image, notes = jpeg_of(block)
    exif = image.getexif()
    assert notes == []
    assert exif[0x927C] == b"N" * block.count(b"N")
    assert exif[0x0131].startswith("colorize_tf")
    assert (b"TTTT" in image.info["exif"]) is False


@pytest.mark.parametrize("block", [exif_of(65_533), exif_of(80_000, 9_000)])
def test_exif_beyond_that_is_left_out_with_a_note(block):
    image, notes = jpeg_of(block)
    assert notes == ["its EXIF is larger than the 65,533 bytes that fit and was left out"]
    assert dict(image.getexif()).keys() >= {0x0112, 0x0131}
    assert 0x927C not in image.getexif()


def test_xmp_loses_its_thumbnails_before_all_the_rest():
    thumbnails = f"<x2:Thumbnails><rdf:Alt>\n{'A' * 30_000}</rdf:Alt></x2:Thumbnails>"
    image, notes = jpeg_of(packet=xmp_of(90_000, thumbnails))
    assert (notes, "x" * 59_000 in xmp(image), "Thumbnails" in xmp(image)) == ([], True, False)
    image, notes = jpeg_of(packet=xmp_of(65_100, thumbnails))
    assert (notes, "Thumbnails" in xmp(image)) == ([], True)  # there is room for them
    image, notes = jpeg_of(packet=xmp_of(65_504))
    assert notes == ["its XMP is larger than the 65,504 bytes that fit and was left out"]
    assert SOURCE_TYPE in xmp(image)


def test_xmp_that_a_png_has_as_text_is_kept():
    packet = xmp_of(500)
    for digits, kept in ((packet.encode().hex(), True), ("beef", False)):
        text, notes = PngImagePlugin.PngInfo(), []
        text.add_text("Raw profile type xmp", f"\nxmp\n{len(packet):8d}\n{digits}\n", zip=True)
        image = opened(colorized(saved(gray(), "PNG", pnginfo=text), notes=notes))
        assert ("xxxxx" in xmp(image)) == kept and SOURCE_TYPE in xmp(image)
        assert notes == ([] if kept else ["its XMP is damaged, or not in UTF-8, and was left out"])


def test_no_xmp_takes_hours():
    prefixes = "".join(f'xmlns:x{number}="http://ns.adobe.com/xap/1.0/" ' for number in range(20_000))
    for many in (" " * 900_000, "<x2:Thumbnails>" * 60_000, prefixes):
        command = "import sys; from colorize_tf.edge.provenance import updated_xmp; notes = []; "
        command += "updated_xmp(sys.stdin.buffer.read(), 'tool', 65_504, notes); print(*notes)"
        packet = xmp_of(990_000, many).encode()
        done = subprocess.run(
            [sys.executable, "-c", command], input=packet, capture_output=True, timeout=60, check=True
        )
        assert done.stdout.startswith(b"its XMP is larger than the 65,504 bytes that fit")


@pytest.mark.parametrize(
    ("exif", "packet", "note"),
    [
        (b"Exif\0\0II*\0\xff\xff\xff\xff", None, "its EXIF is damaged and was left out"),
        (None, b"x" * ((1 << 20) + 1), "its XMP is larger than 1,048,576 bytes and was left out"),
        (None, xmp_of(500).encode("utf-16"), "its XMP is damaged, or not in UTF-8, and was left out"),
        (None, b"no xml", "its XMP is damaged, or not in UTF-8, and was left out"),
        (b"Exif\0\0", b"", None),
    ],
)
def test_nothing_is_left_out_without_a_note(exif, packet, note):
    notes = []
    updated_exif(exif, "tool", (3, 4), notes=notes)
    updated_xmp(packet, "tool", notes=notes)
    assert notes == ([note] if note else [])


def test_notes_of_the_writer_reach_the_result():
    content, notes = saved(gray(), "PNG", exif=exif_of(80_000)), []
    colorize_bytes(content, COLORIZER, Settings(), "JPEG", notes)
    assert notes == ["its EXIF is larger than the 65,533 bytes that fit and was left out"]


@pytest.mark.parametrize("name", ["line\nand\0nothing", "half \ud800 a letter", "\x1b[31m", "long" * 20_000])
def test_no_name_of_a_model_keeps_the_mark_out(name):
    tool = software(replace(COLORIZER.card, name=name))
    assert len(tool) <= 200
    (mark,) = ElementTree.fromstring(updated_xmp(None, tool, 65_504)).iter(
        "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}Description"
    )
    assert SOURCE_TYPE in mark.attrib.values()
    exif = Image.Exif()
    exif.load(updated_exif(None, tool, (3, 4)))
    assert exif[0x0131].startswith("colorize_tf")


# --- in a TIFF, whose tags these are ---


def block_of(*entries):
    """An EXIF block of these: tag, type, count, four bytes of value or place."""
    raw = b"".join(struct.pack("<HHI4s", *entry) for entry in entries)
    return b"Exif\0\0II*\0" + struct.pack("<IH", 8, len(entries)) + raw + bytes(4) + b"long text\0"


@pytest.mark.parametrize(
    ("entry", "sound"),
    [
        ((0x010D, 6, 1, b"\x05\0\0\0"), True),  # a name that is a number: libtiff reads there as from a pointer
        ((0x80E5, 3, 1, b"\x05\0\0\0"), True),  # how deep the picture is
        ((0x0100, 4, 1, b"\xff\xff\xff\x7f"), True),  # how wide
        ((0x9003, 2, 1 << 31, b"\x1a\0\0\0"), False),  # a text that is longer than the block
        ((0x9003, 99, 5, b"\x1a\0\0\0"), False),  # of no known type
        ((0x8769, 4, 1, b"\xff\xff\xff\xff"), False),  # a directory that is elsewhere
        ((0x8769, 2, 1, b"\xff\0\0\0"), True),  # or no number
    ],
)
def test_tags_that_lie_do_no_harm_in_a_tiff(entry, sound):
    notes = []
    content = saved(gray(), "JPEG", exif=block_of((0x010F, 2, 10, b"\x26\0\0\0"), entry))
    image = opened(colorized(content, "TIFF", notes=notes))
    assert image.size == (90, 60)
    assert image.getexif()[0x010F] == "long text"
    assert image.getexif()[0x0112] == 1
    assert notes == ([] if sound else ["some of its EXIF is damaged and was left out"])


def test_a_block_whose_values_overlap_stays_small():
    whole = struct.pack("<I", 0)
    block = block_of(*((0x9000 + number, 7, 1200, whole) for number in range(100)))
    file = io.BytesIO(saved(gray(), "TIFF"))
    before = len(file.getvalue())
    graft_exif(file, [block])
    assert len(file.getvalue()) < before + 2 * len(block)
    assert 0x9000 in opened(file.getvalue()).getexif()


def test_each_page_keeps_what_it_says():
    pages = io.BytesIO()
    with TiffImagePlugin.AppendingTiffWriter(pages) as writer:
        for text in ("first", "second", "third"):
            exif = Image.Exif()
            exif[0x010E] = text
            gray().save(writer, "TIFF", exif=exif)
            writer.newFrame()
    image = Image.open(io.BytesIO(colorized(pages.getvalue())))
    assert image.n_frames == 3
    for number, text in enumerate(("first", "second", "third")):
        image.seek(number)
        image.load()
        assert image.tag_v2[0x010E] == text
        assert image.tag_v2[0x0131].startswith("colorize_tf")


def test_tags_of_a_tiff_that_cannot_be_kept_are_left_out_with_a_note():
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags.tagtype[65000] = 16
    tags[65000], tags[0x010E] = 1 << 40, "what is sound"
    notes = []
    image = opened(colorized(saved(gray(), "TIFF", tiffinfo=tags), notes=notes))
    assert notes == ["some of its TIFF tags are damaged and were left out"]
    assert image.getexif()[0x010E] == "what is sound"
