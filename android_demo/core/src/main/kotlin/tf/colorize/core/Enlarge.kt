package tf.colorize.core

import kotlin.math.abs

/** a luma difference of this size halves a sample's weight; CIE L */
private const val EDGE = 10f

/** Samples on a line of [from], [to] of them from [start] on: for each, its left neighbour and the share of the right one. */
class Positions(to: Int, scale: Double, from: Int, start: Int = 0) {
    val left = IntArray(to)
    val share = FloatArray(to)

    init {
        for (i in 0 until to) {
            val at = ((start + i + 0.5) * scale - 0.5).coerceIn(0.0, (from - 1).toDouble())
            left[i] = at.toInt()
            share[i] = (at - left[i]).toFloat()
        }
    }
}

/** Chroma in two planes by rows. */
class Planes(val height: Int, val width: Int, val first: FloatArray, val second: FloatArray)

/**
 * Every sample becomes [factor] × [factor], guided by [luma] of the new size (CIE L).
 *
 * Each pixel blends the four samples around it by its bilinear weights times 1 / (1 + (ΔL / EDGE)²), ΔL being the
 * difference between the pixel's luma and the mean luma of the sample's own area. What the means of the result then
 * lack of the original is spread a second time by the same weights, so that smoothing does not drain small areas.
 */
fun jointBilateral(ab: Planes, luma: FloatArray, factor: Int, workers: Workers = Workers.ONE): Planes {
    val width = ab.width * factor
    val means = areaMeans(luma, ab.height, ab.width, factor)
    val weights = FloatArray(4 * luma.size)
    workers.each(ab.height * factor) { row -> weighRow(weights, luma, means, ab.height, ab.width, factor, row) }
    val once = Planes(ab.height * factor, width, FloatArray(luma.size), FloatArray(luma.size))
    workers.each(once.height) { row -> blendRow(ab, weights, factor, row, once) }
    val restored = Planes(
        ab.height, ab.width, restored(ab.first, once.first, ab, factor), restored(ab.second, once.second, ab, factor),
    )
    workers.each(once.height) { row -> blendRow(restored, weights, factor, row, once) }
    return once
}

private fun areaMeans(values: FloatArray, height: Int, width: Int, factor: Int): FloatArray {
    val out = FloatArray(height * width)
    for (y in 0 until height) {
        for (x in 0 until width) {
            var sum = 0f
            for (row in y * factor until (y + 1) * factor) {
                val base = row * width * factor + x * factor
                for (i in base until base + factor) sum += values[i]
            }
            out[y * width + x] = sum / (factor * factor)
        }
    }
    return out
}

private fun restored(wanted: FloatArray, given: FloatArray, size: Planes, factor: Int): FloatArray {
    val means = areaMeans(given, size.height, size.width, factor)
    return FloatArray(wanted.size) { 2f * wanted[it] - means[it] }
}

/** The normalised weights of the four samples around each pixel of a row: own, beside, above or below, diagonal. */
private fun weighRow(
    weights: FloatArray, luma: FloatArray, means: FloatArray, height: Int, width: Int, factor: Int, row: Int,
) {
    val y = row / factor
    val off = (row % factor + 0.5f) / factor - 0.5f
    val near = y * width
    val far = (if (off < 0) maxOf(y - 1, 0) else minOf(y + 1, height - 1)) * width
    val down = abs(off)
    var at = row * width * factor
    for (x in 0 until width) {
        for (phase in 0 until factor) {
            val aside = (phase + 0.5f) / factor - 0.5f
            val beside = if (aside < 0) maxOf(x - 1, 0) else minOf(x + 1, width - 1)
            val across = abs(aside)
            val pixel = luma[at]
            val own = (1 - down) * (1 - across) / falloff(pixel - means[near + x])
            val side = (1 - down) * across / falloff(pixel - means[near + beside])
            val below = down * (1 - across) / falloff(pixel - means[far + x])
            val diagonal = down * across / falloff(pixel - means[far + beside])
            val scale = 1f / (own + side + below + diagonal)
            weights[4 * at] = own * scale
            weights[4 * at + 1] = side * scale
            weights[4 * at + 2] = below * scale
            weights[4 * at + 3] = diagonal * scale
            at++
        }
    }
}

private fun falloff(difference: Float): Float {
    val steps = difference * (1f / EDGE)
    return 1f + steps * steps
}

private fun blendRow(from: Planes, weights: FloatArray, factor: Int, row: Int, into: Planes) {
    val y = row / factor
    val up = (row % factor + 0.5f) / factor < 0.5f
    val near = y * from.width
    val far = (if (up) maxOf(y - 1, 0) else minOf(y + 1, from.height - 1)) * from.width
    var at = row * into.width
    for (x in 0 until from.width) {
        for (phase in 0 until factor) {
            val left = (phase + 0.5f) / factor < 0.5f
            val beside = if (left) maxOf(x - 1, 0) else minOf(x + 1, from.width - 1)
            val own = weights[4 * at]
            val side = weights[4 * at + 1]
            val below = weights[4 * at + 2]
            val diagonal = weights[4 * at + 3]
            into.first[at] = own * from.first[near + x] + side * from.first[near + beside] +
                below * from.first[far + x] + diagonal * from.first[far + beside]
            into.second[at] = own * from.second[near + x] + side * from.second[near + beside] +
                below * from.second[far + x] + diagonal * from.second[far + beside]
            at++
        }
    }
}
