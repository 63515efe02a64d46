package tf.colorize.app

import android.Manifest
import android.content.pm.PackageManager
import android.view.Surface
import android.view.View
import android.widget.TextView
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertNotNull
import org.junit.Assert.assertNull
import org.junit.Assert.assertTrue
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.Shadows.shadowOf
import org.robolectric.annotation.Config
import org.robolectric.shadows.ShadowDisplay
import tf.colorize.core.Pixels
import java.io.IOException
import java.util.concurrent.CountDownLatch

/** The camera, and what it sees in colour as it runs. */
@RunWith(Runner::class)
@Config(qualifiers = "w360dp-h640dp-mdpi")
class ViewfinderTest {
    @Test fun aRefusedCameraIsNamed() = Stage().use { stage ->
        stage.launch().click(R.id.camera)
        assertEquals(Screen.EMPTY, stage.state.screen)
        val permissions = arrayOf(Manifest.permission.CAMERA)
        stage.activity.onRequestPermissionsResult(4, permissions, intArrayOf(PackageManager.PERMISSION_DENIED))
        assertEquals(R.string.camera_refused, stage.state.notice!!.text)
        stage.model.seen()
        stage.activity.onRequestPermissionsResult(4, permissions, intArrayOf()) // dismissed
        assertEquals(R.string.camera_refused, stage.state.notice!!.text)
    }

    @Test fun theViewfinderShowsColoursAndSpeedAndTakesPhotos() = Stage().use { stage ->
        shadowOf(stage.app).grantPermissions(Manifest.permission.CAMERA)
        stage.launch().click(R.id.camera)
        for (number in 1..3) {
            stage.camera.frame!!(gray())
            val last = stage.state.frame
            waitFor("frame $number") { stage.state.frame !== last }
        }
        assertTrue(stage.state.frame!!.perSecond > 0)
        assertTrue(stage.view<TextView>(R.id.fps).text.endsWith("frames per second"))
        assertTrue(stage.state.frame!!.picture.argb().any { it ushr 16 and 0xFF != it and 0xFF })
        stage.camera.jpeg = golden("colour.png").readBytes()
        stage.click(R.id.camera)
        stage.settled()
        waitFor("the photo") { stage.state.screen == Screen.PHOTO }
        assertNull(stage.camera.frame) // the camera rests
    }

    @Test fun framesThatComeTooFastAreLeftOut() {
        val gate = CountDownLatch(1)
        Stage(FakeModels { FakeColorizer().apply { this.gate = gate } }).use { stage ->
            stage.launch().model.viewfinder(true)
            repeat(9) { stage.camera.frame!!(gray()) }
            gate.countDown()
            waitFor("a frame") { stage.state.frame != null }
            assertEquals(1, stage.models.opened.single().asked.size)
        }
    }

    @Test fun aCameraThatFailsIsNamed() = Stage().use { stage ->
        stage.launch().model.viewfinder(true)
        stage.camera.failed!!(IOException("unplugged"))
        waitFor("the notice") { stage.state.notice?.text == R.string.camera_failed }
        assertEquals(Screen.EMPTY, stage.state.screen)
    }

    @Test fun theCameraRestsInTheBackground() = Stage().use { stage ->
        stage.launch().model.viewfinder(true)
        assertNotNull(stage.camera.frame)
        stage.controller.pause().stop()
        assertNull(stage.camera.frame)
        stage.controller.start().resume()
        assertNotNull(stage.camera.frame)
    }

    @Test fun aPhotoThatIsSharedMeanwhileTurnsTheCameraOff() = Stage().use { stage ->
        stage.launch().model.viewfinder(true)
        stage.model.take(stage.photo())
        assertNull(stage.camera.frame)
        stage.settled()
        assertEquals(Screen.PHOTO, stage.state.screen)
    }

    @Test fun aModelThatIsChosenMeanwhileDoesNotEndIt() = Stage().use { stage ->
        stage.launch().opened().model.viewfinder(true)
        stage.model.choose(stage.state.choice.copy(model = "own.tflite"))
        stage.model.vivid(0.5f)
        shown(stage)
        assertEquals(Screen.VIEWFINDER to null, stage.state.screen to stage.state.work)
        assertEquals(listOf(0.5f), stage.models.opened.last().vivid) // the frame's alone
        assertNotNull(stage.camera.frame)
        stage.click(R.id.close_camera)
        assertNull(stage.camera.frame)
        stage.settled()
        assertEquals(Screen.PHOTO, stage.state.screen)
        assertEquals(listOf(0.5f, 0.5f), stage.models.opened.last().vivid) // and now the photo's
    }

    @Test fun slidersActOnWhatItShows() = Stage().use { stage ->
        stage.launch().model.viewfinder(true)
        shown(stage)
        assertTrue(stage.view<View>(R.id.vivid).isShown && stage.view<View>(R.id.vivid).isEnabled)
        stage.model.saturation(0f)
        shown(stage)
        assertTrue(stage.state.frame!!.picture.argb().all { it ushr 16 and 0xFF == it and 0xFF })
    }

    @Test fun vividIsNotOfferedWhereTheModelHasNone() = Stage(FakeModels { FakeColorizer(PLAIN) }).use { stage ->
        stage.launch().model.viewfinder(true)
        shown(stage)
        val slider = stage.view<View>(R.id.vivid)
        assertTrue(slider.isShown)
        assertFalse(slider.isEnabled)
        assertEquals("The model in use does not offer this.", slider.stateDescription)
        stage.model.vivid(1f)
        assertEquals(0f, stage.state.options.vivid, 0f)
    }

    @Test fun anAcceleratorOfOtherColoursIsNamedOnce() = Stage(FakeModels().apply { fellBack = true }).use { stage ->
        stage.launch().model.viewfinder(true)
        shown(stage)
        assertEquals(R.string.fell_back, stage.state.notice!!.text)
        stage.model.seen()
        shown(stage)
        assertNull(stage.state.notice)
    }

    @Test fun withoutMemoryItEndsAndSaysSo() = Stage(FakeModels { FakeColorizer().apply { failure = OutOfMemoryError() } }).use { stage ->
        stage.launch().model.viewfinder(true)
        stage.camera.frame!!(gray())
        waitFor("the notice") { stage.state.notice?.text == R.string.too_large }
        assertEquals(Screen.EMPTY, stage.state.screen)
        assertNull(stage.camera.frame)
    }

    @Test fun theScreenStaysOnWhileItRuns() = Stage().use { stage ->
        stage.launch().model.viewfinder(true)
        val view = stage.view<View>(R.id.viewfinder)
        assertTrue(view.isShown && view.keepScreenOn)
    }

    @Test fun backClosesTheCameraAndNotTheApp() = Stage().use { stage ->
        stage.launch().model.viewfinder(true)
        @Suppress("DEPRECATION")
        stage.activity.onBackPressed()
        assertEquals(Screen.EMPTY, stage.state.screen)
        assertNull(stage.camera.frame)
        assertFalse(stage.activity.isFinishing)
    }

    @Test fun turnedOntoTheOtherSideItStaysUpright() = Stage().use { stage ->
        stage.launch().model.viewfinder(true)
        assertEquals(0, stage.camera.turn)
        shadowOf(ShadowDisplay.getDefaultDisplay()).setRotation(Surface.ROTATION_180)
        waitFor("what was posted") { true }
        assertEquals(180, stage.camera.turn)
    }

    @Test fun frontCamerasTurnTheOtherWay() {
        assertEquals(listOf(90, 0, 270, 180), listOf(0, 90, 180, 270).map { CameraSession.rotation(90, front = false, it) })
        assertEquals(listOf(270, 0, 90, 180), listOf(0, 90, 180, 270).map { CameraSession.rotation(270, front = true, it) })
    }

    @Test fun framesAreTurnedUpright() {
        val codes = byteArrayOf(1, 2, 3, 0, 4, 5, 6, 0) // 3 × 2, rows of 4 bytes
        fun turned(degrees: Int) = CameraSession.turned(codes, 3, 2, 4, degrees).let { p -> p.width to p.argb.map { it and 0xFF } }
        assertEquals(3 to listOf(1, 2, 3, 4, 5, 6), turned(0))
        assertEquals(2 to listOf(4, 1, 5, 2, 6, 3), turned(90))
        assertEquals(3 to listOf(6, 5, 4, 3, 2, 1), turned(180))
        assertEquals(2 to listOf(3, 6, 2, 5, 1, 4), turned(270))
    }

    private fun shown(stage: Stage) {
        val last = stage.state.frame
        stage.camera.frame!!(gray())
        waitFor("a frame") { stage.state.frame !== last }
    }

    private fun gray() = Pixels(64, 48, IntArray(64 * 48) { (0xFF shl 24) or (it % 200 + 20) * 0x010101 })
}
