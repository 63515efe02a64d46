package tf.colorize.core

import kotlin.math.abs
import kotlin.math.cbrt
import kotlin.math.floor
import kotlin.math.min
import kotlin.math.pow
import kotlin.math.round

/** sRGB (D65) as formulas in 0..1, and as the tables that fusion looks up for 8-bit codes. */
object Srgb {
    /** Of linear light in the tables: at black, where 8-bit codes lie closest, a step is 1/20 of a code. */
    const val STEPS = 65535

    /** Below this value of CIE Lab's f the cube root is a straight line of slope [SLOPE]. */
    const val KNEE = 0.2068966f
    const val SLOPE = 7.787

    /** Codes of red; one unit of a; multiples of the last fall most evenly between whole numbers. */
    private const val STIR = 0.6
    private const val MOST_STIR = 0.002
    private const val GOLDEN = 0.618034

    private val published = arrayOf(
        doubleArrayOf(0.412453, 0.357580, 0.180423),
        doubleArrayOf(0.212671, 0.715160, 0.072169),
        doubleArrayOf(0.019334, 0.119193, 0.950227),
    )
    private val white = doubleArrayOf(0.95047, 1.0, 1.08883)

    /** Linear RGB -> XYZ relative to white, as published: what Lab values are quoted by. */
    private val toWhite = Array(3) { row -> DoubleArray(3) { published[row][it] / white[row] } }

    /** The same with rows of exactly 1, so that a neutral stays a neutral; the published matrix misses that by 1.5e-5. */
    val toXyz: Array<DoubleArray> = Array(3) { row -> DoubleArray(3) { toWhite[row][it] / toWhite[row].sum() } }
    val fromXyz: Array<DoubleArray> = inverse(toXyz)

    /** Code 0..1 -> linear light 0..1. */
    fun decode(code: Double): Double = if (code > 0.04045) ((code + 0.055) / 1.055).pow(2.4) else code / 12.92

    /** Linear light 0..1 -> code 0..1. */
    fun encode(light: Double): Double = if (light > 0.0031308) 1.055 * light.pow(1 / 2.4) - 0.055 else 12.92 * light

    /** Light relative to white -> CIE Lab's f. */
    fun labRoot(light: Double): Double = if (light > 0.008856) cbrt(light) else SLOPE * light + 16.0 / 116.0

    /** sRGB 0..255 each -> CIE L, a, b. */
    fun lab(red: Int, green: Int, blue: Int): DoubleArray {
        val linear = doubleArrayOf(decode(red / 255.0), decode(green / 255.0), decode(blue / 255.0))
        val (x, y, z) = DoubleArray(3) { row -> labRoot((0..2).sumOf { toWhite[row][it] * linear[it] }) }
        return doubleArrayOf(116 * y - 16, 500 * (x - y), 200 * (y - z))
    }

    /** CIE L, a, b -> 0xFFRRGGBB, clipped to sRGB; for swatches, not for photos. */
    fun argb(luma: Double, a: Double, b: Double): Int {
        val y = (luma + 16) / 116
        val xyz = doubleArrayOf(y + a / 500, y, y - b / 200).map {
            if (it > KNEE) it * it * it else (it - 16.0 / 116.0) / SLOPE
        }
        var packed = 0xFF
        for (row in fromXyz) {
            val light = (0..2).sumOf { row[it] * xyz[it] }.coerceIn(0.0, 1.0)
            packed = packed shl 8 or round(encode(light) * 255).toInt()
        }
        return packed
    }

    // --- tables; luminance is in green's unit, as green is solved last and makes up for what rounding red did ---

    private val linear = DoubleArray(256) { decode(it / 255.0) }
    private val greenShare = toXyz[1][1]
    private val ratio = toXyz[1][0] / greenShare // of a step of red to one of green

    /** Luminance that a code of one channel contributes, ÷ green's weight, × [STEPS]. */
    val redLight = contribution(0)
    val greenLight = contribution(1)
    val blueLight = contribution(2)
    val grayLight = FloatArray(256) { (linear[it] / greenShare * STEPS).toFloat() }

    /** CIE Lab's f of a neutral of this code, and of a luminance in steps. */
    val grayRoot = FloatArray(256) { labRoot(linear[it]).toFloat() }
    val root = FloatArray(STEPS + 1) { labRoot((it + 0.5) / STEPS).toFloat() }

    /** The same, stirred: what chroma is added to. */
    val grayStirred = FloatArray(256) { stirred(linear[it]) }
    val stirred = FloatArray(STEPS + 1) { stirred((it + 0.5) / STEPS) }

    /** Luminance in green's unit × this = in steps. */
    val unit = greenShare.toFloat()

    // How codes are rounded together, so that of their errors in luminance little is left: docs/edge.md, step 5. Indices
    // of `up` and `green` are MOST larger than steps, as green is solved for a moment beyond white and below black.
    const val CODE_AT = 12
    const val STEP = (1 shl CODE_AT) - 1
    const val CUT_AT = 20
    const val MOST = 1023
    private const val NO_CHOICE = 1 / 32.0 // codes of red

    /**
     * Luminance to the next code, 0 where there is no choice | code << [CODE_AT] | luminance it lacks + [MOST] << [CUT_AT].
     *
     * Close to a whole code there is no choice: on its other side the choice is another, and the codes of colours a hair
     * apart would differ by two. Black has no other side.
     */
    val red = IntArray(STEPS + 1) {
        val centre = (it + 0.5) / STEPS
        val exact = encode(centre) * 255.0
        val whole = abs(exact - round(exact)) < NO_CHOICE && exact > 0.5
        val code = if (whole) round(exact).toInt() else floor(exact).toInt().coerceIn(0, 254)
        val lack = round(ratio * STEPS * centre - ratio * STEPS * linear[code]).toInt().coerceIn(-MOST, MOST)
        val step = if (whole) 0.0 else round(ratio * STEPS * (linear[code + 1] - linear[code]))
        step.toInt().coerceIn(0, MOST) or (code shl CODE_AT) or (lack + MOST shl CUT_AT)
    }

    /** [STEP] where green does better with the next code of red, else 0. */
    val up = IntArray(STEPS + 1 + 2 * MOST) {
        val part = greenCode(it) % 1.0
        if (part > ratio / 2 && part < (1 + ratio) / 2) STEP else 0
    }

    /** Luminance from a code of green to the next. */
    val greenStep = IntArray(256) { if (it < 255) round((greenLight[it + 1] - greenLight[it]).toDouble()).toInt() else MOST }

    /** Code << 8 | what is added to blue before it is cut, in 1/256 codes << 24. */
    val green = IntArray(STEPS + 1 + 2 * MOST) {
        val wanted = greenCode(it)
        val code = floor(wanted + 0.5).coerceIn(0.0, 255.0)
        val bias = (0.5 + greenShare / toXyz[1][2] * (wanted - code)).coerceIn(0.0, 255.0 / 256)
        (code.toInt() shl 8) or ((bias * 256).toInt() shl 24)
    }

    /** Code with eight bits of fraction << 8. */
    val blue = IntArray(STEPS + 1) { (encode(min((it + 0.5) / STEPS, 1.0)) * 255.0 * 256.0).toInt() shl 8 }

    /** X and Z relative to white and luminance in green's unit -> linear RGB in steps; nine numbers by rows. */
    val product = FloatArray(9) {
        val row = fromXyz[it / 3]
        when (it % 3) {
            0 -> row[0] * STEPS
            1 -> row[2] * STEPS
            else -> row[1] * greenShare
        }.toFloat()
    }

    /** 0x..RRGGBB -> CIE L 0..100. */
    fun luma(argb: Int): Float {
        val r = argb ushr 16 and 0xFF
        val g = argb ushr 8 and 0xFF
        val b = argb and 0xFF
        val step = ((redLight[r] + greenLight[g] + blueLight[b]) * unit).toInt()
        return root[min(step, STEPS)] * 116f - 16f
    }

    /**
     * CIE Lab's f of a luminance + what makes up to [STIR] codes of red more or less of it.
     *
     * In a tint that is even over the photo the fractions of the codes are alike at all grays, and so are the errors that
     * rounding leaves in luminance. With red shifted by another share at every gray they even out.
     */
    private fun stirred(light: Double): Float {
        val root = labRoot(light)
        val code = encode(light) * 255.0
        // Less towards black and white: how far a colour outside sRGB is pulled in, a little of red decides there.
        val most = STIR * minOf(code / 20.0, (255.0 - code) / 40.0, 1.0)
        val share = most * (4.0 * abs(code * GOLDEN % 1.0 - 0.5) - 1.0)
        val step = decode((code + 0.5) / 255.0) - decode((code - 0.5) / 255.0)
        val slope = (if (root > KNEE) 3.0 * root * root else 1.0 / SLOPE) * (fromXyz[0][0] + fromXyz[0][2])
        return (root + (share * step / slope).coerceIn(-MOST_STIR, MOST_STIR)).toFloat()
    }

    private fun contribution(channel: Int) =
        FloatArray(256) { (toXyz[1][channel] * linear[it] / greenShare * STEPS).toFloat() }

    /** A step + MOST -> the exact code of green, 0 below black; beyond white it grows as from 254 to 255. */
    private fun greenCode(index: Int): Double {
        val step = index - MOST
        if (step < 0) return 0.0
        if (step <= STEPS) return encode(min((step + 0.5) / STEPS, 1.0)) * 255.0
        return 255.0 + (step - STEPS + 0.5) / STEPS / (linear[255] - linear[254])
    }

    private fun inverse(m: Array<DoubleArray>): Array<DoubleArray> {
        fun minor(row: Int, column: Int): Double {
            val r = intArrayOf(0, 1, 2).filter { it != row }
            val c = intArrayOf(0, 1, 2).filter { it != column }
            val sign = if ((row + column) % 2 == 0) 1 else -1
            return sign * (m[r[0]][c[0]] * m[r[1]][c[1]] - m[r[0]][c[1]] * m[r[1]][c[0]])
        }
        val determinant = (0..2).sumOf { m[0][it] * minor(0, it) }
        return Array(3) { row -> DoubleArray(3) { minor(it, row) / determinant } }
    }
}
