package tf.colorize.app

import android.graphics.Bitmap
import android.graphics.Rect
import android.os.Looper
import android.view.MotionEvent
import org.junit.Assert.assertEquals
import org.junit.Assert.assertNotNull
import org.junit.Assert.assertNotSame
import org.junit.Assert.assertNull
import org.junit.Assert.assertTrue
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.Shadows.shadowOf
import org.robolectric.annotation.Config
import tf.colorize.core.Window
import java.io.File
import java.time.Duration

/** Whoever zooms in sees the photo's own pixels, in colour, and not those of a small copy. */
@RunWith(Runner::class)
@Config(qualifiers = "w360dp-h640dp-mdpi")
class DetailTest {
    @Test fun pinchedOpenThePhotosOwnPixelsAppear() = Stage().use { stage ->
        stage.launch().opened(stage.photo("stripes.png", stripes()))
        assertTrue(stage.state.photo!!.before.width < WIDTH)
        val view = stage.view<CompareView>(R.id.compare)
        assertTrue("gray from afar", contrast(stage) < 60)
        repeat(5) { pinchOpen(view) }
        settle(stage)
        val window = stage.state.detail!!.window
        assertEquals(WIDTH to HEIGHT, window.width to window.height)
        assertTrue("$window", window.right - window.left in 100..view.width)
        assertTrue("stripes", contrast(stage) > 150)
        assertTrue("in colour", stage.state.detail!!.after.argb().any { it ushr 16 and 0xFF != it and 0xFF })
        // What is shown is what would be saved.
        val before = stage.photos.decode(stage.photos.last()!!, Window(HEIGHT, WIDTH)).bitmap
        val seen = stage.state.detail!!.before
        assertTrue(Bitmap.createBitmap(before, window.left, window.top, seen.width, seen.height).sameAs(seen))
    }

    @Test fun otherColoursAreLookedUpAnew() = Stage().use { stage ->
        stage.launch().opened(stage.photo("stripes.png", stripes()))
        repeat(5) { pinchOpen(stage.view(R.id.compare)) }
        settle(stage)
        val colours = stage.state.detail!!.after
        val before = stage.state.photo!!.after
        stage.model.saturation(0f)
        waitFor("gray") { stage.state.photo!!.after !== before }
        settle(stage)
        assertNotSame(colours, stage.state.detail!!.after)
        assertTrue(stage.state.detail!!.after.argb().all { (it ushr 16 and 0xFF) - (it and 0xFF) in -2..2 })
    }

    @Test fun withoutMemoryTheSmallCopyStays() = Stage().use { stage ->
        stage.launch().opened(stage.photo("stripes.png", stripes()))
        stage.photos.onDecode = { throw OutOfMemoryError("zoomed") }
        repeat(5) { pinchOpen(stage.view(R.id.compare)) }
        shadowOf(Looper.getMainLooper()).idleFor(Duration.ofMillis(300))
        stage.app.graph.engine.submit { stage.app.graph.main.execute { stage.model.split(0.9f) } }
        waitFor("the engine") { stage.state.split == 0.9f }
        assertNull(stage.state.detail)
        assertNull(stage.state.notice)
    }

    @Test fun aSmallPhotoNeedsNoDetail() = Stage().use { stage ->
        stage.launch().opened()
        repeat(5) { pinchOpen(stage.view(R.id.compare)) }
        shadowOf(Looper.getMainLooper()).idleFor(Duration.ofMillis(300))
        assertNull(stage.state.detail)
    }

    @Test fun aQuickPinchSetsNoHint() = Stage().use { stage ->
        stage.launch().opened().click(R.id.hint)
        stage.drawn()
        pinchOpen(stage.view(R.id.compare))
        assertEquals(emptyList<Any>(), stage.state.hints)
    }

    @Test fun aTurnedPhotoIsCutWhereItIsSeen() = Stage().use { stage ->
        val photo = stage.photos.take(stage.photo("turned.jpg", turned()))
        val whole = stage.photos.decode(photo).bitmap
        assertEquals(40 to 60, whole.width to whole.height) // it lies on its side in the file
        val window = Window(60, 40, top = 32, left = 8, bottom = 56, right = 24)
        val part = stage.photos.decode(photo, window).bitmap
        val wanted = Bitmap.createBitmap(whole, 8, 32, 16, 24)
        assertEquals(wanted.width to wanted.height, part.width to part.height)
        assertTrue(wanted.sameAs(part))
    }

    @Test fun placesOnTheViewAreFoundAgain() {
        val place = Placement()
        place.fit(4000, 3000, 360, 400)
        place.zoomBy(4f, 100f, 150f)
        val (x, y) = place.onPhoto(200f, 210f)!!
        val (viewX, viewY) = place.onView(x, y)
        assertEquals(200f, viewX, 0.01f)
        assertEquals(210f, viewY, 0.01f)
        place.zoomBy(1.5f, 200f, 210f)
        assertEquals(x, place.onPhoto(200f, 210f)!!.first, 0.5f)
        place.moveBy(1e6f, 1e6f) // as far as it goes
        assertEquals(0f, place.left, 0.01f)
        assertEquals(0f, place.top, 0.01f)
        assertNull(place.onPhoto(-1f, 10f))
        place.whole()
        assertEquals(Window(3000, 4000), Placement().apply { fit(4000, 3000, 4000, 3000) }.window(2000, 0f, 0f, 4000f, 3000f))
        assertNull(place.window(2000, 0f, 0f, 360f, 400f))
    }

    private fun settle(stage: Stage) {
        shadowOf(Looper.getMainLooper()).idleFor(Duration.ofMillis(300))
        waitFor("the detail") { stage.state.detail != null }
        assertNotNull(stage.state.detail)
    }

    /** Between the darkest and the brightest of the middle of what is drawn. */
    private fun contrast(stage: Stage): Int {
        val view = stage.view<CompareView>(R.id.compare)
        val at = IntArray(2).also(view::getLocationInWindow)
        val middle = Rect(at[0] + view.width / 2 + 30, at[1] + view.height / 2 + 30, 0, 0)
        val drawn = stage.drawn()
        val seen = List(40) { drawn.getPixel(middle.left + it, middle.top) ushr 8 and 0xFF }
        return seen.max() - seen.min()
    }

    /** Black and white columns by turns, and of more pixels than a small copy keeps. */
    private fun stripes(): File {
        val columns = IntArray(WIDTH * HEIGHT) { if (it % 2 == 0) 0xFF101010.toInt() else 0xFFF0F0F0.toInt() }
        val bitmap = Bitmap.createBitmap(columns, WIDTH, HEIGHT, Bitmap.Config.ARGB_8888)
        return File.createTempFile("stripes", ".png").apply {
            deleteOnExit()
            outputStream().use { bitmap.compress(Bitmap.CompressFormat.PNG, 100, it) }
        }
    }

    /** 60 × 40 in the file, and to be turned by a quarter. */
    private fun turned(): File {
        val colours = IntArray(60 * 40) { (0xFF shl 24) or (it * 7919 and 0xFFFFFF) }
        return oriented(Format.JPEG, Bitmap.createBitmap(colours, 60, 40, Bitmap.Config.ARGB_8888), 6)
    }

    private fun pinchOpen(view: CompareView) {
        val start = android.os.SystemClock.uptimeMillis()
        val properties = Array(2) { MotionEvent.PointerProperties().apply { id = it; toolType = MotionEvent.TOOL_TYPE_FINGER } }
        fun send(action: Int, count: Int, apart: Float, after: Long) {
            val places = Array(2) { index ->
                MotionEvent.PointerCoords().apply {
                    x = view.width / 2f + (if (index == 0) -apart else apart)
                    y = view.height / 2f + 20f
                }
            }
            view.dispatchTouchEvent(
                MotionEvent.obtain(start, start + after, action, count, properties, places, 0, 0, 1f, 1f, 0, 0, 0, 0),
            )
        }
        val second = 1 shl MotionEvent.ACTION_POINTER_INDEX_SHIFT
        send(MotionEvent.ACTION_DOWN, 1, 90f, 0)
        send(MotionEvent.ACTION_POINTER_DOWN or second, 2, 90f, 10)
        for (step in 1..8) send(MotionEvent.ACTION_MOVE, 2, 90f + 10 * step, 10L + 20 * step)
        send(MotionEvent.ACTION_POINTER_UP or second, 2, 170f, 200)
        send(MotionEvent.ACTION_UP, 1, 170f, 210)
        waitFor("the pinch") { true }
    }

    private companion object {
        const val WIDTH = 2600
        const val HEIGHT = 1800
    }
}
