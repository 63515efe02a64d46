package tf.colorize.core

import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertThrows
import org.junit.Assert.assertTrue
import org.junit.Test

/** An accelerator is used only where it gives the processor's colours, and that is found out once. */
class AcceleratorTest {
    private val memory = object : ParityMemory {
        val kept = HashMap<String, Boolean>()
        override fun known(key: String) = kept[key]
        override fun keep(key: String, holds: Boolean) {
            kept[key] = holds
        }
    }
    private val opened = ArrayList<Tinted>()

    private inner class Tinted(val accelerator: Accelerator, private val tint: Float) : Colorizer {
        var closed = false
        override val card = Card("tinted", "none", null, 2)
        override fun chroma(small: Small, hints: List<Hint>, vivid: Float, levels: Boolean) =
            Chroma(4, 4, FloatArray(32) { 20f + tint })

        override fun close() {
            closed = true
        }
    }

    private fun openOn(wanted: Accelerator, tint: Float) = openChecked(wanted, "model", memory) { accelerator ->
        if (accelerator == Accelerator.NNAPI) throw UnsatisfiedLinkError("no such library")
        Tinted(accelerator, if (accelerator == Accelerator.CPU) 0f else tint).also(opened::add)
    }

    @Test fun alikeColoursAreAccepted() {
        val found = openOn(Accelerator.GPU, 0.2f)
        assertEquals(Accelerator.GPU, found.accelerator)
        assertFalse(found.fellBack)
        assertEquals(listOf(false, true), opened.map { it.closed })
        openOn(Accelerator.GPU, 0.2f)
        assertEquals(3, opened.size) // the second time nothing is compared
    }

    @Test fun otherColoursAreRefusedAndThatIsRemembered() {
        repeat(2) {
            val found = openOn(Accelerator.GPU, 5f)
            assertEquals(Accelerator.CPU, found.accelerator)
            assertTrue(found.fellBack)
        }
        assertEquals(listOf(Accelerator.GPU, Accelerator.CPU, Accelerator.CPU), opened.map { it.accelerator })
        assertEquals(listOf(true, false, false), opened.map { it.closed })
    }

    @Test fun aLibraryThatIsNotThereGivesWayAndIsNotRemembered() {
        assertEquals(Accelerator.CPU, openOn(Accelerator.NNAPI, 0f).accelerator)
        assertTrue(memory.kept.isEmpty())
    }

    @Test fun aLibraryThatFailsGivesWay() {
        val found = openChecked(Accelerator.GPU, "model", memory) { accelerator ->
            if (accelerator == Accelerator.GPU) throw RuntimeException("out of device memory")
            Tinted(accelerator, 0f)
        }
        assertEquals(Accelerator.CPU to true, found.accelerator to found.fellBack)
    }

    @Test fun withoutMemoryForTheComparisonBothAreClosed() {
        val closed = ArrayList<Accelerator>()
        assertThrows(OutOfMemoryError::class.java) {
            openChecked(Accelerator.GPU, "model", memory) { accelerator ->
                object : Colorizer by Tinted(accelerator, 0f) {
                    override fun chroma(small: Small, hints: List<Hint>, vivid: Float, levels: Boolean) = throw OutOfMemoryError()
                    override fun close() {
                        closed.add(accelerator)
                    }
                }
            }
        }
        assertEquals(listOf(Accelerator.GPU, Accelerator.CPU), closed)
        assertTrue(memory.kept.isEmpty())
    }

    @Test fun bothLimitsBite() {
        // Of the built-in picture's 192² pixels: all of them a little off, or few of them far off.
        assertTrue(Parity.holds(Tinted(Accelerator.GPU, 0f), Tinted(Accelerator.CPU, 0f)))
        assertFalse(Parity.holds(Tinted(Accelerator.GPU, 3f), Tinted(Accelerator.CPU, 0f)))
        val few = object : Colorizer by Tinted(Accelerator.GPU, 0f) {
            override fun chroma(small: Small, hints: List<Hint>, vivid: Float, levels: Boolean) =
                Chroma(64, 64, FloatArray(2 * 64 * 64) { if (it in 4000..4019) 60f else 20f })
        }
        assertFalse(Parity.holds(few, Tinted(Accelerator.CPU, 0f)))
    }

    @Test fun theProcessorNeedsNoCheck() {
        assertFalse(openOn(Accelerator.CPU, 0f).fellBack)
        assertEquals(1, opened.size)
    }

    @Test fun aModelThatDoesNotRunAnywhereIsAnError() {
        assertThrows(ModelException::class.java) {
            openChecked(Accelerator.GPU, "model", memory) { throw ModelException(ModelException.Reason.CANNOT_RUN, "broken") }
        }
    }
}
