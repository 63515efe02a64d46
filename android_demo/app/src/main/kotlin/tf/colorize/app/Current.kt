package tf.colorize.app

import android.graphics.Bitmap
import tf.colorize.core.Card
import tf.colorize.core.Chroma
import tf.colorize.core.Hint
import tf.colorize.core.Options
import tf.colorize.core.Small
import tf.colorize.core.Srgb

/** A photo that was read: its file and size, and its small copy as the network and the screen see it. */
internal class Photo(val file: PhotoFile, val width: Int, val height: Int, val small: Small, val before: Bitmap) {
    /** CIE L at [x], [y] of the photo, as its small copy has it. */
    fun lumaAt(x: Float, y: Float): Float {
        val pixels = small.pixels
        val row = (y * pixels.height / height).toInt().coerceIn(0, pixels.height - 1)
        val column = (x * pixels.width / width).toInt().coerceIn(0, pixels.width - 1)
        return Srgb.luma(pixels.argb[row * pixels.width + column])
    }
}

/** A photo, what the network of [card] answered to [wish], and how that was finished. */
internal class Current(val photo: Photo, val card: Card, val raw: Chroma, val wish: Wish, val finish: Options)

/** What the network is asked about a photo. */
internal data class Wish(val hints: List<Hint>, val choice: Choice, val vivid: Float)
