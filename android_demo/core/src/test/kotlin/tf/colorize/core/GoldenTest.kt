package tf.colorize.core

import org.junit.Assert.assertEquals
import org.junit.Assert.assertThrows
import org.junit.Assert.assertTrue
import org.junit.Test
import kotlin.math.abs

/** Kotlin computes what Python computes; and these checks would notice if it did not. */
class GoldenTest {
    @Test fun lab() = checkLab { red, green, blue -> Srgb.lab(red, green, blue) }

    @Test fun prepared() = checkPrepare { small, card, levels -> prepare(small, card, levels) }

    @Test fun hints() = checkHints { it }

    @Test fun enlarged() = checkEnlarge(::jointBilateral)

    @Test fun widened() = checkWiden { to, scale, from -> Positions(to, scale, from) }

    @Test fun fused() = checkFusion { it }

    @Test fun inAnyNumberOfThreads() {
        Workers(3).use { workers -> checkFusion(workers) { it } }
    }

    // --- the checks; what they are given is the thing itself, or below a mistaken one ---

    private fun checkLab(lab: (Int, Int, Int) -> DoubleArray) {
        val golden = Goldens.json("lab.json").map()
        for ((key, tolerance) in listOf("published" to 0.02f, "grid" to 1e-3f)) {
            for (pair in golden[key].list()) {
                val (red, green, blue) = pair.list()[0].list().map { it.int() }
                close(lab(red, green, blue).map { it.toFloat() }.toFloatArray(), pair.list()[1].numbers(), tolerance)
            }
        }
    }

    private fun checkPrepare(prepare: (Small, Card, Boolean) -> Prepared) {
        for (case in Goldens.json("prepare.json").map().values.map { it.map() }) {
            val found = prepare(small(case), card(case), case["levels"] as Boolean)
            assertEquals(case["covers"].list().map { it.int() }, listOf(found.coversHeight, found.coversWidth))
            close(found.luma, case["luma"].numbers(), 2e-3f)
        }
    }

    private fun checkHints(change: (Hint) -> Hint) {
        for (case in Goldens.json("prepare.json").map().values.map { it.map() }) {
            val small = small(case)
            val prepared = prepare(small, card(case), false)
            val found = paintHints(Goldens.hints(case["hints"]).map(change), small.height, small.width, prepared)
            val expected = FloatArray(found.size)
            for (lit in case["painted"].list().map { it.numbers() }) {
                lit.copyInto(expected, (lit[0].toInt() * prepared.width + lit[1].toInt()) * 3, 2, 5)
            }
            close(found, expected, 1e-4f)
        }
    }

    private fun checkEnlarge(enlarge: (Planes, FloatArray, Int, Workers) -> Planes) {
        val golden = Goldens.json("enlarge.json").map()
        val rows = golden["ab"].list()
        val ab = golden["ab"].numbers()
        val planes = Planes(rows.size, rows[0].list().size, every(ab, 0), every(ab, 1))
        val found = enlarge(planes, golden["luma"].numbers(), golden["factor"].int(), Workers.ONE)
        val expected = golden["joint_bilateral"].numbers()
        close(found.first, every(expected, 0), 2e-3f)
        close(found.second, every(expected, 1), 2e-3f)
    }

    private fun checkWiden(positions: (Int, Double, Int) -> Positions) {
        val golden = Goldens.json("enlarge.json").map()
        val line = golden["line"].numbers()
        val at = positions(17, line.size / 17.0, line.size)
        val found = FloatArray(17) {
            val left = line[at.left[it]]
            left + (line[minOf(at.left[it] + 1, line.size - 1)] - left) * at.share[it]
        }
        close(found, golden["line_widened_to_17"].numbers(), 1e-3f)
    }

    private fun checkFusion(workers: Workers = Workers.ONE, change: (Chroma) -> Chroma) {
        val golden = Goldens.json("fusion.json").map()
        val rows = golden["ab"].list()
        val chroma = change(Chroma(rows.size, rows[0].list().size, golden["ab"].numbers()))
        for ((name, case) in golden["cases"].map()) {
            val photo = Goldens.pixels(case.map()["photo"] as String)
            fuse(photo, chroma, Small.of(photo.copy()), case.map()["edges"] as Boolean, workers)
            val distance = Distance.between(photo.argb, Goldens.pixels("$name.png").argb)
            // The limit is 1; another way of rounding stays within it, and is told by its mean.
            assertTrue("$name: most ${distance.most}, mean ${distance.mean}", distance.most <= 1 && distance.mean <= 0.02)
        }
    }

    // --- that they can fail ---

    @Test fun mistakesInColourAreNoticed() {
        noticed { checkLab { r, g, b -> Srgb.lab(r, g, b).also { it[1] *= 1.01 } } }
        noticed { checkLab { r, g, b -> Srgb.lab(b, g, r) } }
        noticed { checkFusion { chroma -> changed(chroma) { _, a, b -> b to a } } }
        noticed { checkFusion { chroma -> changed(chroma) { _, a, b -> a * 1.02f to b } } }
        noticed { checkFusion { chroma -> changed(chroma) { _, a, b -> a to b + 1f } } }
    }

    @Test fun mistakesInTablesAreNoticed() {
        noticed { withTable(Srgb.red) { it + (2 shl Srgb.CODE_AT) } }
        noticed { withTable(Srgb.green) { maxOf(it and 0xFF00, 2 shl 8) - (2 shl 8) or (it and 0xFF00.inv()) } }
        noticed { withTable(Srgb.blue) { it + (2 shl 16) and 0xFFFFFF } }
        noticed { withTable(Srgb.up) { it xor Srgb.STEP } }
        for (table in listOf(Srgb.grayStirred, Srgb.grayLight, Srgb.greenLight, Srgb.stirred)) {
            val kept = table.copyOf()
            try {
                for (i in table.indices) table[i] *= 1.02f
                noticed { checkFusion { it } }
            } finally {
                kept.copyInto(table)
            }
        }
    }

    @Test fun mistakesBeforeTheNetworkAreNoticed() {
        noticed { checkPrepare { small, card, levels -> prepare(small, card, !levels) } }
        noticed { checkPrepare { small, card, levels -> prepare(small, card.copy(shortSide = card.shortSide + 1), levels) } }
        noticed {
            checkPrepare { small, card, levels ->
                val right = prepare(small, card, levels)
                val luma = FloatArray(right.luma.size) { // padding that repeats the border
                    val y = minOf(it / right.width, right.coversHeight - 1)
                    right.luma[y * right.width + minOf(it % right.width, right.coversWidth - 1)]
                }
                Prepared(right.height, right.width, luma, right.coversHeight, right.coversWidth)
            }
        }
        noticed {
            checkPrepare { small, card, _ -> // bilinear instead of bicubic
                val right = prepare(small, card, false)
                val luma = lumaAt(small.pixels, right.coversHeight, right.coversWidth, Filter.BILINEAR)
                val all = padded(luma, right.coversHeight, right.coversWidth, right.height, right.width)
                Prepared(right.height, right.width, all, right.coversHeight, right.coversWidth)
            }
        }
        noticed { checkHints { it.copy(red = minOf(255, it.red + 1)) } }
        noticed { checkHints { it.copy(x = it.x - 2f) } }
        noticed { checkHints { it.copy(radius = 5f) } }
    }

    @Test fun mistakesAfterTheNetworkAreNoticed() {
        noticed { checkEnlarge { ab, luma, factor, all -> jointBilateral(ab, FloatArray(luma.size), factor, all) } }
        noticed { // edges half as strong
            checkEnlarge { ab, luma, factor, all ->
                jointBilateral(ab, FloatArray(luma.size) { luma[it] / 2 }, factor, all)
            }
        }
        noticed { checkWiden { to, scale, from -> Positions(to, scale, from).also { it.share.fill(0f) } } }
        noticed { // half a sample off
            checkWiden { to, scale, from ->
                Positions(to, scale, from).also { p -> for (i in 0 until to) p.share[i] = minOf(1f, p.share[i] + 0.5f) }
            }
        }
        noticed { checkFusion { Chroma(it.height, it.width, it.ab, it.height - 1.0, it.width.toDouble()) } }
    }

    private fun noticed(check: () -> Unit) {
        assertThrows(AssertionError::class.java) { check() }
    }

    private fun withTable(table: IntArray, wrong: (Int) -> Int) {
        val kept = table.copyOf()
        try {
            for (step in table.indices) table[step] = wrong(kept[step])
            checkFusion { it }
        } finally {
            kept.copyInto(table)
        }
    }

    private fun small(case: Map<*, *>) = Small.of(Goldens.pixels(case["photo"] as String))

    private fun card(case: Map<*, *>): Card {
        val card = case["card"].map()
        val size = card["height"]?.let { Size(it.int(), card["width"].int()) }
        return Card(
            "golden", "none", size, abScale = 2, fit = card["fit"] as String? ?: "pad",
            shortSide = card["short_side"]?.int() ?: 256, hints = true,
        )
    }

    private fun every(values: FloatArray, offset: Int) = FloatArray(values.size / 2) { values[2 * it + offset] }

    private fun close(found: FloatArray, expected: FloatArray, tolerance: Float) {
        assertEquals(expected.size, found.size)
        val worst = found.indices.maxOf { abs(found[it] - expected[it]) }
        assertTrue("off by $worst", worst <= tolerance)
    }
}
