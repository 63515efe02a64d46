"""What archives and agencies write into photos beside EXIF and XMP."""

import io

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

import colorize_tf.edge.jpeg as jpeg

from .photo_files import colorized, gray, opened, saved

# IPTC's record 2: a caption (120) and who wrote it (122).
IPTC = b"\x1c\x02\x78\x00\x0fMother, in 1936." + b"\x1c\x02\x7a\x00\x06J. Doe"
RESOURCE = b"Photoshop 3.0\0" + b"8BIM\x04\x04\0\0" + len(IPTC).to_bytes(4, "big") + IPTC + bytes(len(IPTC) % 2)
SEGMENT = b"\xff\xed" + (len(RESOURCE) + 2).to_bytes(2, "big") + RESOURCE
COMMENT = "from the scanner, Größe 2"


def scanned() -> bytes:
    return saved(gray(), "JPEG", extra=SEGMENT, comment=COMMENT.encode())


def with_texts(image: Image.Image, **texts: str) -> bytes:
    info = PngImagePlugin.PngInfo()
    for key, text in texts.items():
        info.add_itxt(key, text)
    return saved(image, "PNG", pnginfo=info)


def texts_of(content: bytes) -> dict[str, str]:
    image = opened(content)
    image.load()
    return {key: str(text) for key, text in image.text.items() if not key.startswith("XML")}


@pytest.mark.parametrize("threads", [1, 2])
def test_a_jpeg_keeps_its_caption_and_comment(threads, monkeypatch):
    monkeypatch.setattr(jpeg, "SMALL", 0)
    content, notes = scanned(), []
    result = colorized(content, notes=notes, threads=threads)
    image = opened(result)
    assert image.info["photoshop"] == opened(content).info["photoshop"] == {0x0404: IPTC}
    assert image.info["comment"].decode() == COMMENT
    assert notes == []


def test_a_png_keeps_its_texts_and_a_jpeg_made_of_it_has_them():
    content = with_texts(gray(), Author="Jane Smith", Description="Großmutter", Software="Scan 1")
    notes = []
    assert texts_of(colorized(content, notes=notes)) == {"Author": "Jane Smith", "Description": "Großmutter"}
    comment = opened(colorized(content, "JPEG", notes=notes)).info["comment"].decode()
    assert comment == "Author: Jane Smith\nDescription: Großmutter"
    assert notes == []


def test_an_old_comment_is_read_as_it_was_written():
    image = opened(colorized(saved(gray(), "JPEG", comment="Größe".encode("latin-1"))))
    assert image.info["comment"].decode() == "Größe"


def test_of_several_comments_none_is_lost():
    content = scanned()
    content = content[:2] + b"\xff\xfe\0\x0egd-jpeg v1.0" + content[2:]
    assert opened(colorized(content)).info["comment"].decode() == f"gd-jpeg v1.0\n{COMMENT}"


def test_what_imagemagick_hides_in_texts_is_no_comment():
    profile = "\nexif\n       2\nffff\n"
    said = {"Raw profile type exif": profile, "Raw profile type xmp": profile, "Raw profile type iptc": profile}
    content, notes = with_texts(gray(), **said, Title="On the terrace"), []
    assert texts_of(colorized(content)) == {"Raw profile type iptc": profile, "Title": "On the terrace"}
    assert opened(colorized(content, "JPEG", notes=notes)).info["comment"] == b"Title: On the terrace"
    assert "its IPTC captions are written as ImageMagick does and were left out" in notes


def test_what_else_imagemagick_hides_in_texts_is_said():
    content, notes = with_texts(gray(), **{"Raw profile type 8bim": "\n8bim\n       1\nff\n", "Title": "Anna"}), []
    assert texts_of(colorized(content, notes=notes)) == {"Title": "Anna"}
    assert notes == ["what ImageMagick calls its 8bim profile was left out"]


def test_a_deep_png_keeps_its_texts():
    imagecodecs = pytest.importorskip("imagecodecs", reason="pip install 'colorize-tf[photo16]' runs it")
    deep = Image.fromarray(np.asarray(gray()).astype(np.uint16) * 257)
    result = colorized(with_texts(deep, Author="Jané"))
    assert imagecodecs.png_decode(result).dtype == np.uint16
    assert texts_of(result) == {"Author": "Jané"}


@pytest.mark.parametrize("deep", [False, True])
def test_a_tiff_keeps_its_caption(deep):
    if deep:
        tifffile = pytest.importorskip("tifffile", reason="pip install 'colorize-tf[photo16]' runs it")
        out = io.BytesIO()
        pixels = np.stack([np.asarray(gray()).astype(np.uint16) * 257] * 3, -1)
        tifffile.imwrite(out, pixels, photometric="rgb", extratags=[(33723, 7, len(IPTC), IPTC, True)], metadata=None)
        content = out.getvalue()
    else:
        tags = Image.Exif()
        tags[33723] = IPTC
        content = saved(gray(), "TIFF", exif=tags)
    notes = []
    assert opened(colorized(content, notes=notes)).tag_v2[33723] == IPTC
    assert opened(colorized(content, "JPEG", notes=notes)).info["photoshop"] == {0x0404: IPTC}
    assert opened(colorized(scanned(), "TIFF")).tag_v2[33723] == IPTC
    assert notes == []


CAPTIONS, COMMENTS = (f"its {what} have no place in {{}} and were left out" for what in ("IPTC captions", "comments"))


@pytest.mark.parametrize(
    ("format", "said"), [("PNG", [CAPTIONS]), ("TIFF", [COMMENTS]), ("WEBP", [CAPTIONS, COMMENTS])]
)
def test_what_a_format_has_no_place_for_is_said(format, said):
    notes = []
    colorized(scanned(), format, notes=notes)
    assert notes == [one.format(format) for one in said]


def test_what_is_too_long_or_lies_in_two_parts_is_said():
    notes = []
    long = with_texts(gray(), Description="a" * 70_000)
    assert "comment" not in opened(colorized(long, "JPEG", notes=notes)).info
    assert notes == ["its texts are too long for a JPEG's comment and were left out"]
    packet = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><r xmpNote:HasExtendedXMP="0" xmlns:xmpNote="n"/></x:xmpmeta>'
    colorized(saved(gray(), "JPEG", xmp=packet), notes=notes)
    assert "the second part of its XMP was left out" in notes
