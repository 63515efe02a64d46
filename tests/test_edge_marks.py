"""The mark that says where the colours come from, beside whatever else a file says."""

import xml.etree.ElementTree as ElementTree

import pytest
from PIL import PngImagePlugin

from colorize_tf.edge.provenance import SOURCE_TYPE, updated_xmp

from .photo_files import camera_exif, colorized, gray, opened, saved, xmp


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


def test_more_xmp_or_exif_than_a_jpeg_holds_does_not_lose_the_mark():
    text = PngImagePlugin.PngInfo()
    text.add_itxt("XML:com.adobe.xmp", f"<rdf:RDF><!--{'x' * 70_000}--></rdf:RDF>")
    content = saved(gray(), "PNG", pnginfo=text, exif=camera_exif() + bytes(70_000))
    image = opened(colorized(content, "JPEG"))
    assert SOURCE_TYPE in xmp(image)
    assert image.getexif()[0x0131].startswith("colorize_tf")
