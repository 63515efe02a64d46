package tf.colorize.core

import org.xml.sax.Attributes
import org.xml.sax.InputSource
import org.xml.sax.SAXException
import org.xml.sax.helpers.DefaultHandler
import java.io.StringReader
import javax.xml.parsers.SAXParserFactory

/** The mark that every colorized photo carries: its colour was added by software, and by which. */
object Provenance {
    /** https://cv.iptc.org/newscodes/digitalsourcetype/: a photograph to which a trained model added something. */
    const val SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"

    private const val IPTC = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
    private const val XMP = "http://ns.adobe.com/xap/1.0/"
    private const val TIFF = "http://ns.adobe.com/tiff/1.0/"
    private const val EMPTY = "<?xpacket begin=\"\uFEFF\" id=\"W5M0MpCehiHzreSzNTczkc9d\"?>\n" +
        "<x:xmpmeta xmlns:x=\"adobe:ns:meta/\"><rdf:RDF xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\">" +
        "</rdf:RDF></x:xmpmeta>\n<?xpacket end=\"w\"?>"
    private const val END = "</rdf:RDF>"
    private const val MOST = 1 shl 20 // bytes of existing XMP that are kept
    private const val LONGEST = 200 // characters of the software's name

    /** `colorize_tf 0.1.0 (mobile 1)`, of what characters and length a card may have: nothing may keep the mark out. */
    fun software(version: String, card: Card): String {
        val line = "colorize_tf $version (${card.name} ${card.version})".codePoints().map { if (printable(it)) it else ' '.code }.toArray()
        return if (line.size <= LONGEST) String(line, 0, line.size) else String(line, 0, LONGEST - 1) + "…"
    }

    private fun printable(code: Int) = when (Character.getType(code).toByte()) {
        Character.CONTROL, Character.FORMAT, Character.SURROGATE, Character.PRIVATE_USE, Character.UNASSIGNED,
        Character.LINE_SEPARATOR, Character.PARAGRAPH_SEPARATOR,
        -> false
        else -> true
    }

    /** An XMP packet with the mark alone. */
    fun freshXmp(tool: String): ByteArray = marked(EMPTY, tool)

    /**
     * The XMP packet with the mark in place of what it said about its source, tool and orientation; null where it cannot
     * be read, nobody would find the mark in it, or it would be longer than [most] bytes even without the thumbnails.
     */
    fun updatedXmp(packet: ByteArray, tool: String, most: Int = Int.MAX_VALUE): ByteArray? {
        val text = packet.takeIf { it.size <= MOST }?.let(::readable) ?: return null
        val new = marked(text, tool).takeIf { it.size <= most } ?: marked(withoutThumbnails(text), tool).takeIf { it.size <= most }
        return new?.takeIf(::saysItOnce)
    }

    /** Whether other programs will find the mark, and nothing that contradicts it. */
    private fun saysItOnce(packet: ByteArray): Boolean {
        val text = packet.decodeToString().removePrefix("\uFEFF")
        if ("<!DOCTYPE" in text) return false // has no place in XMP, and might define any text to mean any other
        val found = SourceTypes()
        try {
            val parser = SAXParserFactory.newInstance().apply { isNamespaceAware = true }.newSAXParser()
            parser.parse(InputSource(StringReader(text)), found) // not its bytes, which might hide a DOCTYPE in another encoding
        } catch (_: SAXException) {
            return false
        }
        return found.said == listOf(SOURCE_TYPE)
    }

    private class SourceTypes : DefaultHandler() {
        val said = ArrayList<String>()

        override fun startElement(uri: String, name: String, qualified: String, attributes: Attributes) {
            val value = attributes.getValue(IPTC, "DigitalSourceType")
                ?: if (uri == IPTC && name == "DigitalSourceType") "other" else return
            if (value.isNotEmpty()) said.add(value)
        }
    }

    private fun marked(packet: String, tool: String): ByteArray {
        var text = packet
        for ((namespace, name) in listOf(IPTC to "DigitalSourceType", XMP to "CreatorTool", TIFF to "Orientation")) {
            text = without(text, namespace, name)
        }
        val mark = "<rdf:Description rdf:about=\"\" xmlns:Iptc4xmpExt=\"$IPTC\" xmlns:xmp=\"$XMP\" " +
            "Iptc4xmpExt:DigitalSourceType=\"$SOURCE_TYPE\" xmp:CreatorTool=\"${escaped(tool)}\"/>"
        val end = text.lastIndexOf(END)
        return (text.substring(0, end) + mark + text.substring(end)).encodeToByteArray()
    }

    private fun readable(packet: ByteArray): String? = try {
        packet.decodeToString(throwOnInvalidSequence = true).trim('\u0000').takeIf { END in it }
    } catch (_: CharacterCodingException) {
        null
    }

    /** The packet without pictures of the photo, which show it without its colour, and without room to grow. */
    private fun withoutThumbnails(packet: String): String {
        var text = packet
        for (prefix in prefixes(packet, XMP)) {
            val element = "${Regex.escape(prefix)}:Thumbnails"
            text = text.replace(Regex("<$element\\b.*?</$element\\s*>", RegexOption.DOT_MATCHES_ALL), "")
        }
        return text.replace(Regex("\\s+(?=<\\?xpacket end)"), "\n")
    }

    private fun prefixes(packet: String, namespace: String): Set<String> =
        Regex("xmlns:([\\w.-]+)\\s*=\\s*[\"']${Regex.escape(namespace)}[\"']").findAll(packet).map { it.groupValues[1] }.toSet()

    /** The packet without a property, as attribute or as element, under whatever prefix. */
    private fun without(packet: String, namespace: String, name: String): String {
        var text = packet
        for (prefix in prefixes(packet, namespace)) {
            val property = "${Regex.escape(prefix)}:$name"
            text = text.replace(Regex("\\s$property\\s*=\\s*(?:\"[^\"]*\"|'[^']*')"), "")
            text = text.replace(Regex("<$property(?:\\s[^<>]*)?(?:/>|>[^<]*</$property\\s*>)"), "")
        }
        return text
    }

    private fun escaped(text: String) =
        text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\"", "&quot;")
}
