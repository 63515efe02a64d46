package tf.colorize.app

import android.content.Context
import android.graphics.Bitmap
import android.graphics.Canvas
import android.graphics.Matrix
import android.graphics.Paint
import android.graphics.RectF
import android.os.Bundle
import android.util.AttributeSet
import android.view.GestureDetector
import android.view.MotionEvent
import android.view.ScaleGestureDetector
import android.view.View
import android.view.accessibility.AccessibilityNodeInfo
import tf.colorize.core.Hint
import kotlin.math.abs
import kotlin.math.hypot
import kotlin.math.max
import kotlin.math.min

/** The photo before and after, on both sides of a line that can be dragged; pinched to zoom; hints lie on it. */
class CompareView @JvmOverloads constructor(context: Context, attributes: AttributeSet? = null) : View(context, attributes) {
    /** What the user does with the picture; places are in pixels of the photo. */
    interface Actions {
        fun split(share: Float)
        fun addHint(x: Float, y: Float)
        fun moveHint(index: Int, x: Float, y: Float)
    }

    var actions: Actions? = null
    private var photo: Shown? = null
    private var tool = Tool.COMPARE
    private var split = 0.5f
    private var hints = emptyList<Hint>()

    private val density = resources.displayMetrics.density
    private val smooth = Paint(Paint.FILTER_BITMAP_FLAG)
    private val line = Paint(Paint.ANTI_ALIAS_FLAG).apply { color = 0xFFFFFFFF.toInt(); strokeWidth = 2 * density }
    private val shade = Paint(Paint.ANTI_ALIAS_FLAG).apply { color = 0x99000000.toInt() }
    private val fill = Paint(Paint.ANTI_ALIAS_FLAG)

    private val place = Matrix() // of the small copy on the view
    private var zoom = 1f
    private var shiftX = 0f
    private var shiftY = 0f
    private var dragged = NOTHING
    private var draggedTo: Pair<Float, Float>? = null

    init {
        isFocusable = true
    }

    fun show(photo: Shown?, tool: Tool, split: Float, hints: List<Hint>) {
        val another = photo?.before !== this.photo?.before
        this.photo = photo
        this.tool = tool
        this.split = split
        this.hints = hints
        contentDescription = photo?.let { resources.getString(R.string.picture_description, it.name, percent()) }
        if (another) zoomTo(1f, 0f, 0f) else arrange()
    }

    private fun percent() = (split * 100).toInt()

    // --- drawing ---

    override fun onSizeChanged(width: Int, height: Int, oldWidth: Int, oldHeight: Int) = arrange()

    private fun zoomTo(scale: Float, x: Float, y: Float) {
        zoom = scale.coerceIn(1f, LARGEST)
        shiftX = x
        shiftY = y
        arrange()
    }

    private fun arrange() {
        val before = photo?.before ?: return invalidate()
        if (width == 0 || height == 0) return
        val fit = min(width.toFloat() / before.width, height.toFloat() / before.height)
        val scale = fit * zoom
        // The picture may be moved as far as it covers the view, and not beyond.
        val spareX = max(0f, (before.width * scale - width) / 2)
        val spareY = max(0f, (before.height * scale - height) / 2)
        shiftX = shiftX.coerceIn(-spareX, spareX)
        shiftY = shiftY.coerceIn(-spareY, spareY)
        place.setScale(scale, scale)
        place.postTranslate((width - before.width * scale) / 2 + shiftX, (height - before.height * scale) / 2 + shiftY)
        invalidate()
    }

    override fun onDraw(canvas: Canvas) {
        val shown = photo ?: return
        val at = lineAt(shown.before)
        clipped(canvas, 0f, at) { canvas.drawBitmap(shown.before, place, smooth) }
        clipped(canvas, at, width.toFloat()) { canvas.drawBitmap(shown.after, place, smooth) }
        if (tool == Tool.COMPARE) handle(canvas, at, shown)
        hints.forEachIndexed { index, hint -> dot(canvas, index, hint, shown) }
    }

    private inline fun clipped(canvas: Canvas, left: Float, right: Float, draw: () -> Unit) {
        canvas.save()
        canvas.clipRect(left, 0f, right, height.toFloat())
        draw()
        canvas.restore()
    }

    private fun handle(canvas: Canvas, at: Float, shown: Shown) {
        val area = area(shown.before)
        canvas.drawLine(at, max(0f, area.top), at, min(height.toFloat(), area.bottom), line)
        val radius = HANDLE * density
        canvas.drawCircle(at, height / 2f, radius, shade)
        val arm = radius / 2
        for (side in intArrayOf(-1, 1)) { // arrows: it can be dragged both ways
            val tip = at + side * (radius - 5 * density)
            canvas.drawLine(tip, height / 2f, tip - side * arm / 2, height / 2f - arm / 2, line)
            canvas.drawLine(tip, height / 2f, tip - side * arm / 2, height / 2f + arm / 2, line)
        }
    }

    private fun dot(canvas: Canvas, index: Int, hint: Hint, shown: Shown) {
        val (x, y) = draggedTo?.takeIf { dragged == index } ?: onView(hint.x, hint.y, shown)
        fill.color = (0xFF shl 24) or (hint.red shl 16) or (hint.green shl 8) or hint.blue
        canvas.drawCircle(x, y, DOT * density + 3 * density, shade)
        canvas.drawCircle(x, y, DOT * density + 1.5f * density, line)
        canvas.drawCircle(x, y, DOT * density, fill)
    }

    /** The line in the view, where the hint tool shows all in colour. */
    private fun lineAt(before: Bitmap): Float {
        if (tool == Tool.HINT) return 0f
        val area = area(before)
        val left = max(0f, area.left)
        return left + split * (min(width.toFloat(), area.right) - left)
    }

    /** Where the picture lies in the view, and beyond it when zoomed. */
    private fun area(before: Bitmap) =
        RectF(0f, 0f, before.width.toFloat(), before.height.toFloat()).also { place.mapRect(it) }

    private fun onView(x: Float, y: Float, shown: Shown): Pair<Float, Float> {
        val point = floatArrayOf(
            (x + 0.5f) * shown.before.width / shown.width, (y + 0.5f) * shown.before.height / shown.height,
        )
        place.mapPoints(point)
        return point[0] to point[1]
    }

    /** A place on the view -> pixels of the photo; null beside it. */
    private fun onPhoto(x: Float, y: Float): Pair<Float, Float>? {
        val shown = photo ?: return null
        val inverse = Matrix()
        if (!place.invert(inverse)) return null
        val point = floatArrayOf(x, y).also { inverse.mapPoints(it) }
        val column = point[0] * shown.width / shown.before.width - 0.5f
        val row = point[1] * shown.height / shown.before.height - 0.5f
        return (column to row).takeIf { column >= 0 && row >= 0 && column <= shown.width - 1 && row <= shown.height - 1 }
    }

    // --- touch ---

    private val pinch = ScaleGestureDetector(context, object : ScaleGestureDetector.SimpleOnScaleGestureListener() {
        override fun onScale(detector: ScaleGestureDetector): Boolean {
            val scale = (zoom * detector.scaleFactor).coerceIn(1f, LARGEST) / zoom
            // What lies under the fingers stays there.
            val x = detector.focusX - width / 2f
            val y = detector.focusY - height / 2f
            zoomTo(zoom * scale, x - (x - shiftX) * scale, y - (y - shiftY) * scale)
            return true
        }
    }).apply { isQuickScaleEnabled = false } // a hint that was just set may be dragged at once

    private val gestures = GestureDetector(context, object : GestureDetector.SimpleOnGestureListener() {
        override fun onDown(event: MotionEvent) = true

        override fun onSingleTapUp(event: MotionEvent): Boolean {
            if (tool == Tool.HINT && dragged == NOTHING) onPhoto(event.x, event.y)?.let { actions?.addHint(it.first, it.second) }
            return performClick()
        }

        override fun onDoubleTap(event: MotionEvent): Boolean {
            if (tool == Tool.HINT) return false // two quick hints
            zoomTo(if (zoom > 1f) 1f else 3f, 0f, 0f)
            return true
        }

        override fun onScroll(start: MotionEvent?, event: MotionEvent, dx: Float, dy: Float): Boolean {
            if (dragged == NOTHING) zoomTo(zoom, shiftX - dx, shiftY - dy)
            return true
        }
    })

    override fun onTouchEvent(event: MotionEvent): Boolean {
        val shown = photo ?: return false
        pinch.onTouchEvent(event)
        if (pinch.isInProgress || event.pointerCount > 1) {
            dragged = NOTHING
            draggedTo = null
            return true
        }
        if (event.actionMasked == MotionEvent.ACTION_DOWN) dragged = touched(event.x, event.y, shown)
        gestures.onTouchEvent(event)
        when (event.actionMasked) {
            MotionEvent.ACTION_MOVE -> drag(event, shown)
            MotionEvent.ACTION_UP -> drop()
            MotionEvent.ACTION_CANCEL -> draggedTo = null
        }
        return true
    }

    private fun touched(x: Float, y: Float, shown: Shown): Int = when (tool) {
        Tool.COMPARE -> if (abs(x - lineAt(shown.before)) < REACH * density) LINE else NOTHING
        Tool.HINT -> hints.indices.firstOrNull {
            val (hintX, hintY) = onView(hints[it].x, hints[it].y, shown)
            hypot(x - hintX, y - hintY) < REACH * density
        } ?: NOTHING
    }

    private fun drag(event: MotionEvent, shown: Shown) {
        if (dragged == LINE) {
            val area = area(shown.before)
            val left = max(0f, area.left)
            actions?.split((event.x - left) / (min(width.toFloat(), area.right) - left))
        } else if (dragged >= 0) {
            draggedTo = event.x to event.y
            invalidate()
        }
    }

    private fun drop() {
        val index = dragged
        val to = draggedTo
        dragged = NOTHING
        draggedTo = null
        if (index >= 0 && to != null) onPhoto(to.first, to.second)?.let { actions?.moveHint(index, it.first, it.second) }
        invalidate()
    }

    override fun performClick(): Boolean = super.performClick()

    // --- without sight or touch: the line is a slider ---

    override fun onInitializeAccessibilityNodeInfo(info: AccessibilityNodeInfo) {
        super.onInitializeAccessibilityNodeInfo(info)
        if (photo == null) return
        info.className = "android.widget.SeekBar"
        @Suppress("DEPRECATION") // its constructor is of API 30
        info.rangeInfo = AccessibilityNodeInfo.RangeInfo.obtain(
            AccessibilityNodeInfo.RangeInfo.RANGE_TYPE_PERCENT, 0f, 100f, split * 100,
        )
        info.addAction(AccessibilityNodeInfo.AccessibilityAction.ACTION_SCROLL_FORWARD)
        info.addAction(AccessibilityNodeInfo.AccessibilityAction.ACTION_SCROLL_BACKWARD)
    }

    override fun performAccessibilityAction(action: Int, arguments: Bundle?): Boolean {
        when (action) {
            AccessibilityNodeInfo.ACTION_SCROLL_FORWARD -> actions?.split(split + STEP)
            AccessibilityNodeInfo.ACTION_SCROLL_BACKWARD -> actions?.split(split - STEP)
            else -> return super.performAccessibilityAction(action, arguments)
        }
        return true
    }

    private companion object {
        const val NOTHING = -1
        const val LINE = -2
        const val LARGEST = 16f
        const val HANDLE = 18f // dp
        const val DOT = 8f
        const val REACH = 24f
        const val STEP = 0.1f
    }
}
