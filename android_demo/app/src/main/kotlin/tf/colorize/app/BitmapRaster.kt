package tf.colorize.app

import android.graphics.Bitmap
import tf.colorize.core.Pixels
import tf.colorize.core.Raster

/** A mutable bitmap in ordinary memory, read and written in strips. */
class BitmapRaster(val bitmap: Bitmap) : Raster, AutoCloseable {
    override val width: Int get() = bitmap.width
    override val height: Int get() = bitmap.height

    override fun read(top: Int, rows: Int, into: IntArray) = bitmap.getPixels(into, 0, width, 0, top, width, rows)

    override fun write(top: Int, rows: Int, from: IntArray) = bitmap.setPixels(from, 0, width, 0, top, width, rows)

    /** Gives the pixels back now: the garbage collector does not know how large they are. */
    override fun close() = bitmap.recycle()
}

fun Pixels.toBitmap(): Bitmap = Bitmap.createBitmap(argb, width, height, Bitmap.Config.ARGB_8888)
