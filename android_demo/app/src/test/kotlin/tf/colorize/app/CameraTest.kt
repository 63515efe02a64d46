package tf.colorize.app

import android.graphics.ImageFormat
import android.hardware.camera2.CameraCharacteristics
import android.hardware.camera2.CameraDevice
import android.hardware.camera2.CameraManager
import android.util.Size
import org.junit.Assert.assertEquals
import org.junit.Assert.assertTrue
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RuntimeEnvironment
import org.robolectric.Shadows.shadowOf
import org.robolectric.shadow.api.Shadow
import org.robolectric.shadows.ShadowCameraCharacteristics
import org.robolectric.shadows.ShadowCameraManager
import org.robolectric.shadows.StreamConfigurationMapBuilder
import org.robolectric.util.ReflectionHelpers
import java.util.concurrent.CopyOnWriteArrayList

/** Camera2 is opened, and whenever it opened it is closed again, and its thread with it. */
@RunWith(Runner::class)
class CameraTest {
    private val manager = RuntimeEnvironment.getApplication().getSystemService(CameraManager::class.java)!!
    private val failures = CopyOnWriteArrayList<Throwable>()

    @Test fun whateverItWasDoingItEnds() {
        addCamera()
        for (pause in longArrayOf(0, 1, 3, 10, 100)) { // before, while and after it opens
            val session = CameraSession(manager, 0, {}, failures::add)
            Thread.sleep(pause)
            session.close()
            waitFor("the end of the thread") { threads().isEmpty() }
            assertTrue("closed after $pause ms", opened().all(::isClosed))
        }
        assertEquals(emptyList<Throwable>(), failures)
        assertTrue("opened at all", opened().isNotEmpty())
    }

    @Test fun aCameraThatIsTakenAwayIsNamedOnce() {
        addCamera()
        val session = CameraSession(manager, 0, {}, failures::add)
        waitFor("the camera") { opened().isNotEmpty() }
        Thread.sleep(50)
        shadowOf(manager).triggerDisconnect()
        waitFor("the end of the thread") { threads().isEmpty() }
        assertEquals(1, failures.size)
        assertTrue(opened().all(::isClosed))
        session.close()
    }

    @Test fun whereThereIsNoneThatIsNamed() {
        CameraSession(manager, 0, {}, failures::add)
        waitFor("the end of the thread") { threads().isEmpty() }
        assertEquals(1, failures.size)
    }

    private fun threads() = Thread.getAllStackTraces().keys.filter { it.name == "camera" }

    private fun opened(): Set<CameraDevice> =
        ReflectionHelpers.getStaticField<Set<CameraDevice>>(ShadowCameraManager::class.java, "createdCameras").toSet()

    private fun isClosed(device: CameraDevice): Boolean = ReflectionHelpers.getField(Shadow.extract<Any>(device), "closed")

    private fun addCamera() {
        val about = ShadowCameraCharacteristics.newCameraCharacteristics()
        val sizes = StreamConfigurationMapBuilder.newBuilder()
            .addOutputSize(ImageFormat.YUV_420_888, Size(640, 480)).addOutputSize(BLOB, Size(4000, 3000)).build()
        shadowOf(about).set(CameraCharacteristics.LENS_FACING, CameraCharacteristics.LENS_FACING_BACK)
        shadowOf(about).set(CameraCharacteristics.SENSOR_ORIENTATION, 90)
        shadowOf(about).set(CameraCharacteristics.SCALER_STREAM_CONFIGURATION_MAP, sizes)
        shadowOf(manager).addCamera("0", about)
    }

    private companion object {
        const val BLOB = 0x21 // what the camera itself calls a JPEG
    }
}
