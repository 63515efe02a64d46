package tf.colorize.core

import kotlin.math.abs

/** Colours that things in photographs have, as a and b of CIE Lab; shown and set at a luma of the photo's. */
enum class Palette(val a: Int, val b: Int) {
    SKIN(18, 22),
    BLONDE(6, 34),
    BROWN(14, 28),
    BRICK(38, 30),
    RED(58, 40),
    ORANGE(34, 58),
    YELLOW(2, 66),
    GRASS(-28, 40),
    FOLIAGE(-22, 24),
    TEAL(-28, -8),
    SKY(-6, -28),
    NAVY(12, -46),
    VIOLET(32, -34),
    PINK(34, 2),
    NEUTRAL(0, 0);

    /** 0xFFRRGGBB at [luma] (CIE L), kept away from black and white, where no colour can be told. */
    fun argb(luma: Float): Int = Srgb.argb(luma.coerceIn(30f, 80f).toDouble(), a.toDouble(), b.toDouble())

    companion object {
        /** The colour that 0xFFRRGGBB was made of; where sRGB has no room for both, a very light red is taken for brick. */
        fun nearest(argb: Int): Palette {
            val luma = Srgb.luma(argb)
            return entries.minBy { colour ->
                val made = colour.argb(luma)
                intArrayOf(16, 8, 0).sumOf { abs((argb shr it and 0xFF) - (made shr it and 0xFF)) }
            }
        }
    }
}
