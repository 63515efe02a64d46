package tf.colorize.app

import android.os.Build
import android.view.View
import android.view.ViewGroup
import android.view.accessibility.AccessibilityNodeInfo
import android.widget.TextView
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertNull
import org.junit.Assert.assertTrue
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.annotation.Config
import org.robolectric.util.ReflectionHelpers
import tf.colorize.core.Palette

/** Colours are set by what a screen reader can do: read nodes, and perform the actions that they offer by name. */
@RunWith(Runner::class)
@Config(qualifiers = "w360dp-h640dp-mdpi")
class SpokenTest {
    @Test fun aColourIsChosenSetMovedAndRemoved() = setting { stage ->
        assertEquals("Colours set: 0. Chosen: Skin.", said(stage))
        val swatches = stage.view<ViewGroup>(R.id.palette)
        val sky = (0 until swatches.childCount).map(swatches::getChildAt).single { it.contentDescription == "Sky" }
        assertTrue(sky.performAccessibilityAction(AccessibilityNodeInfo.ACTION_CLICK, null))
        assertTrue(sky.createAccessibilityNodeInfo().isSelected)
        perform(stage, "Set Sky, top left")
        val hint = stage.state.hints.single() // on 100 × 75 pixels
        assertEquals(100 / 6f - 0.5f, hint.x, 1e-3f)
        assertEquals(75 / 6f - 0.5f, hint.y, 1e-3f)
        assertTrue(hint.blue > hint.red)
        assertEquals("Sky, 17 percent from the left, 17 from the top. Colours set: 1. Chosen: Sky.", said(stage))
        perform(stage, "Move the colour right")
        perform(stage, "Move the colour down")
        assertEquals(hint.copy(x = hint.x + 5, y = hint.y + 5), stage.state.hints.single())
        perform(stage, "Remove the colour")
        assertEquals("Colours set: 0. Chosen: Sky.", said(stage))
        stage.click(R.id.undo)
        stage.settled()
        assertEquals("Sky, 22 percent from the left, 23 from the top. Colours set: 1. Chosen: Sky.", said(stage))
    }

    @Test fun everyPlaceIsOnThePictureAndNoColourLeavesIt() = setting { stage ->
        val places = labels(stage)
        assertEquals(9, places.size)
        for (place in places) perform(stage, place)
        val found = stage.state.hints.map { (it.x / 33.4f).toInt() to (it.y / 25.1f).toInt() }
        assertEquals(List(9) { it % 3 to it / 3 }, found)
        repeat(5) { perform(stage, "Move the colour right") }
        repeat(4) { perform(stage, "Move the colour down") }
        assertEquals(99f to 74f, stage.state.hints.last().run { x to y })
        perform(stage, "Go to the next colour")
        repeat(4) { perform(stage, "Move the colour left") }
        repeat(3) { perform(stage, "Move the colour up") }
        assertEquals(0f to 0f, stage.state.hints.first().run { x to y })
    }

    @Test fun theColourAtHandIsTheOneThatIsMovedAndRemoved() = setting { stage ->
        perform(stage, "Set Skin, left")
        assertFalse("Go to the next colour" in labels(stage))
        stage.model.colour(Palette.GRASS)
        perform(stage, "Set Grass, right")
        assertTrue(said(stage).startsWith("Grass, 83 percent from the left, 50 from the top. Colours set: 2."))
        perform(stage, "Go to the next colour")
        assertTrue(said(stage).startsWith("Skin, 17 percent from the left"))
        perform(stage, "Remove the colour")
        assertTrue(said(stage).startsWith("Grass, 83 percent from the left, 50 from the top. Colours set: 1."))
        assertEquals(9 + 5, labels(stage).size)
    }

    @Test fun whatChangesIsAnnounced() = setting { stage ->
        val picture = stage.view<View>(R.id.compare)
        assertEquals(View.ACCESSIBILITY_LIVE_REGION_POLITE, picture.accessibilityLiveRegion)
        assertEquals("photo.png, in colour", picture.contentDescription)
        stage.model.tool(Tool.COMPARE)
        assertEquals(View.ACCESSIBILITY_LIVE_REGION_NONE, picture.accessibilityLiveRegion)
        assertNull(picture.stateDescription)
    }

    @Test fun beforeApi30TheDescriptionSaysAll() {
        val real = Build.VERSION.SDK_INT
        setting { stage ->
            ReflectionHelpers.setStaticField(Build.VERSION::class.java, "SDK_INT", 29)
            try {
                stage.model.colour(Palette.TEAL)
                assertEquals("photo.png, in colour. Colours set: 0. Chosen: Teal.", stage.view<View>(R.id.compare).contentDescription)
            } finally {
                ReflectionHelpers.setStaticField(Build.VERSION::class.java, "SDK_INT", real)
            }
        }
    }

    @Test fun withoutTheToolThePictureIsASliderAndSetsNothing() = Stage().use { stage ->
        stage.launch().opened()
        val picture = stage.view<View>(R.id.compare)
        assertEquals("android.widget.SeekBar", picture.createAccessibilityNodeInfo().className)
        assertEquals(emptyList<String>(), labels(stage))
        assertFalse(picture.performAccessibilityAction(R.string.top_left, null))
        stage.model.tool(Tool.HINT)
        assertNull(picture.createAccessibilityNodeInfo().rangeInfo)
        assertFalse(picture.performAccessibilityAction(R.string.move_left, null)) // there is none yet
        assertFalse(picture.performAccessibilityAction(AccessibilityNodeInfo.ACTION_SCROLL_FORWARD, null))
        assertEquals(0.5f, stage.state.split, 0f)
        assertEquals(emptyList<Any>(), stage.state.hints)
    }

    @Test fun whatCanBeTouchedHasANameAndRoomForAFinger() = Stage().use { stage ->
        stage.launch().opened()
        stage.model.tool(Tool.HINT)
        stage.drawn()
        var touchable = 0
        fun check(view: View) {
            if (view.visibility != View.VISIBLE) return
            if (view.isClickable && view.id != View.NO_ID || view.tag is Palette) {
                touchable++
                val name = view.contentDescription ?: (view as? TextView)?.text
                assertTrue("$view", !name.isNullOrBlank())
                assertTrue("$view", view.height >= 48 && view.width >= 48)
            }
            if (view is ViewGroup) for (index in 0 until view.childCount) check(view.getChildAt(index))
        }
        check(stage.activity.window.decorView)
        assertTrue("$touchable", touchable > 15)
        stage.model.tool(Tool.COMPARE)
        val described = stage.view<View>(R.id.compare).contentDescription.toString()
        assertTrue(described, "photo.png" in described && "50" in described)
    }

    private fun setting(test: (Stage) -> Unit) = Stage().use { stage ->
        stage.launch().opened().click(R.id.hint)
        test(stage)
    }

    private fun actions(stage: Stage) = stage.view<View>(R.id.compare).createAccessibilityNodeInfo().actionList.filter { it.label != null }

    private fun labels(stage: Stage) = actions(stage).map { "${it.label}" }

    private fun said(stage: Stage) = "${stage.view<View>(R.id.compare).createAccessibilityNodeInfo().stateDescription}"

    private fun perform(stage: Stage, label: String) {
        val action = actions(stage).single { "${it.label}" == label }
        assertTrue(label, stage.view<View>(R.id.compare).performAccessibilityAction(action.id, null))
        stage.settled()
    }
}
