package tf.colorize.app

import android.Manifest
import android.content.pm.PackageManager
import android.widget.TextView
import org.junit.Assert.assertEquals
import org.junit.Assert.assertNotNull
import org.junit.Assert.assertNull
import org.junit.Assert.assertTrue
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.Shadows.shadowOf
import org.robolectric.annotation.Config
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

    @Test fun framesAreTurnedUpright() {
        val codes = byteArrayOf(1, 2, 3, 0, 4, 5, 6, 0) // 3 × 2, rows of 4 bytes
        fun turned(degrees: Int) = BackCamera.turned(codes, 3, 2, 4, degrees).let { p -> p.width to p.argb.map { it and 0xFF } }
        assertEquals(3 to listOf(1, 2, 3, 4, 5, 6), turned(0))
        assertEquals(2 to listOf(4, 1, 5, 2, 6, 3), turned(90))
        assertEquals(3 to listOf(6, 5, 4, 3, 2, 1), turned(180))
        assertEquals(2 to listOf(3, 6, 2, 5, 1, 4), turned(270))
    }

    private fun gray() = Pixels(64, 48, IntArray(64 * 48) { (0xFF shl 24) or (it % 200 + 20) * 0x010101 })
}
