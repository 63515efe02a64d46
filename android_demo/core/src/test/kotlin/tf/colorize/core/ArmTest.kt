package tf.colorize.core

import org.junit.Assert.assertEquals
import org.junit.Assert.assertTrue
import org.junit.Assume.assumeTrue
import org.junit.Test
import java.io.File
import java.nio.ByteBuffer
import java.nio.ByteOrder

/** The library that the APK carries, made for phones, under qemu: alike pictures, on pages of 4 and of 16 KiB. */
class ArmTest {
    private val tools = File(System.getProperty("arm64") ?: "")

    @Test fun thePhonesLibraryGivesTheGoldens() {
        // `make test-android` makes it; a build by Gradle alone has no cross compiler.
        assumeTrue("needs tools/arm64/build.sh", File(tools, "run").isFile)
        val asked = listOf("whole-dynamic", "whole-fast", "whole-pix2pix", "whole-pix2pix-int8").map { name ->
            Goldens.whole.single { "$it" == name }
        } + Goldens.bundled
        for ((number, case) in asked.withIndex()) {
            val pages = if (number == 0) 4096 else 16384
            val colorizer = NetworkColorizer(UnderQemu(case.file, pages))
            val distance = case.distance(colorizer)
            println("arm64, pages of $pages bytes, $case: mean ${distance.mean}, most ${distance.most} of 255")
            assertEquals("$case", emptySet<String>(), exceeded(colorizer.card, distance))
        }
    }

    /** A process for every call. */
    private inner class UnderQemu(private val file: File, private val pages: Int) : Network {
        override val card = Goldens.model(file).card

        override fun run(height: Int, width: Int, luma: FloatArray, hints: FloatArray?, vivid: Float): Network.Answer {
            val folder = kotlin.io.path.createTempDirectory("arm64").toFile()
            try {
                val inputs = listOfNotNull(
                    "luma" to luma,
                    ("hints" to (hints ?: FloatArray(0))).takeIf { card.hints },
                    ("vivid" to floatArrayOf(vivid)).takeIf { card.vivid },
                )
                for ((name, values) in inputs) File(folder, name).writeBytes(bytes(values))
                val output = File(folder, "ab")
                val words = listOf("qemu-aarch64-static", "-p", "$pages", "-L", "/usr/aarch64-linux-gnu") +
                    listOf("-E", "LD_LIBRARY_PATH=$tools", "$tools/run", "$tools/libjnitensorflowlite.so", file.path) +
                    listOf("$height", "$width", "2", output.path) + inputs.map { "${it.first}=$folder/${it.first}" }
                val process = ProcessBuilder(words).redirectError(File(folder, "errors")).start()
                val said = process.inputStream.reader().readText()
                assertTrue(File(folder, "errors").readText(), process.waitFor() == 0)
                val (rows, columns) = said.trim().lines().last().split(" ").map { it.toInt() }
                return Network.Answer(rows, columns, floats(output.readBytes()))
            } finally {
                folder.deleteRecursively()
            }
        }

        override fun close() = Unit
    }

    private fun bytes(values: FloatArray): ByteArray {
        val out = ByteBuffer.allocate(values.size * 4).order(ByteOrder.LITTLE_ENDIAN)
        values.forEach(out::putFloat)
        return out.array()
    }

    private fun floats(bytes: ByteArray): FloatArray {
        val from = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer()
        return FloatArray(from.remaining()).also(from::get)
    }
}
