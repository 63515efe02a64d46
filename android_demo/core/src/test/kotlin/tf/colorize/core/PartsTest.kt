package tf.colorize.core

import org.junit.Assert.assertArrayEquals
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertThrows
import org.junit.Assert.assertTrue
import org.junit.Test
import java.util.concurrent.CancellationException
import kotlin.math.abs

class PartsTest {
    @Test fun jsonIsReadStrictly() {
        val read = parseJson("""{"a": [1, -2.5e1, "ä\n\u00e9"], "b": {}, "c": null, "d": true}""").map()
        assertEquals(listOf(1L, -25.0, "ä\né"), read["a"])
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

    @Test fun aWindowShowsWhatTheWholeShows() {
        val photo = Goldens.pixels("colour.png")
        val small = Small.of(photo.copy())
        val chroma = Chroma(8, 8, FloatArray(8 * 8 * 2) { if (it % 2 == 0) 50f - it else it - 70f })
        val whole = photo.copy().also { fuse(it, chroma, small) }
        val part = Pixels(31, 22)
        val wanted = Pixels(31, 22)
        for (row in 0 until 22) {
            photo.argb.copyInto(part.argb, row * 31, (row + 40) * 100 + 60, (row + 40) * 100 + 91)
            whole.argb.copyInto(wanted.argb, row * 31, (row + 40) * 100 + 60, (row + 40) * 100 + 91)
        }
        fuse(part, chroma, small, window = Window(75, 100, top = 40, left = 60, bottom = 62, right = 91))
        assertArrayEquals(wanted.argb, part.argb)
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

    @Test fun aColourIsKnownAgainHoweverBrightItWasSet() {
        for (colour in Palette.entries) {
            for (luma in 30..70) assertEquals("$luma", colour, Palette.nearest(colour.argb(luma.toFloat())))
        }
    }
}
