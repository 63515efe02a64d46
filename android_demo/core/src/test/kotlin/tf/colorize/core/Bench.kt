package tf.colorize.core

import java.io.File
import java.lang.management.ManagementFactory
import java.nio.ByteBuffer
import java.nio.ByteOrder

/**
 * What tools/bench.py measures: `speed RAW WIDTH HEIGHT ROUNDS` prints the best milliseconds of processor time of the
 * steps before and after the network, on one thread; `memory MODEL WIDTH HEIGHT` colours a photo that lies outside the Java heap, as a
 * bitmap does on a phone, and prints the peak of the whole process.
 */
fun main(words: Array<String>) {
    when (words[0]) {
        "speed" -> speed(File(words[1]), words[2].toInt(), words[3].toInt(), words[4].toInt())
        "memory" -> memory(File(words[1]), words[2].toInt(), words[3].toInt())
        else -> error(words[0])
    }
}

private fun speed(raw: File, width: Int, height: Int, rounds: Int) {
    val bytes = raw.readBytes()
    val source = IntArray(width * height) {
        OPAQUE or (bytes[3 * it].toInt() and 0xFF shl 16) or (bytes[3 * it + 1].toInt() and 0xFF shl 8) or
            (bytes[3 * it + 2].toInt() and 0xFF)
    }
    val card = Card("bench", "none", null, abScale = 2, hints = true)
    val chroma = Chroma(128, 128, FloatArray(128 * 128 * 2) { (it % 97 - 48).toFloat() })
    val clock = ManagementFactory.getThreadMXBean()
    var best = Long.MAX_VALUE to Long.MAX_VALUE
    repeat(rounds) {
        val photo = Pixels(width, height, source.copyOf())
        val start = clock.currentThreadCpuTime
        val small = Small.of(photo)
        prepare(small, card, levels = true)
        val between = clock.currentThreadCpuTime
        fuse(photo, chroma, small)
        best = minOf(best.first, between - start) to minOf(best.second, clock.currentThreadCpuTime - between)
    }
    println("{\"before\": ${best.first / 1e6}, \"after\": ${best.second / 1e6}}")
}

private fun memory(model: File, width: Int, height: Int) {
    val photo = OutsideTheHeap(width, height)
    Workers(2).use { workers ->
        Goldens.colorizer(Goldens.model(model)).use { it.colorize(photo, workers = workers) }
    }
    val peak = File("/proc/self/status").readLines().first { it.startsWith("VmHWM") }.filter(Char::isDigit).toLong()
    println("{\"peak\": ${peak / 1024.0}}")
}

/** Like Android's bitmaps: four bytes a pixel in native memory. */
private class OutsideTheHeap(override val width: Int, override val height: Int) : Raster {
    private val pixels = ByteBuffer.allocateDirect(width * height * 4).order(ByteOrder.nativeOrder()).asIntBuffer()

    init {
        for (at in 0 until width * height) pixels.put(at, OPAQUE or (at % 251) * 0x010101)
    }

    override fun read(top: Int, rows: Int, into: IntArray) {
        pixels.duplicate().position(top * width).get(into, 0, rows * width)
    }

    override fun write(top: Int, rows: Int, from: IntArray) {
        pixels.duplicate().position(top * width).put(from, 0, rows * width)
    }
}
