package tf.colorize.app

import android.content.Context
import android.graphics.Bitmap
import android.graphics.Canvas
import android.graphics.Paint
import android.graphics.Rect
import android.graphics.RectF
import android.os.Build
import android.os.Bundle
import android.util.AttributeSet
import android.view.GestureDetector
import android.view.MotionEvent
import android.view.ScaleGestureDetector
import android.view.View
import android.view.accessibility.AccessibilityNodeInfo
import tf.colorize.core.Hint
import tf.colorize.core.Window
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
        fun removeHint(index: Int)
        fun look(window: Window?)
    }

    var actions: Actions? = null
    private var photo: Shown? = null
    private var detail: Detail? = null
    private var tool = Tool.COMPARE
    private var split = 0.5f
    private var hints = emptyList<Hint>()
    private val spoken = SpokenHints(resources)

    private val density = resources.displayMetrics.density
    private val smooth = Paint(Paint.FILTER_BITMAP_FLAG)
    private val line = Paint(Paint.ANTI_ALIAS_FLAG).apply { color = 0xFFFFFFFF.toInt(); strokeWidth = 2 * density }
    private val shade = Paint(Paint.ANTI_ALIAS_FLAG).apply { color = 0x99000000.toInt() }
    private val fill = Paint(Paint.ANTI_ALIAS_FLAG)

    private val place = Placement()
    private var dragged = NOTHING
    private var draggedTo: Pair<Float, Float>? = null

    /** How far the picture may reach beyond each side of the view: under the system's bars. */
    var beyond: Rect = Rect()
        set(value) {
            field = value
            arrange()
        }
    private var asked: Pair<Window?, Bitmap>? = null // for more detail, and of which picture
    private val askForDetail = Runnable {
        val shown = photo ?: return@Runnable
        val wanted = detailNeeded(shown) to shown.after
        if (wanted != asked) {
            asked = wanted
            actions?.look(wanted.first)
        }
    }

    init {
        isFocusable = true
    }

    fun show(state: UiState) {
        val another = state.photo?.before !== photo?.before
        photo = state.photo
        detail = state.detail
        tool = state.tool
        split = state.split
        hints = if (state.card?.hints == false) emptyList() else state.hints // that model takes none
        spoken.show(state)
        describe()
        if (another) place.whole()
        arrange()
    }

    // --- drawing ---

    override fun onSizeChanged(width: Int, height: Int, oldWidth: Int, oldHeight: Int) = arrange()

    private fun arrange() {
        invalidate()
        val shown = photo ?: return
        if (width == 0 || height == 0) return
        place.fit(shown.width, shown.height, width, height)
        systemGestureExclusionRects = if (tool == Tool.COMPARE) listOf(handleAt()) else emptyList()
        removeCallbacks(askForDetail)
        postDelayed(askForDetail, PAUSE)
    }

    private fun detailNeeded(shown: Shown): Window? = place.window(
        shown.before.width, -beyond.left.toFloat(), -beyond.top.toFloat(),
        (width + beyond.right).toFloat(), (height + beyond.bottom).toFloat(),
    )

    override fun onDraw(canvas: Canvas) {
        val shown = photo ?: return
        val at = lineAt()
        clipped(canvas, -beyond.left.toFloat(), at) { picture(canvas, shown.before, detail?.before) }
        clipped(canvas, at, (width + beyond.right).toFloat()) { picture(canvas, shown.after, detail?.after) }
        if (tool == Tool.COMPARE) handle(canvas, at)
        hints.forEachIndexed { index, hint -> dot(canvas, index, hint) }
    }

    private fun picture(canvas: Canvas, small: Bitmap, large: Bitmap?) {
        canvas.drawBitmap(small, null, RectF(place.left, place.top, place.right, place.bottom), smooth)
        val window = detail?.window ?: return
        val perColumn = (place.right - place.left) / window.width
        val perRow = (place.bottom - place.top) / window.height
        val part = RectF(
            place.left + window.left * perColumn, place.top + window.top * perRow,
            place.left + window.right * perColumn, place.top + window.bottom * perRow,
        )
        large?.let { canvas.drawBitmap(it, null, part, smooth) }
    }

    private inline fun clipped(canvas: Canvas, left: Float, right: Float, draw: () -> Unit) {
        canvas.save()
        canvas.clipRect(left, -beyond.top.toFloat(), right, (height + beyond.bottom).toFloat())
        draw()
        canvas.restore()
    }

    private fun handle(canvas: Canvas, at: Float) {
        canvas.drawLine(at, max(0f, place.top), at, min(height.toFloat(), place.bottom), line)
        val radius = HANDLE * density
        canvas.drawCircle(at, height / 2f, radius, shade)
        val arm = radius / 2
        for (side in intArrayOf(-1, 1)) { // arrows: it can be dragged both ways
            val tip = at + side * (radius - 5 * density)
            canvas.drawLine(tip, height / 2f, tip - side * arm / 2, height / 2f - arm / 2, line)
            canvas.drawLine(tip, height / 2f, tip - side * arm / 2, height / 2f + arm / 2, line)
        }
    }

    /** Where a finger takes the line: at the screen's edge too, where it would otherwise be the system's way back. */
    private fun handleAt(): Rect {
        val reach = (REACH * density).toInt()
        val at = lineAt().toInt()
        return Rect(at - reach, height / 2 - 2 * reach, at + reach, height / 2 + 2 * reach)
    }

    private fun dot(canvas: Canvas, index: Int, hint: Hint) {
        val (x, y) = draggedTo?.takeIf { dragged == index } ?: place.onView(hint.x, hint.y)
        fill.color = hint.argb
        canvas.drawCircle(x, y, DOT * density + 3 * density, shade)
        canvas.drawCircle(x, y, DOT * density + 1.5f * density, line)
        canvas.drawCircle(x, y, DOT * density, fill)
    }

    /** The line in the view; the hint tool shows all in colour. */
    private fun lineAt(): Float = if (tool == Tool.HINT) -beyond.left.toFloat() else seenFrom() + split * (seenTo() - seenFrom())

    private fun seenFrom() = max(0f, place.left)

    private fun seenTo() = min(width.toFloat(), place.right)

    // --- touch ---

    private val pinch = ScaleGestureDetector(context, object : ScaleGestureDetector.SimpleOnScaleGestureListener() {
        override fun onScale(detector: ScaleGestureDetector): Boolean {
            place.zoomBy(detector.scaleFactor, detector.focusX, detector.focusY)
            arrange()
            return true
        }
    }).apply { isQuickScaleEnabled = false } // a hint that was just set may be dragged at once

    private val gestures = GestureDetector(context, object : GestureDetector.SimpleOnGestureListener() {
        override fun onDown(event: MotionEvent) = true

        override fun onSingleTapUp(event: MotionEvent): Boolean {
            if (tool == Tool.HINT && dragged == NOTHING) place.onPhoto(event.x, event.y)?.let { actions?.addHint(it.first, it.second) }
            return performClick()
        }

        override fun onDoubleTap(event: MotionEvent): Boolean {
            if (tool == Tool.HINT) return false // two quick hints
            if (place.zoom > 1f) place.whole() else place.zoomBy(3f, event.x, event.y)
            arrange()
            return true
        }

        override fun onScroll(start: MotionEvent?, event: MotionEvent, dx: Float, dy: Float): Boolean {
            if (dragged == NOTHING) place.moveBy(-dx, -dy)
            arrange()
            return true
        }
    })

    override fun onTouchEvent(event: MotionEvent): Boolean {
        if (photo == null) return false
        if (event.actionMasked == MotionEvent.ACTION_DOWN) dragged = touched(event.x, event.y)
        if (event.pointerCount > 1 || event.actionMasked == MotionEvent.ACTION_CANCEL) letGo()
        pinch.onTouchEvent(event)
        gestures.onTouchEvent(event) // of a second finger too, or a quick pinch would be taken for a tap
        when (event.actionMasked) {
            MotionEvent.ACTION_MOVE -> drag(event)
            MotionEvent.ACTION_UP -> drop()
        }
        return true
    }

    private fun letGo() {
        dragged = NOTHING
        draggedTo = null
        invalidate()
    }

    private fun touched(x: Float, y: Float): Int = when (tool) {
        Tool.COMPARE -> if (abs(x - lineAt()) < REACH * density) LINE else NOTHING
        Tool.HINT -> hints.indices.lastOrNull { // the one on top
            val (hintX, hintY) = place.onView(hints[it].x, hints[it].y)
            hypot(x - hintX, y - hintY) < REACH * density
        } ?: NOTHING
    }

    private fun drag(event: MotionEvent) {
        if (dragged == LINE) {
            actions?.split((event.x - seenFrom()) / (seenTo() - seenFrom()))
        } else if (dragged >= 0) {
            draggedTo = event.x to event.y
            invalidate()
        }
    }

    private fun drop() {
        val index = dragged
        val to = draggedTo
        letGo()
        if (index >= 0 && to != null) place.onPhoto(to.first, to.second)?.let { actions?.moveHint(index, it.first, it.second) }
    }

    override fun performClick(): Boolean = super.performClick()

    // --- without sight or touch: the line is a slider, hints are set by named actions ---

    private fun describe() {
        val name = photo?.name
        val setting = name != null && tool == Tool.HINT
        val state = if (setting) spoken.text() else null
        val text = when {
            name == null -> null
            setting -> resources.getString(R.string.picture_in_colour, name)
            else -> resources.getString(R.string.picture_description, name, (split * 100).toInt())
        }
        // Told when it changes, wherever the user is: an undo is pressed on its own button.
        accessibilityLiveRegion = if (setting) ACCESSIBILITY_LIVE_REGION_POLITE else ACCESSIBILITY_LIVE_REGION_NONE
        if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.R) {
            contentDescription = text
            stateDescription = state
        } else {
            contentDescription = listOfNotNull(text, state).joinToString(". ").ifEmpty { null }
        }
    }

    override fun onInitializeAccessibilityNodeInfo(info: AccessibilityNodeInfo) {
        super.onInitializeAccessibilityNodeInfo(info)
        if (photo == null) return
        if (tool == Tool.HINT) return spoken.actions().forEach(info::addAction)
        info.className = "android.widget.SeekBar"
        @Suppress("DEPRECATION") // its constructor is of API 30
        info.rangeInfo = AccessibilityNodeInfo.RangeInfo.obtain(
            AccessibilityNodeInfo.RangeInfo.RANGE_TYPE_PERCENT, 0f, 100f, split * 100,
        )
        info.addAction(AccessibilityNodeInfo.AccessibilityAction.ACTION_SCROLL_FORWARD)
        info.addAction(AccessibilityNodeInfo.AccessibilityAction.ACTION_SCROLL_BACKWARD)
    }

    override fun performAccessibilityAction(action: Int, arguments: Bundle?): Boolean {
        val to = actions
        val done = when {
            to == null -> false
            tool == Tool.HINT -> spoken.perform(action, to).also { describe() }
            else -> slide(action, to)
        }
        return done || super.performAccessibilityAction(action, arguments)
    }

    private fun slide(action: Int, to: Actions): Boolean {
        when (action) {
            AccessibilityNodeInfo.ACTION_SCROLL_FORWARD -> to.split(split + STEP)
            AccessibilityNodeInfo.ACTION_SCROLL_BACKWARD -> to.split(split - STEP)
            else -> return false
        }
        return true
    }

    private companion object {
        const val NOTHING = -1
        const val LINE = -2
        const val HANDLE = 18f // dp
        const val DOT = 8f
        const val REACH = 24f
        const val STEP = 0.1f
        const val PAUSE = 150L // ms in which the picture must not move before more of it is looked up
    }
}
