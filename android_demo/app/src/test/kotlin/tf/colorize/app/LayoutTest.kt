package tf.colorize.app

import android.graphics.Insets
import android.graphics.Rect
import android.view.MotionEvent
import android.view.View
import android.view.ViewGroup
import android.view.WindowInsets
import org.junit.Assert.assertEquals
import org.junit.Assert.assertNotEquals
import org.junit.Assert.assertTrue
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RuntimeEnvironment
import org.robolectric.annotation.Config

/** Whatever the language, the size of the text and the bars of the system: all can be seen and touched. */
@RunWith(Runner::class)
@Config(qualifiers = "w360dp-h640dp-mdpi")
class LayoutTest {
    @Test fun everyButtonIsOnTheScreen() = everywhere { stage, where ->
        val shown = buttons(stage)
        val wanted = listOf(R.id.hint, R.id.save, R.id.share, R.id.pick, R.id.camera, R.id.batch, R.id.settings)
        assertEquals(where, wanted, shown.map { it.id })
        for (button in shown) {
            val seen = Rect()
            assertTrue(where, button.getGlobalVisibleRect(seen))
            assertEquals(where, button.width to button.height, seen.width() to seen.height())
        }
        assertTrue("$where: the picture", stage.view<View>(R.id.compare).height >= 180)
    }

    @Test fun buttonsStartWhereReadingStarts() = everywhere { stage, where ->
        val row = stage.view<View>(R.id.buttons)
        val (first, second) = buttons(stage)
        if (row.layoutDirection == View.LAYOUT_DIRECTION_RTL) {
            assertEquals(where, row.width, first.right)
            assertTrue(where, second.right <= first.left || second.top >= first.bottom)
        } else {
            assertEquals(where, 0, first.left)
            assertTrue(where, second.left >= first.right || second.top >= first.bottom)
        }
    }

    @Test fun nothingToTouchLiesUnderTheBars() {
        for (qualifiers in listOf("w360dp-h640dp-port", "w640dp-h360dp-land")) {
            RuntimeEnvironment.setQualifiers("+$qualifiers")
            Stage().use { stage ->
                withBars(stage.launch().opened())
                val root = stage.activity.window.decorView
                fun check(view: View) {
                    if (view.visibility != View.VISIBLE) return
                    if (view.isClickable && view.id != View.NO_ID) {
                        val at = IntArray(2).also(view::getLocationInWindow)
                        assertTrue("$qualifiers $view", at[0] >= 30 && at[1] >= 24)
                        assertTrue("$qualifiers $view", at[0] + view.width <= root.width - 10)
                        assertTrue("$qualifiers $view", at[1] + minOf(view.height, 48) <= root.height - 40)
                    }
                    if (view is ViewGroup) for (index in 0 until view.childCount) check(view.getChildAt(index))
                }
                check(root)
            }
        }
    }

    @Test fun aZoomedPictureReachesUnderTheBars() = Stage().use { stage ->
        stage.launch().opened()
        val background = stage.drawn().getPixel(180, 8)
        withBars(stage)
        val view = stage.view<CompareView>(R.id.compare)
        assertEquals(Rect(30, 24, 10, 0), view.beyond)
        assertEquals(background, stage.drawn().getPixel(180, 8)) // it fits into the view
        doubleTap(view)
        assertNotEquals(background, stage.drawn().getPixel(180, 8))
    }

    private fun withBars(stage: Stage) {
        stage.drawn()
        val insets = WindowInsets.Builder().setInsets(WindowInsets.Type.systemBars(), Insets.of(30, 24, 10, 40)).build()
        stage.activity.window.decorView.dispatchApplyWindowInsets(insets)
        stage.drawn()
    }

    private fun doubleTap(view: View) {
        val start = android.os.SystemClock.uptimeMillis()
        for ((index, action) in intArrayOf(0, 1, 0, 1).withIndex()) {
            val down = start + if (index < 2) 0 else 100
            val at = down + 10 * (index % 2)
            view.dispatchTouchEvent(MotionEvent.obtain(down, at, action, view.width / 2f, view.height / 2f, 0))
        }
        waitFor("the taps") { true }
    }

    private fun buttons(stage: Stage): List<View> {
        val row = stage.view<ViewGroup>(R.id.buttons)
        return List(row.childCount, row::getChildAt).filter { it.visibility == View.VISIBLE }
    }

    private fun everywhere(check: (Stage, String) -> Unit) {
        for (language in listOf("en", "de", "ar-ldrtl")) {
            for (size in listOf(1f, 1.3f, 2f)) {
                RuntimeEnvironment.setQualifiers("+$language")
                RuntimeEnvironment.setFontScale(size)
                Stage().use { stage ->
                    stage.launch().opened().drawn()
                    check(stage, "$language, text × $size")
                }
            }
        }
    }
}
