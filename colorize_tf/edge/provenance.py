"""The mark that every colorized file carries: its colour was added by software, and by which.

IPTC's digital source type says it to other programs; EXIF Software and XMP CreatorTool name the software and the model.
"""

from __future__ import annotations

import re
from xml.sax.saxutils import quoteattr

from colorize_tf import __version__
from colorize_tf.edge.card import Card

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


def software(card: Card) -> str:
    """`colorize_tf 0.1.0 (mobile 1)`."""
    return f"colorize_tf {__version__} ({card.name} {card.version})"


def updated_xmp(packet: bytes | None, tool: str) -> bytes:
    """The XMP packet with the mark in place of what it said about its source, tool and orientation."""
    text = _readable(packet) or EMPTY
    text = _without(text, IPTC, "DigitalSourceType")
    text = _without(text, XMP, "CreatorTool")
    text = _without(text, TIFF, "Orientation")
    mark = (
        f'<rdf:Description rdf:about="" xmlns:Iptc4xmpExt="{IPTC}" xmlns:xmp="{XMP}" '
        f"Iptc4xmpExt:DigitalSourceType={quoteattr(SOURCE_TYPE)} xmp:CreatorTool={quoteattr(tool)}/>"
    )
    head, end, tail = text.rpartition("</rdf:RDF>")
    return (head + mark + end + tail).encode()


def _readable(packet: bytes | None) -> str | None:
    if not packet or len(packet) > MOST:
        return None
    try:
        text = packet.decode()
    except UnicodeDecodeError:
        return None
    return text.strip("\0") if "</rdf:RDF>" in text else None


def _without(text: str, namespace: str, name: str) -> str:
    """The packet without a property, as attribute or as element, under whatever prefix."""
    for prefix in set(re.findall(rf"xmlns:([\w.-]+)\s*=\s*[\"']{re.escape(namespace)}[\"']", text)):
        property = rf"{re.escape(prefix)}:{name}"
        text = re.sub(rf"\s{property}\s*=\s*(?:\"[^\"]*\"|'[^']*')", "", text)
        text = re.sub(rf"<{property}(?:\s[^<>]*)?(?:/>|>[^<]*</{property}\s*>)", "", text)
    return text
