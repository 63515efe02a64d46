package tf.colorize.app

import android.content.res.Resources
import android.view.accessibility.AccessibilityNodeInfo.AccessibilityAction
import tf.colorize.core.Hint
import tf.colorize.core.Palette
import kotlin.math.max
import kotlin.math.roundToInt

/**
 * Hints for whoever does not see the picture: actions that a screen reader offers by their names, and where they led.
 *
 * The name's resource is the action's identifier.
 */
class SpokenHints(private val resources: Resources) {
    private var state = UiState()
    private var taken = -1 // the hint that is moved and removed: the newest one, until another is taken

    fun show(state: UiState) {
        taken = if (state.hints.size > this.state.hints.size) state.hints.lastIndex else taken.coerceAtMost(state.hints.lastIndex)
        this.state = state
    }

    fun actions(): List<AccessibilityAction> {
        val colour = nameOf(state.colour)
        val places = PLACES.map { AccessibilityAction(it, resources.getString(R.string.set_at, colour, resources.getString(it))) }
        val others = when (state.hints.size) {
            0 -> emptyList()
            1 -> MOVES.keys + R.string.remove_hint
            else -> MOVES.keys + R.string.remove_hint + R.string.next_hint
        }
        return places + others.map { AccessibilityAction(it, resources.getString(it)) }
    }

    /** What is set, in words: the hint at hand, how many there are, and the colour that is chosen. */
    fun text(): String {
        val photo = state.photo
        val hint = state.hints.getOrNull(taken)
        val count = resources.getString(R.string.hints_are, state.hints.size, nameOf(state.colour))
        if (photo == null || hint == null) return count
        val name = nameOf(Palette.nearest(hint.argb))
        return resources.getString(R.string.hint_is, name, percent(hint.x, photo.width), percent(hint.y, photo.height)) + " " + count
    }

    /** False if [action] is none of these. */
    fun perform(action: Int, actions: CompareView.Actions): Boolean {
        val photo = state.photo ?: return false
        val hint = state.hints.getOrNull(taken)
        val place = PLACES.indexOf(action)
        val move = MOVES[action]
        when {
            place >= 0 -> actions.addHint(photo.width * THIRDS[place % 3] - 0.5f, photo.height * THIRDS[place / 3] - 0.5f)
            hint == null -> return false
            move != null -> move(photo, hint, move, actions)
            action == R.string.remove_hint -> actions.removeHint(taken)
            action == R.string.next_hint -> taken = (taken + 1) % state.hints.size
            else -> return false
        }
        return true
    }

    private fun move(photo: Shown, hint: Hint, move: Pair<Int, Int>, actions: CompareView.Actions) {
        val step = max(photo.width, photo.height) * STEP
        val x = (hint.x + move.first * step).coerceIn(0f, photo.width - 1f)
        val y = (hint.y + move.second * step).coerceIn(0f, photo.height - 1f)
        actions.moveHint(taken, x, y)
    }

    private fun percent(at: Float, of: Int) = ((at + 0.5f) * 100 / of).roundToInt()

    private fun nameOf(colour: Palette) = resources.getStringArray(R.array.colours)[colour.ordinal]

    private companion object {
        const val STEP = 0.05f // of the photo's longer side
        val THIRDS = floatArrayOf(1 / 6f, 1 / 2f, 5 / 6f)
        val PLACES = listOf(
            R.string.top_left, R.string.top, R.string.top_right, R.string.left, R.string.middle, R.string.right,
            R.string.bottom_left, R.string.bottom, R.string.bottom_right,
        )
        val MOVES = mapOf(
            R.string.move_left to (-1 to 0), R.string.move_right to (1 to 0),
            R.string.move_up to (0 to -1), R.string.move_down to (0 to 1),
        )
    }
}
