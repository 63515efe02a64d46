package tf.colorize.core

import org.junit.Assert.assertArrayEquals
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertThrows
import org.junit.Assert.assertTrue
import org.junit.Test
import java.io.ByteArrayInputStream
import java.io.ByteArrayOutputStream
import java.util.concurrent.CancellationException
import javax.imageio.ImageIO
import kotlin.math.abs

class PartsTest {
    @Test fun jsonIsReadStrictly() {
        val read = parseJson("""{"a": [1, -2.5e1, "ä\n\u00e9"], "b": {}, "c": null, "d": true}""").map()
        assertEquals(listOf(1.0, -25.0, "ä\né"), read["a"])
        assertEquals(emptyMap<String, Any>(), read["b"])
        for (wrong in listOf("", "{", "[1,]", "{\"a\" 1}", "01", "1 2", "\"\u0001\"", "nul", "\"\\x\"", "[".repeat(999))) {
            assertThrows(wrong, MalformedJson::class.java) { parseJson(wrong) }
        }
    }

    @Test fun lumaIsKeptWhateverTheColours() {
        val photo = Goldens.pixels("colour.png")
        val before = photo.copy()
        val ab = FloatArray(8 * 8 * 2) { if (it % 2 == 0) 90f - it else it - 70f }
        fuse(photo, Chroma(8, 8, ab), Small.of(before))
        val off = photo.argb.indices.map { abs(Srgb.luma(photo.argb[it]) - Srgb.luma(before.argb[it])) }
        assertTrue("mean ${off.average()}, most ${off.max()}", off.average() < 0.06 && off.max() < 0.27)
    }

    @Test fun reductionRoundsMeansToTheNearest() {
        val photo = Pixels(5, 3, IntArray(15) { OPAQUE or (it * 16) * 0x010101 })
        val small = reduced(photo, 2)
        assertEquals(3 to 2, small.width to small.height)
        assertEquals(listOf(48, 80, 104, 168, 200, 224), small.argb.map { it and 0xFF })
    }

    @Test fun alphaAndSizeAreKept() {
        val photo = Pixels(7, 1, IntArray(7) { (it * 40 shl 24) or 0x808080 })
        fuse(photo, Chroma(1, 1, floatArrayOf(30f, 20f)), Small.of(photo.copy()))
        assertEquals(List(7) { it * 40 }, photo.argb.map { it ushr 24 })
        assertTrue(photo.argb.all { it ushr 16 and 0xFF > it and 0xFF })
    }

    @Test fun workEndsWhenItIsCancelled() {
        for (threads in listOf(1, 3)) {
            Workers(threads).use { workers ->
                assertThrows(CancellationException::class.java) {
                    workers.each(1000, { share -> share < 0.1f }) { Thread.sleep(0, 1000) }
                }
            }
        }
    }

    @Test fun aFailureInAWorkerReachesTheCaller() {
        Workers(2).use { workers ->
            assertThrows(IllegalStateException::class.java) { workers.each(8) { if (it == 5) error("broken") } }
        }
    }

    @Test fun saturationAndCap() {
        val chroma = Chroma(10, 10, FloatArray(200) { if (it % 2 == 0) 60f else 0f })
        assertEquals(30f, chroma.finished(Options(saturation = 0.5f)).ab[0], 1e-4f)
        assertEquals(80f, chroma.finished(Options(saturation = 2f)).ab[0], 1e-3f)
        assertEquals(100f, chroma.finished(Options(saturation = 2f, chromaCap = 100f)).ab[0], 1e-3f)
    }

    @Test fun parityIsJudgedByColours() {
        Goldens.colorizer(Goldens.model("tiny")).use { one ->
            Goldens.colorizer(Goldens.model("tiny"), accelerated = false).use { other ->
                assertTrue(Parity.holds(one, other))
                val off = object : Colorizer by other {
                    override fun chroma(small: Small, hints: List<Hint>, vivid: Float, levels: Boolean): Chroma {
                        val right = other.chroma(small, hints, vivid, levels)
                        val ab = FloatArray(right.ab.size) { right.ab[it] + if (it % 2 == 0) 4f else 0f }
                        return Chroma(right.height, right.width, ab, right.coversHeight, right.coversWidth)
                    }
                }
                assertFalse(Parity.holds(off, one))
            }
        }
    }

    @Test fun distancesAreCounted() {
        val one = IntArray(1000) { OPAQUE }
        val other = one.copyOf().also { it[0] = OPAQUE or 0x0A0000; it[1] = OPAQUE or 0x000005 }
        val distance = Distance.between(one, other)
        assertEquals(15.0 / 3000, distance.mean, 1e-9)
        assertEquals(10, distance.most)
        assertEquals(5, distance.point(0.9995))
        assertEquals(0, distance.point(0.99))
    }

    // --- metadata ---

    @Test fun theMarkAndTheOldMetadataGoIntoAJpeg() {
        val old = Metadata(exif(), "<x:xmpmeta xmlns:x=\"adobe:ns:meta/\"><rdf:RDF xmlns:rdf=\"r\"><rdf:Description rdf:about=\"\" xmlns:dc=\"d\" dc:title=\"Harbour\"/></rdf:RDF></x:xmpmeta>".encodeToByteArray())
        val out = ByteArrayOutputStream()
        Metadata.intoJpeg(out, old.marked("tool <1>", 40, 30), "tool <1>", 40, 30).use { through ->
            val bytes = ByteArrayOutputStream().also { ImageIO.write(ImageIO.read(png()), "jpg", it) }.toByteArray()
            through.write(bytes[0].toInt()) // an encoder may write in pieces of any size
            through.write(bytes, 1, 100)
            through.write(bytes, 101, bytes.size - 101)
        }
        assertEquals(100, ImageIO.read(ByteArrayInputStream(out.toByteArray())).width)
        val found = Metadata.read(ByteArrayInputStream(out.toByteArray()))
        val xmp = found.xmp!!.decodeToString()
        assertTrue(xmp, Provenance.SOURCE_TYPE in xmp && "Harbour" in xmp && "tool &lt;1&gt;" in xmp)
        val exif = found.exif!!.toString(Charsets.ISO_8859_1)
        assertTrue("tool <1>" in exif && "Maker" in exif)
    }

    @Test fun theMarkGoesIntoAPng() {
        val out = ByteArrayOutputStream()
        Metadata.intoPng(out, Metadata().marked("tool", 100, 75)).use { it.write(png().readBytes()) }
        assertEquals(75, ImageIO.read(ByteArrayInputStream(out.toByteArray())).height)
        val found = Metadata.read(ByteArrayInputStream(out.toByteArray()))
        assertTrue(Provenance.SOURCE_TYPE in found.xmp!!.decodeToString())
        assertTrue("tool" in found.exif!!.toString(Charsets.ISO_8859_1))
    }

    @Test fun theMarkIsWrittenOnce() {
        val once = Provenance.updatedXmp(null, "tool 1")
        val twice = Provenance.updatedXmp(once, "tool 2").decodeToString()
        assertEquals(1, Regex("DigitalSourceType=").findAll(twice).count())
        assertTrue("tool 2" in twice && "tool 1" !in twice)
    }

    @Test fun orientationBecomesUpright() {
        val exif = Exif.updated(exif(), "tool", 640, 480)
        assertArrayEquals(byteArrayOf(0x4D, 0x4D), exif.copyOf(2)) // the byte order is kept
        val entries = entries(exif)
        assertEquals(1, entries[0x0112])
        assertEquals(setOf(0x010F, 0x0112, 0x0131), entries.keys)
        assertArrayEquals(exif().drop(8).toByteArray(), exif.copyOfRange(8, exif().size)) // not a byte moved
    }

    @Test fun damagedExifIsReplaced() {
        for (damaged in listOf(ByteArray(3), "II*\u0000\u00ff\u00ff\u00ff\u007f".toByteArray(Charsets.ISO_8859_1), "hello world".toByteArray())) {
            assertEquals(setOf(0x0112, 0x0131), entries(Exif.updated(damaged, "tool", 1, 1)).keys)
        }
    }

    private fun png() = java.io.File(Goldens.repository, "tests/golden/colour.png")

    /** Big endian: Make = "Maker", Orientation = 6. */
    private fun exif() = byteArrayOf(
        0x4D, 0x4D, 0, 42, 0, 0, 0, 8, 0, 2,
        1, 0x0F, 0, 2, 0, 0, 0, 6, 0, 0, 0, 38,
        1, 0x12, 0, 3, 0, 0, 0, 1, 0, 6, 0, 0,
        0, 0, 0, 0, 'M'.code.toByte(), 'a'.code.toByte(), 'k'.code.toByte(), 'e'.code.toByte(), 'r'.code.toByte(), 0,
    )

    /** Short values by tag. */
    private fun entries(tiff: ByteArray): Map<Int, Int> {
        val buffer = java.nio.ByteBuffer.wrap(tiff)
        buffer.order(if (tiff[0].toInt() == 0x49) java.nio.ByteOrder.LITTLE_ENDIAN else java.nio.ByteOrder.BIG_ENDIAN)
        val start = buffer.getInt(4)
        return (0 until buffer.getShort(start)).associate {
            val at = start + 2 + 12 * it
            buffer.getShort(at).toInt() to buffer.getShort(at + 8).toInt()
        }
    }
}
