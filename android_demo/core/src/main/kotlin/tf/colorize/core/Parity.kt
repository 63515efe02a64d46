package tf.colorize.core

import kotlin.math.abs
import kotlin.math.sin

/** How far two pictures of the same size are apart, in 1/255, over all channels. */
class Distance private constructor(val mean: Double, val most: Int, private val counts: IntArray, private val total: Int) {
    /** The smallest distance that [share] of all channels do not exceed. */
    fun point(share: Double): Int {
        var sum = 0L
        for (step in counts.indices) {
            sum += counts[step]
            if (sum >= share * total) return step
        }
        return most
    }

    companion object {
        fun between(one: IntArray, other: IntArray): Distance {
            require(one.size == other.size) { "${one.size} and ${other.size} pixels" }
            val counts = IntArray(256)
            for (i in one.indices) {
                for (shift in intArrayOf(0, 8, 16)) counts[abs((one[i] ushr shift and 0xFF) - (other[i] ushr shift and 0xFF))]++
            }
            val total = 3 * one.size
            val sum = counts.indices.sumOf { it.toLong() * counts[it] }
            return Distance(sum.toDouble() / total, counts.indexOfLast { it > 0 }, counts, total)
        }
    }
}

/** Whether an accelerator colours the built-in picture as the processor does: mean ≤ 1/255 and 99.9 % ≤ 6/255. */
object Parity {
    private const val MEAN = 1.0
    private const val POINT = 6
    private const val SIDE = 192

    fun holds(candidate: Colorizer, reference: Colorizer): Boolean {
        val found = picture().also { candidate.colorize(it) }
        val wanted = picture().also { reference.colorize(it) }
        val distance = Distance.between(found.argb, wanted.argb)
        return distance.mean <= MEAN && distance.point(0.999) <= POINT
    }

    /** Gray: a sky, a hill, a wall with windows. Anything with smooth parts, texture and edges would do. */
    fun picture() = Pixels(SIDE, SIDE, IntArray(SIDE * SIDE) {
        val x = it % SIDE
        val y = it / SIDE
        val hill = SIDE / 2 + 20 * sin(x / 30.0)
        val window = x % 24 in 6..16 && y % 32 in 8..24
        val gray = when {
            x > SIDE / 2 && y > SIDE / 3 -> if (window) 40 + y % 32 else 150 + (x * 7 + y * 3) % 11
            y > hill -> 70 + (x * 31 + y * 17) % 40
            else -> 230 - y / 2
        }
        OPAQUE or gray * 0x010101
    })
}
