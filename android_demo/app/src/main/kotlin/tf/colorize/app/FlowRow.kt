package tf.colorize.app

import android.content.Context
import android.util.AttributeSet
import android.view.View
import android.view.ViewGroup

/** Views side by side from the start of the line, in as many lines as they need. */
class FlowRow @JvmOverloads constructor(context: Context, attributes: AttributeSet? = null) : ViewGroup(context, attributes) {
    private val shown: List<View> get() = List(childCount, ::getChildAt).filter { it.visibility != GONE }

    override fun onMeasure(widthSpec: Int, heightSpec: Int) {
        measureChildren(widthSpec, MeasureSpec.makeMeasureSpec(0, MeasureSpec.UNSPECIFIED))
        val width = MeasureSpec.getSize(widthSpec)
        setMeasuredDimension(width, resolveSize(lines(width).sumOf(::height), heightSpec))
    }

    override fun onLayout(changed: Boolean, left: Int, top: Int, right: Int, bottom: Int) {
        val width = right - left
        val fromRight = layoutDirection == LAYOUT_DIRECTION_RTL
        var y = 0
        for (line in lines(width)) {
            var x = 0
            for (view in line) {
                val at = if (fromRight) width - x - view.measuredWidth else x
                view.layout(at, y, at + view.measuredWidth, y + view.measuredHeight)
                x += view.measuredWidth
            }
            y += height(line)
        }
    }

    private fun height(line: List<View>) = line.maxOf { it.measuredHeight }

    private fun lines(width: Int): List<List<View>> {
        val lines = ArrayList<ArrayList<View>>()
        var left = 0
        for (view in shown) {
            if (lines.isEmpty() || view.measuredWidth > left) {
                lines.add(ArrayList())
                left = width
            }
            lines.last().add(view)
            left -= view.measuredWidth
        }
        return lines
    }
}
