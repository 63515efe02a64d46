package tf.colorize.core

import kotlin.math.ceil
import kotlin.math.max
import kotlin.math.min

/** The network's input, CIE L by rows; [coversHeight] × [coversWidth] of it at the top left show the photo, the rest mirrors it. */
class Prepared(val height: Int, val width: Int, val luma: FloatArray, val coversHeight: Int, val coversWidth: Int)

/** A colour the user wants at ([x], [y]), in pixels of the photo; [radius] null leaves the size to the model. */
data class Hint(val x: Float, val y: Float, val red: Int, val green: Int, val blue: Int, val radius: Float? = null) {
    /** 0xFFRRGGBB. */
    val argb: Int get() = (0xFF shl 24) or (red shl 16) or (green shl 8) or blue
}

private const val LONGEST = 4 // times the short side; a panorama beyond it is made smaller as a whole
private const val HINT_RADIUS = 3f // pixels of the network's input: hints of 7 × 7 are what it was trained on
private const val SMALLEST_RADIUS = 0.71f // the pixel a hint points at always counts, however small the photo became
private const val MOST_GAIN = 3.0 // of the levels: a picture that is nearly one gray is no faded print
private const val AB_RANGE = 110.0

/** A photo -> what the network sees: only luma, so a tint is gone; what fading did to the tones, [levels] takes back. */
fun prepare(small: Small, card: Card, levels: Boolean): Prepared {
    val size = sizes(small.height, small.width, card)
    // Halving or thirding first costs the bicubic filter nothing in quality, and spares it most of its work.
    val factor = min(min(small.pixels.height / size.innerHeight, small.pixels.width / size.innerWidth) / 2, MOST_FACTOR)
    val source = if (factor > 1) reduced(small.pixels, factor) else small.pixels
    val luma = lumaAt(source, size.innerHeight, size.innerWidth, Filter.BICUBIC)
    if (levels) level(luma)
    val padded = padded(luma, size.innerHeight, size.innerWidth, size.outerHeight, size.outerWidth)
    return Prepared(size.outerHeight, size.outerWidth, padded, size.innerHeight, size.innerWidth)
}

private class Sizes(val innerHeight: Int, val innerWidth: Int, val outerHeight: Int, val outerWidth: Int)

private fun sizes(height: Int, width: Int, card: Card): Sizes {
    val fixed = card.size
    if (fixed != null) {
        if (card.fit == "squash") return Sizes(fixed.height, fixed.width, fixed.height, fixed.width)
        val scale = min(fixed.height.toDouble() / height, fixed.width.toDouble() / width)
        return Sizes(
            min(length(height * scale), fixed.height), min(length(width * scale), fixed.width), fixed.height, fixed.width,
        )
    }
    val scale = min(
        card.shortSide.toDouble() / min(height, width), card.shortSide.toDouble() * LONGEST / max(height, width),
    )
    val (innerHeight, innerWidth) = length(height * scale) to length(width * scale)
    return Sizes(innerHeight, innerWidth, upTo(innerHeight, card.multiple), upTo(innerWidth, card.multiple))
}

private fun length(wanted: Double) = max(1, (wanted + 0.5).toInt())

private fun upTo(length: Int, multiple: Int) = (length + multiple - 1) / multiple * multiple

/** Any position -> 0 until [length], reflected at the first and last sample without repeating them. */
fun mirror(index: Int, length: Int): Int {
    if (length == 1) return 0
    val period = 2 * (length - 1)
    val folded = Math.floorMod(index, period)
    return min(folded, period - folded)
}

/** What lies beyond [height] × [width], to the right and below, mirrors it. */
internal fun padded(values: FloatArray, height: Int, width: Int, toHeight: Int, toWidth: Int): FloatArray {
    if (height == toHeight && width == toWidth) return values
    val columns = IntArray(toWidth) { mirror(it, width) }
    return FloatArray(toHeight * toWidth) { values[mirror(it / toWidth, height) * width + columns[it % toWidth]] }
}

/** Moves the 1 % and 99 % points of CIE L out towards 0 and 100, by at most [MOST_GAIN]; in place. */
fun level(luma: FloatArray) {
    val counts = IntArray(402)
    for (value in luma) counts[(value * 4.0f).toInt().coerceIn(0, 401)]++
    fun point(share: Double): Double {
        var sum = 0L
        for (bin in counts.indices) {
            sum += counts[bin]
            if (sum.toDouble() / luma.size >= share) return bin / 4.0
        }
        return counts.size / 4.0
    }
    val low = point(0.01)
    val span = point(0.99) - low
    if (span <= 0) return
    val slack = 100.0 - span
    val taken = min(slack, (MOST_GAIN - 1.0) * span)
    val lowTo = (if (slack != 0.0) low - taken * low / slack else low).toFloat()
    val gain = ((span + taken) / span).toFloat()
    for (i in luma.indices) luma[i] = ((luma[i] - low.toFloat()) * gain + lowTo).coerceIn(0f, 100f)
}

/** Hints on a photo -> float [height, width, 3] of the input: a/110, b/110, 1 where a hint lies, else 0. */
fun paintHints(hints: List<Hint>, height: Int, width: Int, prepared: Prepared): FloatArray {
    val out = FloatArray(prepared.height * prepared.width * 3)
    val perRow = prepared.coversHeight.toDouble() / height
    val perColumn = prepared.coversWidth.toDouble() / width
    for (hint in hints) {
        require(hint.x >= 0 && hint.x < width && hint.y >= 0 && hint.y < height) { "a hint outside the photo: $hint" }
        val row = (hint.y + 0.5) * perRow - 0.5
        val column = (hint.x + 0.5) * perColumn - 0.5
        val wanted = hint.radius?.let { it * (perRow + perColumn) / 2 } ?: HINT_RADIUS.toDouble()
        val radius = max(wanted, SMALLEST_RADIUS.toDouble())
        val (_, a, b) = Srgb.lab(hint.red, hint.green, hint.blue)
        for (y in max(0, ceil(row - radius).toInt())..min(prepared.coversHeight - 1, (row + radius).toInt())) {
            for (x in max(0, ceil(column - radius).toInt())..min(prepared.coversWidth - 1, (column + radius).toInt())) {
                if ((y - row) * (y - row) + (x - column) * (x - column) > radius * radius) continue
                val at = (y * prepared.width + x) * 3
                out[at] = (a / AB_RANGE).toFloat()
                out[at + 1] = (b / AB_RANGE).toFloat()
                out[at + 2] = 1f
            }
        }
    }
    return out
}
