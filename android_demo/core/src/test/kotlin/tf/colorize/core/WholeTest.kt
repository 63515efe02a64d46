package tf.colorize.core

import org.junit.Assert.assertEquals
import org.junit.Assert.assertNotEquals
import org.junit.Assert.assertTrue
import org.junit.Test

/** From photo to photo with real networks, the bundled ones among them, Kotlin gives what Python gives. */
class WholeTest {
    @Test fun picturesAreWithinTheLimits() = check(accelerated = true)

    @Test fun picturesAreWithinTheLimitsWithoutTheDefaultDelegate() = check(accelerated = false)

    @Test fun everyBundledModelHasItsPictures() {
        val there = Goldens.bundled.map { it.file }.toSet()
        assertTrue("$there", there.size >= 2 && there.all { it.isFile })
        assertEquals(there, there.first().parentFile.listFiles { file -> file.name.endsWith(".tflite") }!!.toSet())
        assertEquals(setOf(true, false), there.map { Goldens.model(it).card.recipe == "float16" }.toSet())
    }

    private fun check(accelerated: Boolean) {
        for (case in Goldens.whole) {
            Goldens.colorizer(Goldens.model(case.file), accelerated).use { colorizer ->
                val distance = case.distance(colorizer)
                val found = "$case: mean ${distance.mean}, 99.9 % ${distance.point(0.999)}, most ${distance.most}"
                println("whole pictures, ${if (accelerated) "default delegate" else "plain kernels"}, $found of 255")
                assertEquals(found, emptySet<String>(), exceeded(colorizer.card, distance))
            }
        }
    }

    // --- that each limit bites ---

    // In the pictures and not in the networks' answers, so that it holds whatever colours a model gives.

    @Test fun everyPixelOneOffExceedsTheMean() = only("mean", exact = false) { 1 }

    @Test fun fewPixelsOffExceedThe999thOfAThousand() = only("99.9 %", exact = false) { if (it % 300 == 0) 7 else 0 }

    @Test fun onePixelFarOffExceedsTheWorst() = only("worst", exact = false) { if (it == 4321) 20 else 0 }

    @Test fun onePixelALittleOffExceedsTheWorstOfFloat16() = only("worst", exact = true) { if (it == 4321) 3 else 0 }

    @Test fun mistakesAroundTheNetworkAreNoticed() {
        noticed { small, hints, _, levels -> chroma(small, hints, 0f, levels) }
        noticed { small, _, vivid, levels -> chroma(small, emptyList(), vivid, levels) }
        // A trained network may make little of other levels.
        noticed(Goldens.own) { small, hints, vivid, levels -> chroma(small, hints, vivid, !levels) }
        noticed { small, hints, vivid, levels -> changed(chroma(small, hints, vivid, levels)) { _, a, b -> b to a } }
        noticed { small, hints, vivid, levels -> // saturation ignored, or applied twice
            changed(chroma(small, hints, vivid, levels)) { _, a, b -> a * 1.03f to b * 1.03f }
        }
    }

    /** In the pictures of the bundled models codes that are [off] by so much exceed [limit], and no other. */
    private fun only(limit: String, exact: Boolean, off: (Int) -> Int) {
        val cases = Goldens.bundled.filter { (Goldens.model(it.file).card.recipe == "float16") == exact }
        for (case in cases) {
            Goldens.colorizer(Goldens.model(case.file)).use { colorizer ->
                val distance = case.distance(colorizer) { photo ->
                    for (i in photo.argb.indices) {
                        for (shift in intArrayOf(0, 8, 16)) {
                            val up = photo.argb[i] ushr shift and 0xFF < 128 // there is room
                            photo.argb[i] += (if (up) off(i) else -off(i)) shl shift
                        }
                    }
                }
                val found = "$case: mean ${distance.mean}, 99.9 % ${distance.point(0.999)}, most ${distance.most}"
                assertEquals(found, setOf(limit), exceeded(colorizer.card, distance))
            }
        }
        assertNotEquals(0, cases.size)
    }

    /** In the pictures of the tests' networks as in those of the bundled ones. */
    private fun noticed(
        vararg among: List<Whole> = arrayOf(Goldens.own, Goldens.bundled),
        answer: Colorizer.(Small, List<Hint>, Float, Boolean) -> Chroma,
    ) {
        for (cases in among) {
            val limits = cases.flatMap { case ->
                Goldens.colorizer(Goldens.model(case.file)).use { exceeded(it.card, case.distance(of(it, answer))) }
            }
            assertNotEquals(emptyList<String>(), limits)
        }
    }

    private fun of(inner: Colorizer, answer: Colorizer.(Small, List<Hint>, Float, Boolean) -> Chroma) =
        object : Colorizer by inner {
            override fun chroma(small: Small, hints: List<Hint>, vivid: Float, levels: Boolean) =
                inner.answer(small, hints, vivid, levels)
        }
}
