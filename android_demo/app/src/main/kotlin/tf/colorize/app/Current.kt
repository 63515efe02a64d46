package tf.colorize.app

import android.graphics.Bitmap
import tf.colorize.core.Card
import tf.colorize.core.Chroma
import tf.colorize.core.Hint
import tf.colorize.core.Options
import tf.colorize.core.Small

/** A photo that was read: its file and size, and its small copy as the network and the screen see it. */
internal class Photo(val file: PhotoFile, val width: Int, val height: Int, val small: Small, val before: Bitmap)

/** A photo, what the network of [card] answered to [wish], and how that was finished. */
internal class Current(val photo: Photo, val card: Card, val raw: Chroma, val wish: Wish, val finish: Options)

/** What the network is asked about a photo. */
internal data class Wish(val hints: List<Hint>, val choice: Choice, val vivid: Float)
