package tf.colorize.core

import kotlin.math.ceil
import kotlin.math.max
import kotlin.math.min
import kotlin.math.round
import kotlin.math.sqrt

/** ab by rows, [height, width, 2] in Lab units, of which the top left [coversHeight] × [coversWidth] show the photo. */
class Chroma(val height: Int, val width: Int, val ab: FloatArray, val coversHeight: Double, val coversWidth: Double) {
    constructor(height: Int, width: Int, ab: FloatArray) : this(height, width, ab, height.toDouble(), width.toDouble())

    init {
        require(ab.size == 2 * height * width) { "$height × $width × 2 of ${ab.size} numbers" }
    }
}

private const val EDGE_PIXELS = 1_000_000 // the edge-aware step works on at most so many
private const val STRIP_PIXELS = 65_536 // few enough to stay near a core's cache
private const val MOST_ROWS = 32

/** A part of a photo that was made [height] × [width]: its rows [top] until [bottom] and columns [left] until [right]. */
data class Window(
    val height: Int, val width: Int, val top: Int = 0, val left: Int = 0, val bottom: Int = height, val right: Int = width,
)

/**
 * Gives [photo], or what a raster holds of a [window] on one, the colours of [chroma], in place, and leaves its CIE L alone.
 *
 * Luminance is kept exactly, chroma gives way: where the wanted colour lies outside sRGB, it moves towards the neutral
 * of the same luminance, in linear light. Works in strips: beside the photo it needs no more memory for a larger one.
 */
fun fuse(
    photo: Raster,
    chroma: Chroma,
    small: Small,
    edges: Boolean = true,
    workers: Workers = Workers.ONE,
    watch: Watch = Watch.NONE,
    window: Window = Window(photo.height, photo.width),
) {
    val planes = enlarged(chroma, small, if (edges) factor(chroma, window) else 1, workers)
    val vertical = Positions(photo.height, planes.coversHeight / window.height, planes.height, window.top)
    val horizontal = Positions(photo.width, planes.coversWidth / window.width, planes.width, window.left)
    val rows = min(MOST_ROWS, max(1, STRIP_PIXELS / photo.width))
    val strips = (photo.height + rows - 1) / rows
    workers.each(strips, watch) { strip ->
        val top = strip * rows
        val count = min(rows, photo.height - top)
        val pixels = workers.room(rows * photo.width)
        photo.read(top, count, pixels)
        val line = Line(planes, horizontal)
        for (row in 0 until count) {
            line.at(vertical.left[top + row], vertical.share[top + row])
            line.colour(pixels, row * photo.width)
        }
        photo.write(top, count, pixels)
    }
}

/** Chroma in the unit of CIE Lab's f: x = f(Y) + a/500, z = f(Y) - b/200. */
private class Shifts(
    val height: Int, val width: Int, val x: FloatArray, val z: FloatArray, val coversHeight: Double, val coversWidth: Double,
)

private fun enlarged(chroma: Chroma, small: Small, factor: Int, workers: Workers): Shifts {
    var planes = Planes(
        chroma.height, chroma.width,
        FloatArray(chroma.ab.size / 2) { chroma.ab[2 * it] }, FloatArray(chroma.ab.size / 2) { chroma.ab[2 * it + 1] },
    )
    var (coversHeight, coversWidth) = chroma.coversHeight to chroma.coversWidth
    if (factor > 1) {
        val rows = max(1, round(chroma.coversHeight * factor).toInt())
        val columns = max(1, round(chroma.coversWidth * factor).toInt())
        planes = jointBilateral(planes, guide(small, rows, columns, chroma, factor), factor, workers)
        coversHeight = rows.toDouble()
        coversWidth = columns.toDouble()
    }
    for (i in planes.first.indices) {
        planes.first[i] *= 1f / 500
        planes.second[i] *= -1f / 200
    }
    return Shifts(planes.height, planes.width, planes.first, planes.second, coversHeight, coversWidth)
}

/** How many times the chroma is enlarged with its edges kept: up to the photo's size, or as far as memory goes. */
private fun factor(chroma: Chroma, photo: Window): Int {
    val most = sqrt(EDGE_PIXELS.toDouble() / (chroma.height * chroma.width)).toInt()
    val wanted = max(photo.height / chroma.coversHeight, photo.width / chroma.coversWidth)
    return max(1, min(most, ceil(wanted).toInt()))
}

/** CIE L over the whole chroma made [factor] times larger, mirrored beyond the photo's [rows] × [columns]. */
private fun guide(small: Small, rows: Int, columns: Int, chroma: Chroma, factor: Int): FloatArray {
    val gray = Plane.grayOf(small.pixels).resized(rows, columns, Filter.BILINEAR)
    val luma = FloatArray(gray.codes.size) { Srgb.grayRoot[gray.codes[it].toInt() and 0xFF] * 116f - 16f }
    return padded(luma, rows, columns, chroma.height * factor, chroma.width * factor)
}

/** The arithmetic of one row of the photo. Powers and roots are looked up; this is the inner loop of the whole product. */
private class Line(private val shifts: Shifts, private val columns: Positions) {
    private val x = FloatArray(shifts.width + 1)
    private val z = FloatArray(shifts.width + 1)

    /** Blends row [top] of the chroma and, by [share], the one below it. */
    fun at(top: Int, share: Float) {
        val upper = top * shifts.width
        val lower = min(top + 1, shifts.height - 1) * shifts.width
        for (i in 0 until shifts.width) {
            x[i] = shifts.x[upper + i] + (shifts.x[lower + i] - shifts.x[upper + i]) * share
            z[i] = shifts.z[upper + i] + (shifts.z[lower + i] - shifts.z[upper + i]) * share
        }
        x[shifts.width] = x[shifts.width - 1] // the right neighbour of the last
        z[shifts.width] = z[shifts.width - 1]
    }

    /** 0xAARRGGBB from [start] on: luminance of the pixel + chroma of the blended row -> the pixel in colour. */
    fun colour(pixels: IntArray, start: Int) {
        val redLight = Srgb.redLight
        val greenLight = Srgb.greenLight
        val blueLight = Srgb.blueLight
        val roots = Srgb.stirred
        val unit = Srgb.unit
        val m = Srgb.product
        val (m0, m1, m2) = Triple(m[0], m[1], m[2])
        val (m3, m4, m5) = Triple(m[3], m[4], m[5])
        val (m6, m7, m8) = Triple(m[6], m[7], m[8])
        val left = columns.left
        val share = columns.share
        val rowX = this.x
        val rowZ = this.z
        for (i in left.indices) {
            val pixel = pixels[start + i]
            val r = pixel ushr 16 and 0xFF
            val g = pixel ushr 8 and 0xFF
            val b = pixel and 0xFF
            val light: Float
            val root: Float
            if (r == g && g == b) {
                light = Srgb.grayLight[g]
                root = Srgb.grayStirred[g]
            } else {
                light = redLight[r] + greenLight[g] + blueLight[b]
                root = roots[min((light * unit).toInt(), Srgb.STEPS)]
            }
            val at = left[i]
            val part = share[i]
            val x = cube(root + rowX[at] + (rowX[at + 1] - rowX[at]) * part)
            val z = cube(root + rowZ[at] + (rowZ[at + 1] - rowZ[at]) * part)
            val red = m0 * x + m1 * z + m2 * light
            val green = m3 * x + m4 * z + m5 * light
            val blue = m6 * x + m7 * z + m8 * light
            val outside = red.toInt() or green.toInt() or blue.toInt() // STEPS has all its 16 bits set
            pixels[start + i] = if (outside and Srgb.STEPS.inv() == 0) {
                encode(pixel, red.toInt(), green.toInt(), blue.toInt())
            } else {
                encodePulledIn(pixel, red, green, blue, light * unit)
            }
        }
    }

    /** CIE Lab's f -> light relative to white: the cube above the knee, and its tangent below. */
    private fun cube(root: Float): Float {
        val above = max(root, Srgb.KNEE)
        return (root - above) * SLOPE_BELOW + above * above * above
    }

    /** A colour outside sRGB, moved towards the neutral of its luminance just far enough. */
    private fun encodePulledIn(pixel: Int, red: Float, green: Float, blue: Float, light: Float): Int {
        val r = red - light
        val g = green - light
        val b = blue - light
        val share = min(
            1f, min((Srgb.STEPS - light) / max(max(max(r, g), b), TINY), light / max(-min(min(r, g), b), TINY)),
        )
        return encode(pixel, clamped(r * share + light), clamped(g * share + light), clamped(b * share + light))
    }

    private fun clamped(step: Float) = step.toInt().coerceIn(0, Srgb.STEPS)

    /**
     * Linear light in steps -> codes of the same luminance, each of them next to the exact one.
     *
     * Red becomes the code below, or the next one where that leaves green closer to a whole code. Green makes up for red,
     * and is rounded. What rounding did to luminance decides whether blue becomes the code below or above.
     *
     * A step of a strong red changes luminance more than one of its green: were green to make up for red there, it would
     * jump by several codes where red changes by one. Such red is rounded alone, and green makes up for nearly half of a code.
     */
    private fun encode(pixel: Int, red: Int, green: Int, blue: Int): Int {
        val coded = Srgb.red[red]
        val step = coded and Srgb.STEP
        val lack = coded ushr Srgb.CUT_AT // + MOST
        if (green * TIMES < red) {
            val room = Srgb.greenStep[Srgb.green[green + Srgb.MOST] ushr 8 and 0xFF]
            if (step > room) {
                val up = if (2 * (lack - Srgb.MOST) > step) 1 else 0
                val rest = (lack - Srgb.MOST - up * step).coerceIn(-(room * 7 / 16), room * 7 / 16)
                return packed(pixel, (coded ushr Srgb.CODE_AT) + up, Srgb.green[green + Srgb.MOST + rest], blue)
            }
        }
        val rest = green + lack
        val up = Srgb.up[rest]
        // `up` carries into the code where there is a step.
        return packed(pixel, coded + up ushr Srgb.CODE_AT, Srgb.green[rest - (step and up)], blue)
    }

    /** A code of red, an entry of [Srgb.green] and blue in steps -> the pixel. */
    private fun packed(pixel: Int, red: Int, green: Int, blue: Int): Int {
        val b = Srgb.blue[blue] + (green ushr 16)
        return (pixel and OPAQUE) or (red and 0xFF shl 16) or (green and 0xFF00) or (b ushr 16 and 0xFF)
    }

    private companion object {
        const val SLOPE_BELOW = (1 / Srgb.SLOPE).toFloat()
        const val TINY = 1e-20f
        const val TIMES = 7 // that red's light is at least green's, where red is strong
    }
}
