package tf.colorize.core

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
        for ((name, pages) in listOf("dynamic" to 4096, "fast" to 16384, "pix2pix" to 16384, "pix2pix-int8" to 16384)) {
            val case = Goldens.json("whole.json").map()["cases"].map()[name].map()
            val file = File(Goldens.repository, "tests/golden/models/${case["model"]}.tflite")
            val photo = Goldens.pixels(case["photo"] as String)
            val colorizer = NetworkColorizer(UnderQemu(file, pages))
            colorizer.colorize(photo, options = Options(edges = case["options"].map()["edges"] as Boolean? ?: true))
            val distance = Distance.between(photo.argb, Goldens.pixels("whole-$name.png").argb)
            val found = "arm64, pages of $pages bytes, $name: mean ${distance.mean}, most ${distance.most} of 255"
            println(found)
            if (colorizer.card.recipe == "float16") {
                assertTrue(found, distance.most <= 1)
            } else {
                assertTrue(found, distance.mean <= 0.5 && distance.point(0.999) <= 4 && distance.most <= 12)
            }
        }
    }

    @Test fun theBundledModelRunsInThePhonesLibrary() {
        assumeTrue("needs tools/arm64/build.sh", File(tools, "run").isFile)
        for (file in Goldens.bundled()) {
            Goldens.colorizer(Goldens.model(file)).use { here ->
                val wanted = Parity.picture().also { here.colorize(it) }
                val found = Parity.picture().also { NetworkColorizer(UnderQemu(file, 16384)).colorize(it) }
                val distance = Distance.between(found.argb, wanted.argb)
                println("arm64, ${file.name}: mean ${distance.mean}, most ${distance.most} of 255")
                if (here.card.recipe == "float16") {
                    assertTrue("${distance.most}", distance.most <= 1)
                } else {
                    assertTrue("${distance.mean}", distance.mean <= 0.5 && distance.point(0.999) <= 4 && distance.most <= 12)
                }
            }
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
