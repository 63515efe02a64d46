package tf.colorize.core

import org.junit.Assert.assertArrayEquals
import org.junit.Assert.assertEquals
import org.junit.Assert.assertTrue
import org.junit.Test
import java.io.ByteArrayInputStream
import java.io.ByteArrayOutputStream
import java.io.File
import java.nio.ByteBuffer
import java.nio.ByteOrder
import javax.imageio.ImageIO

/** What a photo's file says besides its pixels goes along, with the mark. */
class MetadataTest {
    @Test fun theMarkAndTheOldMetadataGoIntoAJpeg() {
        val old = Metadata(exif(), "<x:xmpmeta xmlns:x=\"adobe:ns:meta/\"><rdf:RDF xmlns:rdf=\"r\"><rdf:Description rdf:about=\"\" xmlns:dc=\"d\" dc:title=\"Harbour\"/></rdf:RDF></x:xmpmeta>".encodeToByteArray())
        val out = ByteArrayOutputStream()
        Metadata.intoJpeg(out, old.marked("tool <1>", 40, 30, Metadata.Room.OF_JPEG)).use { through ->
            val bytes = ByteArrayOutputStream().also { ImageIO.write(ImageIO.read(png()), "jpg", it) }.toByteArray()
            through.write(bytes[0].toInt()) // an encoder may write in pieces of any size
            through.write(bytes, 1, 100)
            through.write(bytes, 101, bytes.size - 101)
        }
        assertEquals(100, ImageIO.read(ByteArrayInputStream(out.toByteArray())).width)
        val found = Metadata.read(ByteBuffer.wrap(out.toByteArray()))
        val xmp = found.xmp!!.decodeToString()
        assertTrue(xmp, Provenance.SOURCE_TYPE in xmp && "Harbour" in xmp && "tool &lt;1&gt;" in xmp)
        val exif = found.exif!!.toString(Charsets.ISO_8859_1)
        assertTrue("tool <1>" in exif && "Maker" in exif)
    }

    @Test fun theMarkGoesIntoAPng() {
        val out = ByteArrayOutputStream()
        Metadata.intoPng(out, Metadata().marked("tool", 100, 75)).use { it.write(png().readBytes()) }
        assertEquals(75, ImageIO.read(ByteArrayInputStream(out.toByteArray())).height)
        val found = Metadata.read(ByteBuffer.wrap(out.toByteArray()))
        assertTrue(Provenance.SOURCE_TYPE in found.xmp!!.decodeToString())
        assertTrue("tool" in found.exif!!.toString(Charsets.ISO_8859_1))
    }

    @Test fun theMarkIsWrittenOnce() {
        val once = Provenance.freshXmp("tool 1")
        val twice = Provenance.updatedXmp(once, "tool 2")!!.decodeToString()
        assertEquals(1, Regex("DigitalSourceType=").findAll(twice).count())
        assertTrue("tool 2" in twice && "tool 1" !in twice)
    }

    @Test fun orientationBecomesUpright() {
        val exif = Exif.updated(exif(), "tool", 640, 480)!!
        assertArrayEquals(byteArrayOf(0x4D, 0x4D), exif.copyOf(2)) // the byte order is kept
        val entries = entries(exif)
        assertEquals(1, entries[0x0112])
        assertEquals(setOf(0x010F, 0x0112, 0x0131), entries.keys)
        assertArrayEquals(exif().drop(8).toByteArray(), exif.copyOfRange(8, exif().size)) // not a byte moved
    }

    @Test fun damagedExifIsReplaced() {
        for (damaged in listOf(ByteArray(3), "II*\u0000\u00ff\u00ff\u00ff\u007f".toByteArray(Charsets.ISO_8859_1), "hello world".toByteArray())) {
            val marked = Metadata(exif = damaged).marked("tool", 1, 1)
            assertEquals(setOf(0x0112, 0x0131), entries(marked.exif).keys)
            assertEquals(listOf("EXIF"), marked.leftOut)
        }
    }

    @Test fun xmpInWhichNobodyWouldFindTheMarkIsReplacedAndNamed() {
        val head = "<rdf:RDF xmlns:rdf=\"$RDF\" xmlns:e=\"$IPTC\">"
        for (old in listOf(
            "$head<a>salt & pepper</a></rdf:RDF>",
            "$head<a></rdf:RDF>",
            "$head<!-- </rdf:RDF>",
            "$head</rdf:RDF><!-- </rdf:RDF> -->", // the mark would be a comment
            "$head<a><![CDATA[</rdf:RDF>]]></a></rdf:RDF >", // or a text
            "$head<e:DigitalSourceType><b>digitalCapture</b></e:DigitalSourceType></rdf:RDF>",
            "<!DOCTYPE x [<!ENTITY e \"z\">]>$head&e;</rdf:RDF>",
            "$head<undeclared:a/></rdf:RDF>",
        )) {
            val marked = Metadata(xmp = old.encodeToByteArray()).marked("tool", 3, 4)
            assertEquals(old, listOf("XMP"), marked.leftOut)
            assertArrayEquals(old, Provenance.freshXmp("tool"), marked.xmp)
        }
    }

    @Test fun xmpThatSaysItInOneWayOrAnotherIsKept() {
        for (old in listOf(
            "<e:DigitalSourceType>digitalCapture</e:DigitalSourceType>", "<e:DigitalSourceType rdf:resource=\"digitalCapture\"/>",
            "<rdf:Description e:DigitalSourceType='digitalCapture'/>", "",
        )) {
            val packet = "\uFEFF<?xpacket begin=\"\"?><rdf:RDF xmlns:rdf=\"$RDF\" xmlns:e=\"$IPTC\"><kept/>$old</rdf:RDF><?xpacket end=\"w\"?>"
            val marked = Metadata(xmp = packet.encodeToByteArray() + ByteArray(2)).marked("tool", 3, 4)
            assertEquals(old, emptyList<String>(), marked.leftOut)
            assertTrue(old, "<kept/>" in marked.xmp.decodeToString() && "digitalCapture" !in marked.xmp.decodeToString())
        }
    }

    @Test fun noNameOfAModelKeepsTheMarkOut() {
        for (name in listOf("line\nand\u0000nothing", "half \uD800 a letter", "\u001B[31m", "\u0001", "long".repeat(20_000), "\uD83C\uDFA8".repeat(200))) {
            val tool = Provenance.software("0.1.0", Card(name, "float32", null, abScale = 2, version = name))
            assertEquals(name, tool.codePointCount(0, tool.length), minOf(200, "colorize_tf 0.1.0 ($name $name)".let { it.codePointCount(0, it.length) }))
            assertTrue(tool, tool.startsWith("colorize_tf 0.1.0 (") && tool.none { it.isISOControl() })
            val (leftOut, kept) = throughJpeg(Metadata(exif(), Provenance.freshXmp("old")), tool)
            assertEquals(name, emptyList<String>(), leftOut) // the packet with it is XML
            assertTrue(name, "colorize_tf" in kept.exif!!.toString(Charsets.ISO_8859_1))
        }
    }

    @Test fun bytesThatFillAGapInAJpegHideNothing() {
        val out = ByteArrayOutputStream()
        Metadata.intoJpeg(out, Metadata(exif()).marked("tool", 3, 4)).use { it.write(byteArrayOf(-1, 0xD8.toByte(), -1, 0xD9.toByte())) }
        for (gap in 1..3) {
            val filled = out.toByteArray().let { it.copyOf(2) + ByteArray(gap) { -1 } + it.drop(2) }
            val found = Metadata.read(ByteBuffer.wrap(filled))
            assertTrue("Maker" in found.exif!!.toString(Charsets.ISO_8859_1) && found.xmp != null)
        }
        assertEquals(null, Metadata.read(ByteBuffer.wrap(byteArrayOf(-1, 0xD8.toByte(), -1, -1, -1))).exif)
    }

    // --- what a JPEG has room for; sizes as in tests/test_edge_marks.py ---

    @Test fun exifThatAJpegHoldsWithoutItsThumbnailIsKept() {
        for ((size, thumbnail) in listOf(64_952 to 0, 65_533 to 9_000, 70_000 to 9_000)) {
            for (order in listOf(ByteOrder.LITTLE_ENDIAN, ByteOrder.BIG_ENDIAN)) {
                val block = exifOf(size, thumbnail, order)
                val kept = throughJpeg(Metadata(exif = block))
                assertEquals("$size, $order", emptyList<String>(), kept.first)
                val exif = kept.second.exif!!
                assertEquals(setOf(0x0112, 0x0131, 0x927C), entries(exif).keys.map { it and 0xFFFF }.toSet())
                assertEquals(block.count { it == 'N'.code.toByte() }, exif.count { it == 'N'.code.toByte() })
                assertTrue("the thumbnail", "TTTT" !in exif.toString(Charsets.ISO_8859_1))
            }
        }
    }

    @Test fun exifBeyondThatIsLeftOutAndNamed() {
        for (block in listOf(exifOf(65_533), exifOf(80_000, 9_000))) {
            val (leftOut, kept) = throughJpeg(Metadata(exif = block))
            assertEquals(listOf("EXIF"), leftOut)
            assertEquals(setOf(0x0112, 0x0131), entries(kept.exif!!).keys)
            assertEquals(emptyList<String>(), Metadata(exif = block).marked("tool", 3, 4).leftOut) // a PNG takes it
        }
    }

    @Test fun aThumbnailThatIsNotTheLastIsNotCutOff() {
        val block = exifOf(70_000, 9_000) + byteArrayOf(7)
        assertEquals(listOf("EXIF"), throughJpeg(Metadata(exif = block)).first)
    }

    @Test fun xmpLosesItsThumbnailsBeforeAllTheRest() {
        val thumbnails = "<x2:Thumbnails><rdf:Alt>\n${"A".repeat(30_000)}</rdf:Alt></x2:Thumbnails>"
        val (none, slim) = throughJpeg(Metadata(xmp = xmpOf(90_000, thumbnails)))
        assertEquals(emptyList<String>(), none)
        assertTrue("x".repeat(59_000) in slim.xmp!!.decodeToString() && "Thumbnails" !in slim.xmp.decodeToString())
        val (nothing, whole) = throughJpeg(Metadata(xmp = xmpOf(65_100, thumbnails)))
        assertEquals(emptyList<String>(), nothing)
        assertTrue("Thumbnails" in whole.xmp!!.decodeToString()) // there is room for them
        val (leftOut, mark) = throughJpeg(Metadata(xmp = xmpOf(65_504)))
        assertEquals(listOf("XMP"), leftOut)
        assertTrue(Provenance.SOURCE_TYPE in mark.xmp!!.decodeToString())
    }

    @Test fun nothingIsLeftOutUnnamed() {
        val named = "Exif\u0000\u0000".encodeToByteArray()
        for ((metadata, leftOut) in listOf(
            Metadata(exif = named + "II*\u0000".encodeToByteArray() + ByteArray(4) { -1 }) to "EXIF",
            Metadata(xmp = ByteArray((1 shl 20) + 1) { 'x'.code.toByte() }) to "XMP",
            Metadata(xmp = xmpOf(500).decodeToString().toByteArray(Charsets.UTF_16)) to "XMP",
            Metadata(xmp = "no xml".encodeToByteArray()) to "XMP",
            Metadata(exif = named, xmp = ByteArray(0)) to null,
            Metadata(exif = named + exif()) to null,
        )) assertEquals(listOfNotNull(leftOut), metadata.marked("tool", 3, 4).leftOut)
    }

    /** What was left out, and what is read again from a JPEG that [metadata] went through. */
    private fun throughJpeg(metadata: Metadata, tool: String = "colorize_tf 0.1.0 (mobile 1)"): Pair<List<String>, Metadata> {
        val marked = metadata.marked(tool, 3, 4, Metadata.Room.OF_JPEG)
        val out = ByteArrayOutputStream()
        Metadata.intoJpeg(out, marked).use { it.write(byteArrayOf(-1, 0xD8.toByte(), -1, 0xD9.toByte())) }
        return marked.leftOut to Metadata.read(ByteBuffer.wrap(out.toByteArray()))
    }

    /** With its name of this size in all, a maker's note as long as needed, and at its end maybe a thumbnail. */
    private fun exifOf(size: Int, thumbnail: Int = 0, order: ByteOrder = ByteOrder.LITTLE_ENDIAN): ByteArray {
        val rest = 2 + 12 + 4 + if (thumbnail > 0) 2 + 24 + 4 else 0
        val note = size - 6 - 8 - rest - thumbnail
        val out = ByteBuffer.allocate(size - 6).order(order)
        out.put((if (order == ByteOrder.LITTLE_ENDIAN) "II*\u0000" else "MM\u0000*").encodeToByteArray()).putInt(8)
        out.putShort(1).putShort(0x927C.toShort()).putShort(7).putInt(note).putInt(8 + rest)
        out.putInt(if (thumbnail > 0) 8 + 2 + 12 + 4 else 0)
        if (thumbnail > 0) {
            out.putShort(2).putShort(0x0201).putShort(4).putInt(1).putInt(8 + rest + note)
            out.putShort(0x0202).putShort(4).putInt(1).putInt(thumbnail).putInt(0)
        }
        repeat(note) { out.put('N'.code.toByte()) }
        val picture = ByteArray(thumbnail) { 'T'.code.toByte() }
        if (thumbnail > 0) byteArrayOf(-1, 0xD8.toByte()).copyInto(picture)
        return out.put(picture).array()
    }

    private fun xmpOf(size: Int, inside: String = ""): ByteArray {
        val head = "<rdf:RDF xmlns:rdf=\"$RDF\" xmlns:x2=\"http://ns.adobe.com/xap/1.0/\">$inside<!--"
        val tail = "--></rdf:RDF>"
        return (head + "x".repeat(size - head.length - tail.length) + tail).encodeToByteArray()
    }

    // --- HEIC and AVIF, which differ in the boxes' insides ---

    @Test fun filesOfRealEncodersAreRead() {
        for (kind in listOf("heic", "avif")) {
            val found = Metadata.read(ByteBuffer.wrap(File(Goldens.repository, "tests/golden/metadata.$kind").readBytes()))
            assertTrue(kind, "Maker" in found.exif!!.toString(Charsets.ISO_8859_1))
            assertTrue(kind, "Harbour" in found.xmp!!.decodeToString())
        }
    }

    @Test fun itemsAreFoundWhereverTheyLie() {
        for (version in 0..2) {
            for (inside in listOf(false, true)) {
                if (inside && version == 0) continue // which knows of the file alone
                val found = Metadata.read(ByteBuffer.wrap(heic(version, inside)))
                assertArrayEquals("$version, $inside", exif(), found.exif)
                assertEquals("<x/>", found.xmp!!.decodeToString())
            }
        }
    }

    @Test fun noDamageCrashesTheReader() {
        val random = kotlin.random.Random(6)
        val whole = listOf(heic(1, true), heic(0, false), png().readBytes().copyOf(400))
        repeat(6000) {
            val damaged = whole[it % 3].copyOf()
            repeat(1 + it % 5) { damaged[random.nextInt(damaged.size)] = random.nextInt().toByte() }
            Metadata.read(ByteBuffer.wrap(if (it % 2 == 0) damaged else damaged.copyOf(random.nextInt(damaged.size))))
        }
    }

    /** EXIF and XMP as items, in two pieces each: [inside] `meta`, or behind it. */
    private fun heic(version: Int, inside: Boolean): ByteArray {
        val exif = byteArrayOf(0, 0, 0, 6) + "Exif\u0000\u0000".encodeToByteArray() + exif()
        val xmp = "<x/>".encodeToByteArray()
        val id: (Int) -> ByteArray = { if (version < 2) short(it) else int(it) }
        fun meta(base: Int): ByteArray {
            fun place(number: Int, from: Int, length: Int): ByteArray {
                val extents = listOf(0 to 2, 2 to length - 2).fold(ByteArray(0)) { all, (at, count) ->
                    all + (if (version == 0) ByteArray(0) else short(1)) + int(from + at) + int(count)
                }
                val method = if (version == 0) ByteArray(0) else short(if (inside) 1 else 0)
                return id(number) + method + short(0) + int(base) + short(2) + extents
            }
            val places = place(7, 0, exif.size) + place(9, exif.size, xmp.size)
            val sizes = byteArrayOf(0x44, if (version == 0) 0x40 else 0x42)
            val locations = box("iloc", int(version shl 24) + sizes + id(2) + places)
            val entry: (Int, String) -> ByteArray = { number, kind ->
                box("infe", int(2 shl 24) + short(number) + short(0) + kind.encodeToByteArray())
            }
            val list = box("iinf", int(0) + short(2) + entry(7, "Exif\u0000") + entry(9, "mime\u0000application/rdf+xml\u0000"))
            return box("meta", int(0) + list + locations + if (inside) box("idat", exif + xmp) else ByteArray(0))
        }
        val head = box("ftyp", "heic".encodeToByteArray() + int(0))
        if (inside) return head + meta(0)
        return head + meta(head.size + meta(0).size + 8) + box("mdat", exif + xmp)
    }

    private fun box(kind: String, content: ByteArray) = int(content.size + 8) + kind.encodeToByteArray() + content

    private fun int(value: Int) = ByteBuffer.allocate(4).putInt(value).array()

    private fun short(value: Int) = ByteBuffer.allocate(2).putShort(value.toShort()).array()

    private fun png() = File(Goldens.repository, "tests/golden/colour.png")

    /** Big endian: Make = "Maker", Orientation = 6. */
    private fun exif() = byteArrayOf(
        0x4D, 0x4D, 0, 42, 0, 0, 0, 8, 0, 2,
        1, 0x0F, 0, 2, 0, 0, 0, 6, 0, 0, 0, 38,
        1, 0x12, 0, 3, 0, 0, 0, 1, 0, 6, 0, 0,
        0, 0, 0, 0, 'M'.code.toByte(), 'a'.code.toByte(), 'k'.code.toByte(), 'e'.code.toByte(), 'r'.code.toByte(), 0,
    )

    /** Short values by tag. */
    private fun entries(tiff: ByteArray): Map<Int, Int> {
        val buffer = ByteBuffer.wrap(tiff)
        buffer.order(if (tiff[0].toInt() == 0x49) ByteOrder.LITTLE_ENDIAN else ByteOrder.BIG_ENDIAN)
        val start = buffer.getInt(4)
        return (0 until buffer.getShort(start)).associate {
            val at = start + 2 + 12 * it
            buffer.getShort(at).toInt() to buffer.getShort(at + 8).toInt()
        }
    }

    private companion object {
        const val RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
        const val IPTC = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
    }
}
