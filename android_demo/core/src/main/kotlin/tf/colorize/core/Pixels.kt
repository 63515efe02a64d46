package tf.colorize.core

import kotlin.math.min
import kotlin.math.sqrt

/** A picture that is read and written by rows, as 0xAARRGGBB, not premultiplied, sRGB. */
interface Raster {
    val width: Int
    val height: Int

    /** Rows [top] until [top] + [rows] go into [into]; called from several threads at once. */
    fun read(top: Int, rows: Int, into: IntArray)

    fun write(top: Int, rows: Int, from: IntArray)
}

/** A picture in the Java heap. */
class Pixels(override val width: Int, override val height: Int, val argb: IntArray) : Raster {
    constructor(width: Int, height: Int) : this(width, height, IntArray(width * height))

    init {
        require(width > 0 && height > 0 && argb.size == width * height) { "$width × $height of ${argb.size} pixels" }
    }

    /** Whether every pixel is a neutral: then one channel says it all. */
    val gray: Boolean by lazy { argb.all { it and 0xFF == it ushr 8 and 0xFF && it and 0xFF == it ushr 16 and 0xFF } }

    override fun read(top: Int, rows: Int, into: IntArray) {
        argb.copyInto(into, 0, top * width, (top + rows) * width)
    }

    override fun write(top: Int, rows: Int, from: IntArray) {
        from.copyInto(argb, top * width, 0, rows * width)
    }

    fun copy() = Pixels(width, height, argb.copyOf())
}

/** The small copy of a photo, of about [GUIDE_PIXELS]: the network's source, the guide of edges, and what a screen shows. */
class Small(val pixels: Pixels, val height: Int, val width: Int) {
    companion object {
        const val GUIDE_PIXELS = 2_000_000

        /** Reads the whole [photo] once, in bands. */
        fun of(photo: Raster, workers: Workers = Workers.ONE, watch: Watch = Watch.NONE): Small =
            Small(reduced(photo, reduction(photo.width, photo.height, GUIDE_PIXELS), workers, watch), photo.height, photo.width)

        /** The whole factor that comes closest to [pixels]. */
        private fun reduction(width: Int, height: Int, pixels: Int): Int =
            (sqrt(width.toDouble() * height / pixels) + 0.5).toInt().coerceIn(1, MOST_FACTOR)
    }
}

/** Means of [factor] × [factor] pixels, of fewer at the right and lower border; opaque. */
fun reduced(photo: Raster, factor: Int, workers: Workers = Workers.ONE, watch: Watch = Watch.NONE): Pixels {
    require(factor in 1..MOST_FACTOR) { "a factor of $factor" }
    val out = Pixels((photo.width + factor - 1) / factor, (photo.height + factor - 1) / factor)
    workers.each(out.height, watch) { row ->
        val top = row * factor
        val rows = min(factor, photo.height - top)
        val band = workers.room(rows * photo.width)
        photo.read(top, rows, band)
        reduceRow(band, photo.width, rows, factor, out.argb, row * out.width)
    }
    return out
}

private fun reduceRow(band: IntArray, width: Int, rows: Int, factor: Int, out: IntArray, at: Int) {
    var column = 0
    var left = 0
    while (left < width) {
        val right = min(left + factor, width)
        var red = 0
        var green = 0
        var blue = 0
        for (row in 0 until rows) {
            // Sums of red and blue side by side in one number: 16 bits each hold those of MOST_FACTOR pixels.
            var even = 0
            var odd = 0
            for (i in row * width + left until row * width + right) {
                even += band[i] and 0xFF00FF
                odd += band[i] ushr 8 and 0xFF
            }
            red += even ushr 16
            blue += even and 0xFFFF
            green += odd
        }
        val count = rows * (right - left)
        val half = count / 2
        out[at + column] = OPAQUE or ((red + half) / count shl 16) or ((green + half) / count shl 8) or (blue + half) / count
        column++
        left = right
    }
}

/** Of a reduction. */
internal const val MOST_FACTOR = 256

internal const val OPAQUE = 0xFF shl 24
