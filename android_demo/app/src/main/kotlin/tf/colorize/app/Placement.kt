package tf.colorize.app

import tf.colorize.core.Window
import kotlin.math.ceil
import kotlin.math.floor
import kotlin.math.log2
import kotlin.math.max
import kotlin.math.min
import kotlin.math.roundToInt

/** Where a photo lies on a view: fitted into it, then zoomed and moved. Places on the photo are in its pixels. */
class Placement {
    /** Of the photo's pixels on the view. */
    var scale = 1f
        private set
    var left = 0f
        private set
    var top = 0f
        private set
    var zoom = 1f
        private set
    private var photoWidth = 1
    private var photoHeight = 1
    private var viewWidth = 0
    private var viewHeight = 0

    // Of the photo's middle from the view's.
    private var shiftX = 0f
    private var shiftY = 0f

    val right: Float get() = left + photoWidth * scale
    val bottom: Float get() = top + photoHeight * scale

    fun fit(photoWidth: Int, photoHeight: Int, viewWidth: Int, viewHeight: Int) {
        this.photoWidth = photoWidth
        this.photoHeight = photoHeight
        this.viewWidth = viewWidth
        this.viewHeight = viewHeight
        arrange()
    }

    fun whole() {
        zoom = 1f
        arrange()
    }

    /** What lies at [x], [y] of the view stays there. */
    fun zoomBy(factor: Float, x: Float, y: Float) {
        val by = (zoom * factor).coerceIn(1f, LARGEST) / zoom
        zoom *= by
        shiftX = (x - viewWidth / 2f) * (1 - by) + shiftX * by
        shiftY = (y - viewHeight / 2f) * (1 - by) + shiftY * by
        arrange()
    }

    fun moveBy(dx: Float, dy: Float) {
        shiftX += dx
        shiftY += dy
        arrange()
    }

    private fun arrange() {
        scale = zoom * min(viewWidth.toFloat() / photoWidth, viewHeight.toFloat() / photoHeight)
        // It may be moved as far as it covers the view, and not beyond.
        val spareX = max(0f, (photoWidth * scale - viewWidth) / 2)
        val spareY = max(0f, (photoHeight * scale - viewHeight) / 2)
        shiftX = shiftX.coerceIn(-spareX, spareX)
        shiftY = shiftY.coerceIn(-spareY, spareY)
        left = (viewWidth - photoWidth * scale) / 2 + shiftX
        top = (viewHeight - photoHeight * scale) / 2 + shiftY
    }

    /** The middle of the photo's pixel [x], [y], on the view. */
    fun onView(x: Float, y: Float): Pair<Float, Float> = left + (x + 0.5f) * scale to top + (y + 0.5f) * scale

    /** A place on the view -> pixels of the photo; null beside it. */
    fun onPhoto(x: Float, y: Float): Pair<Float, Float>? {
        val column = (x - left) / scale - 0.5f
        val row = (y - top) / scale - 0.5f
        return (column to row).takeIf { column >= 0 && row >= 0 && column <= photoWidth - 1 && row <= photoHeight - 1 }
    }

    /**
     * What lies between these sides of the view, of the photo made as large as it is shown or at most half as large again;
     * null where a copy that is [copyWidth] wide shows as much.
     */
    fun window(copyWidth: Int, fromX: Float, fromY: Float, toX: Float, toY: Float): Window? {
        val step = 1 shl max(0, log2(1 / scale).roundToInt())
        val reduction = photoWidth.toFloat() / copyWidth
        if (reduction <= step || reduction * scale <= 1f) return null
        val width = (photoWidth + step - 1) / step
        val height = (photoHeight + step - 1) / step
        val perPixel = scale * photoWidth / width
        val window = Window(
            height, width,
            top = floor((fromY - top) / perPixel).toInt().coerceIn(0, height),
            left = floor((fromX - left) / perPixel).toInt().coerceIn(0, width),
            bottom = ceil((toY - top) / perPixel).toInt().coerceIn(0, height),
            right = ceil((toX - left) / perPixel).toInt().coerceIn(0, width),
        )
        return window.takeIf { it.bottom > it.top && it.right > it.left }
    }

    private companion object {
        const val LARGEST = 16f
    }
}
