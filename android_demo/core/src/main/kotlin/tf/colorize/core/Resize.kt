package tf.colorize.core

import kotlin.math.abs
import kotlin.math.ceil
import kotlin.math.max
import kotlin.math.min

/** 8-bit planes at another size without aliasing: the filters, the order and the rounding of Pillow's `resize`. */
enum class Filter(private val support: Double) {
    BILINEAR(1.0) {
        override fun weight(x: Double) = max(0.0, 1.0 - abs(x))
    },
    BICUBIC(2.0) {
        override fun weight(x: Double): Double {
            val at = abs(x)
            return when {
                at < 1.0 -> ((SHARPNESS + 2) * at - (SHARPNESS + 3)) * at * at + 1
                at < 2.0 -> (((at - 5) * at + 8) * at - 4) * SHARPNESS
                else -> 0.0
            }
        }
    };

    abstract fun weight(x: Double): Double

    /** For every one of [to] samples: where its sources among [from] start, and their weights in fixed point. */
    internal fun taps(from: Int, to: Int): Array<Tap> {
        val scale = from.toDouble() / to
        val stretch = max(scale, 1.0) // wider when shrinking
        return Array(to) {
            val centre = (it + 0.5) * scale
            val start = max(0, (centre - support * stretch + 0.5).toInt())
            val stop = min(from, (centre + support * stretch + 0.5).toInt())
            val weights = DoubleArray(stop - start) { k -> weight((k + start - centre + 0.5) / stretch) }
            val total = weights.sum()
            Tap(start, IntArray(weights.size) { k -> fixed(weights[k] / total) })
        }
    }

    private fun fixed(weight: Double) = (weight * (1 shl PRECISION) + if (weight < 0) -0.5 else 0.5).toInt()

    internal class Tap(val start: Int, val weights: IntArray)

    internal companion object {
        const val SHARPNESS = -0.5
        const val PRECISION = 22
    }
}

/** One channel of 8 bits. */
class Plane(val width: Int, val height: Int, val codes: ByteArray) {
    /** The same picture at [height] × [width]: along rows first, then along columns. */
    fun resized(height: Int, width: Int, filter: Filter): Plane {
        val wide = if (width == this.width) this else Plane(width, this.height, alongRows(width, filter))
        return if (height == this.height) wide else Plane(width, height, wide.alongColumns(height, filter))
    }

    private fun alongRows(to: Int, filter: Filter): ByteArray {
        val taps = filter.taps(width, to)
        val out = ByteArray(to * height)
        for (row in 0 until height) {
            val base = row * width
            for (column in 0 until to) {
                val tap = taps[column]
                var sum = HALF
                for (k in tap.weights.indices) sum += (codes[base + tap.start + k].toInt() and 0xFF) * tap.weights[k]
                out[row * to + column] = clipped(sum)
            }
        }
        return out
    }

    private fun alongColumns(to: Int, filter: Filter): ByteArray {
        val taps = filter.taps(height, to)
        val out = ByteArray(width * to)
        val sums = IntArray(width)
        for (row in 0 until to) {
            val tap = taps[row]
            sums.fill(HALF)
            for (k in tap.weights.indices) {
                val base = (tap.start + k) * width
                val weight = tap.weights[k]
                for (column in 0 until width) sums[column] += (codes[base + column].toInt() and 0xFF) * weight
            }
            for (column in 0 until width) out[row * width + column] = clipped(sums[column])
        }
        return out
    }

    private fun clipped(sum: Int) = (sum shr Filter.PRECISION).coerceIn(0, 255).toByte()

    companion object {
        private const val HALF = 1 shl (Filter.PRECISION - 1)

        /** One channel of a picture: the one that lies [shift] bits up. */
        fun of(pixels: Pixels, shift: Int) =
            Plane(pixels.width, pixels.height, ByteArray(pixels.argb.size) { (pixels.argb[it] ushr shift).toByte() })

        /** The gray of ITU-R BT.601, rounded as Pillow rounds it; quick, and not CIE L. */
        fun grayOf(pixels: Pixels): Plane {
            if (pixels.gray) return of(pixels, 0)
            return Plane(pixels.width, pixels.height, ByteArray(pixels.argb.size) {
                val pixel = pixels.argb[it]
                val sum = (pixel ushr 16 and 0xFF) * 19595 + (pixel ushr 8 and 0xFF) * 38470 + (pixel and 0xFF) * 7471
                (sum + 0x8000 ushr 16).toByte()
            })
        }
    }
}

/** CIE L of a picture made [height] × [width]. */
fun lumaAt(pixels: Pixels, height: Int, width: Int, filter: Filter): FloatArray {
    if (pixels.gray) {
        val plane = Plane.of(pixels, 0).resized(height, width, filter)
        return FloatArray(plane.codes.size) { Srgb.grayRoot[plane.codes[it].toInt() and 0xFF] * 116f - 16f }
    }
    val (red, green, blue) = listOf(16, 8, 0).map { Plane.of(pixels, it).resized(height, width, filter).codes }
    return FloatArray(red.size) {
        Srgb.luma((red[it].toInt() and 0xFF shl 16) or (green[it].toInt() and 0xFF shl 8) or (blue[it].toInt() and 0xFF))
    }
}
