package tf.colorize.app

import android.graphics.Bitmap
import android.graphics.ColorSpace
import tf.colorize.core.Exif
import tf.colorize.core.Window
import java.nio.ByteBuffer

/** How a stored picture is to be turned and mirrored until it is upright, as EXIF numbers it. */
class Orientation(private val number: Int) {
    private val swaps = number >= 5
    private val fromRight = number in intArrayOf(2, 3, 7, 8)
    private val fromBottom = number in intArrayOf(3, 4, 6, 7)

    /** The [window] on the upright picture, as one on the stored picture. */
    fun stored(window: Window): Window {
        val turned = window.run { if (swaps) Window(width, height, left, top, right, bottom) else this }
        return turned.run {
            val (first, last) = if (fromRight) width - right to width - left else left to right
            val (top, bottom) = if (fromBottom) height - bottom to height - top else top to bottom
            Window(height, width, top, first, bottom, last)
        }
    }

    /** Takes the place of [stored]: by the pixels' own codes, as what is not premultiplied cannot be drawn. */
    fun upright(stored: Bitmap): Bitmap {
        if (number == 1) return stored
        val (width, height) = stored.width to stored.height
        val (across, down) = if (swaps) height to width else width to height
        val out = Bitmap.createBitmap(across, down, Bitmap.Config.ARGB_8888, stored.hasAlpha(), ColorSpace.get(ColorSpace.Named.SRGB))
        out.isPremultiplied = stored.isPremultiplied
        val most = maxOf(1, STRIP_PIXELS / width)
        val strip = IntArray(most * width)
        val turned = IntArray(most * width)
        for (top in 0 until height step most) {
            val rows = minOf(most, height - top)
            stored.getPixels(strip, 0, width, 0, top, width, rows)
            for (row in 0 until rows) for (column in 0 until width) {
                val u = if (fromRight) width - 1 - column else column
                val v = if (fromBottom) rows - 1 - row else row
                turned[if (swaps) u * rows + v else v * width + u] = strip[row * width + column]
            }
            val at = if (fromBottom) height - top - rows else top
            if (swaps) out.setPixels(turned, 0, rows, at, 0, rows, width) else out.setPixels(turned, 0, width, 0, at, width, rows)
        }
        stored.recycle()
        return out
    }

    companion object {
        private const val STRIP_PIXELS = 65_536
        private const val PNG = -0x76AFB1B8F2F5E5F6L // its first eight bytes
        private const val EXIF = 0x65584966 // eXIf
        private const val UNKNOWN = 0x65784966 // exIf

        /**
         * What is left to do once Android has decoded [file]: it turns all but PNG. Lest another version turn PNG too,
         * the chunk that says so is given a name that no decoder knows.
         */
        fun beyondDecoder(file: ByteBuffer): Orientation {
            if (file.limit() < 8 || file.getLong(0) != PNG) return Orientation(1)
            var at = 8
            while (at in 8..file.limit() - 12) {
                val length = file.getInt(at)
                if (length !in 0..file.limit() - 12 - at) break
                if (file.getInt(at + 4) == EXIF) {
                    file.putInt(at + 4, UNKNOWN)
                    val exif = ByteArray(length).also { file.duplicate().position(at + 8).get(it) }
                    return Orientation(Exif.orientation(Exif.bare(exif)))
                }
                at += 12 + length
            }
            return Orientation(1)
        }
    }
}
