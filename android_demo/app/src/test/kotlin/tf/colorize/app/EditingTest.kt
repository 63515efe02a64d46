package tf.colorize.app

import android.os.Build
import android.os.SystemClock
import android.view.MotionEvent
import android.view.View
import android.view.accessibility.AccessibilityNodeInfo
import android.widget.SeekBar
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertTrue
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.annotation.Config
import org.robolectric.util.ReflectionHelpers
import tf.colorize.core.Palette

/** Hints, sliders and the line between before and after. */
@RunWith(Runner::class)
@Config(qualifiers = "w360dp-h640dp-mdpi")
class EditingTest {
    @Test fun aTapSetsAHintADragMovesItUndoTakesBothBack() = Stage().use { stage ->
        stage.launch().opened()
        stage.click(R.id.hint)
        stage.model.colour(Palette.RED)
        val view = stage.view<CompareView>(R.id.compare)
        stage.drawn()
        val (x, y) = view.width / 2f to view.height / 2f
        touch(view, x to y)
        stage.settled()
        val hint = stage.state.hints.single()
        assertEquals(49.5f, hint.x, 1f)
        assertTrue(hint.red > hint.green + 50)
        touch(view, x to y, x + 60 to y + 30, x + 90 to y + 30)
        stage.settled()
        assertEquals(hint.x + 90 * 100f / view.width, stage.state.hints.single().x, 1f)
        stage.click(R.id.undo)
        stage.settled()
        assertEquals(listOf(hint), stage.state.hints)
        stage.click(R.id.undo)
        stage.settled()
        assertEquals(emptyList<Any>(), stage.state.hints)
        assertFalse(stage.view<View>(R.id.undo).isEnabled)
        assertEquals(listOf(0, 1, 1, 1, 0), stage.models.opened.single().asked.map { it.size })
    }

    @Test fun theLineIsDragged() = Stage().use { stage ->
        stage.launch().opened()
        val view = stage.view<CompareView>(R.id.compare)
        stage.drawn()
        touch(view, view.width / 2f to 200f, view.width / 4f to 200f)
        assertEquals(0.25f, stage.state.split, 0.02f)
        view.performAccessibilityAction(AccessibilityNodeInfo.ACTION_SCROLL_FORWARD, null)
        assertEquals(0.35f, stage.state.split, 0.02f)
    }

    @Test fun theLineCanBeTakenAtTheEdgeOfTheScreen() = Stage().use { stage ->
        stage.launch().opened().model.split(0f)
        val view = stage.view<CompareView>(R.id.compare)
        stage.drawn()
        assertTrue(view.systemGestureExclusionRects.single().contains(10, view.height / 2))
        stage.model.tool(Tool.HINT)
        assertEquals(emptyList<Any>(), view.systemGestureExclusionRects)
    }

    @Test fun saturationAsksTheNetworkNothingVividDoes() = Stage().use { stage ->
        stage.launch().opened()
        val before = stage.state.photo!!.after
        stage.model.saturation(0f)
        waitFor("gray") { stage.state.photo!!.after !== before }
        val gray = stage.state.photo!!.after.argb()
        assertTrue(gray.all { (it ushr 16 and 0xFF) - (it and 0xFF) in -2..2 })
        assertEquals(1, stage.models.opened.single().asked.size)
        stage.model.vivid(1f)
        stage.settled()
        assertEquals(2, stage.models.opened.single().asked.size)
    }

    @Test fun vividIsNotOfferedWhereTheModelHasNone() = Stage(FakeModels { FakeColorizer(PLAIN) }).use { stage ->
        stage.launch().opened()
        for (id in intArrayOf(R.id.vivid, R.id.hint)) {
            assertFalse(stage.view<View>(id).isEnabled)
            assertEquals("The model in use does not offer this.", stage.view<View>(id).stateDescription)
        }
        assertTrue(stage.view<View>(R.id.saturation).isEnabled)
        stage.model.vivid(1f)
        stage.settled()
        assertEquals(0f, stage.state.options.vivid, 0f)
        assertEquals(listOf(0f), stage.models.opened.single().vivid)
    }

    @Test fun whereTheModelHasItVividSaysItsValue() = Stage().use { stage ->
        stage.launch().opened().model.vivid(0.5f)
        stage.settled()
        val slider = stage.view<SeekBar>(R.id.vivid)
        assertEquals(50 to true, slider.progress to slider.isEnabled)
        assertFalse("${slider.stateDescription}", "does not offer" in "${slider.stateDescription}")
    }

    @Test fun beforeApi30TheReasonIsInTheDescription() {
        val real = Build.VERSION.SDK_INT
        Stage(FakeModels { FakeColorizer(PLAIN) }).use { stage ->
            stage.launch().opened()
            ReflectionHelpers.setStaticField(Build.VERSION::class.java, "SDK_INT", 29)
            try {
                stage.model.saturation(0.5f)
                assertEquals("Vivid. The model in use does not offer this.", stage.view<View>(R.id.vivid).contentDescription)
            } finally {
                ReflectionHelpers.setStaticField(Build.VERSION::class.java, "SDK_INT", real)
            }
        }
    }

    @Test fun aModelWithoutHintsEndsTheirToolAndKeepsThem() {
        val cards = ArrayDeque(listOf(FakeColorizer.CARD, PLAIN, FakeColorizer.CARD))
        Stage(FakeModels { FakeColorizer(cards.removeFirst()) }).use { stage ->
            stage.launch().opened().click(R.id.hint)
            stage.model.vivid(0.5f)
            stage.model.addHint(10f, 10f)
            stage.settled()
            stage.model.choose(stage.state.choice.copy(model = "own.tflite"))
            stage.settled()
            assertEquals(Tool.COMPARE, stage.state.tool)
            assertEquals(0, stage.view<SeekBar>(R.id.vivid).progress)
            assertEquals(listOf(0), stage.models.opened.last().asked.map { it.size })
            stage.model.choose(stage.state.choice.copy(model = "mobile.tflite"))
            stage.settled()
            assertEquals(1, stage.models.opened.last().asked.single().size)
            assertEquals(50, stage.view<SeekBar>(R.id.vivid).progress)
        }
    }

    private fun touch(view: View, vararg places: Pair<Float, Float>) {
        val start = SystemClock.uptimeMillis()
        places.forEachIndexed { index, (x, y) ->
            val action = if (index == 0) MotionEvent.ACTION_DOWN else MotionEvent.ACTION_MOVE
            view.dispatchTouchEvent(MotionEvent.obtain(start, start + 20 * index, action, x, y, 0))
        }
        val (x, y) = places.last()
        view.dispatchTouchEvent(MotionEvent.obtain(start, start + 20 * places.size, MotionEvent.ACTION_UP, x, y, 0))
        waitFor("the touch") { true }
    }
}
