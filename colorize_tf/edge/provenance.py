"""The mark that every colorized file carries: its colour was added by software, and by which.

IPTC's digital source type says it to other programs; EXIF Software and XMP CreatorTool name the software and the model.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from xml.sax.saxutils import quoteattr

from colorize_tf import __version__
from colorize_tf.edge.card import Card
from colorize_tf.errors import shorten

__all__ = ["SOURCE_TYPE", "software", "updated_xmp"]

# https://cv.iptc.org/newscodes/digitalsourcetype/: a photograph to which a trained model added something.
SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
IPTC, XMP, TIFF = (
    "http://iptc.org/std/Iptc4xmpExt/2008-02-29/",
    "http://ns.adobe.com/xap/1.0/",
    "http://ns.adobe.com/tiff/1.0/",
)
EMPTY = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n'
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '</rdf:RDF></x:xmpmeta>\n<?xpacket end="w"?>'
)
MOST = 1 << 20  # bytes of existing XMP that are kept
DAMAGED = "its XMP is damaged, or not in UTF-8, and was left out"


def software(card: Card) -> str:
    """`colorize_tf 0.1.0 (mobile 1)`, of what characters and length a card may have: nothing may keep the mark out."""
    return shorten(f"colorize_tf {__version__} ({card.name} {card.version})")


def updated_xmp(packet: bytes | None, tool: str, most: int | None = None, notes: list[str] | None = None) -> bytes:
    """The XMP packet with the mark in place of what it said about its source, tool and orientation.

    Where it gets longer than `most` bytes it is given up, the thumbnails in it first; that, or that it could not be
    read, is added to `notes`.
    """
    said = [] if notes is None else notes
    text = _readable(packet, said)
    if text:
        new = _marked(text, tool)
        if most and len(new) > most:
            new = _marked(_without_thumbnails(text), tool)
        if most and len(new) > most:
            said.append(f"its XMP is larger than the {most:,} bytes that fit and was left out")
        elif not _says_it_once(new):
            said.append(DAMAGED)
        else:
            return new
    return _marked(EMPTY, tool)


def _says_it_once(packet: bytes) -> bool:
    """Whether other programs will find the mark, and nothing that contradicts it."""
    if b"<!DOCTYPE" in packet:  # has no place in XMP, and might define any text to mean any other
        return False
    try:
        elements = list(ElementTree.fromstring(packet).iter())
    except ElementTree.ParseError:
        return False
    name = f"{{{IPTC}}}DigitalSourceType"
    said = [element.get(name, "other" if element.tag == name else None) for element in elements]
    return [value for value in said if value] == [SOURCE_TYPE]


def _marked(text: str, tool: str) -> bytes:
    text = _without(text, IPTC, "DigitalSourceType")
    text = _without(text, XMP, "CreatorTool")
    text = _without(text, TIFF, "Orientation")
    mark = (
        f'<rdf:Description rdf:about="" xmlns:Iptc4xmpExt="{IPTC}" xmlns:xmp="{XMP}" '
        f"Iptc4xmpExt:DigitalSourceType={quoteattr(SOURCE_TYPE)} xmp:CreatorTool={quoteattr(tool)}/>"
    )
    head, end, tail = text.rpartition("</rdf:RDF>")
    return (head + mark + end + tail).encode()


def _readable(packet: bytes | None, notes: list[str]) -> str | None:
    if not packet:
        return None
    if len(packet) > MOST:
        notes.append(f"its XMP is larger than {MOST:,} bytes and was left out")
        return None
    try:
        text = packet.decode()
    except UnicodeDecodeError:
        text = ""
    if "</rdf:RDF>" not in text:
        notes.append(DAMAGED)
        return None
    return text.strip("\0")


def _without_thumbnails(text: str) -> str:
    """The packet without pictures of the photo, which show it without its colour, and without room to grow."""
    # No search goes on beyond where the next begins: else a packet of many beginnings would take hours.
    thumbnails = r"<([\w.-]+):Thumbnails\b(?:(?!<\1:Thumbnails\b).)*?</\1:Thumbnails\s*>"
    text = _without_those(text, XMP, re.compile(thumbnails, re.DOTALL))
    return re.sub(r"(?<!\s)\s+(?=<\?xpacket end)", "\n", text)


def _without(text: str, namespace: str, name: str) -> str:
    """The packet without a property, as attribute or as element, under whatever prefix."""
    text = _without_those(text, namespace, re.compile(rf"\s([\w.-]+):{name}\s*=\s*(?:\"[^\"]*\"|'[^']*')"))
    element = rf"<([\w.-]+):{name}(?:\s[^<>]*)?(?:/>|>[^<]*</\1:{name}\s*>)"
    return _without_those(text, namespace, re.compile(element))


def _without_those(text: str, namespace: str, pattern: re.Pattern[str]) -> str:
    """The packet without what matches, if the prefix, the first group, is one of the namespace."""
    prefixes = set(re.findall(rf"xmlns:([\w.-]+)\s*=\s*[\"']{re.escape(namespace)}[\"']", text))
    return pattern.sub(lambda match: "" if match[1] in prefixes else match[0], text)
