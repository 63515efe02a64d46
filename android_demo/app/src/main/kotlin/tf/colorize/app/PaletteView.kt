package tf.colorize.app

import android.content.Context
import android.graphics.drawable.GradientDrawable
import android.util.AttributeSet
import android.view.View
import android.widget.LinearLayout
import tf.colorize.core.Palette

/** A row of colours, of which one is chosen. */
class PaletteView @JvmOverloads constructor(context: Context, attributes: AttributeSet? = null) : LinearLayout(context, attributes) {
    var chosen: ((Palette) -> Unit)? = null
    private val density = resources.displayMetrics.density

    init {
        val names = resources.getStringArray(R.array.colours)
        for (colour in Palette.entries) {
            val swatch = View(context).apply {
                contentDescription = names[colour.ordinal]
                tag = colour
                isFocusable = true
                setOnClickListener { chosen?.invoke(colour) }
            }
            val side = (48 * density).toInt() // what a finger needs
            addView(swatch, LayoutParams(side, side))
        }
    }

    fun show(colour: Palette) {
        for (index in 0 until childCount) {
            val swatch = getChildAt(index)
            swatch.isSelected = swatch.tag == colour
            swatch.background = GradientDrawable().apply {
                shape = GradientDrawable.OVAL
                setColor((swatch.tag as Palette).argb(60f))
                setStroke(((if (swatch.isSelected) 4 else 1) * density).toInt(), context.getColor(R.color.text))
                setPadding(0, 0, 0, 0)
            }.let { android.graphics.drawable.InsetDrawable(it, (4 * density).toInt()) }
        }
    }
}
