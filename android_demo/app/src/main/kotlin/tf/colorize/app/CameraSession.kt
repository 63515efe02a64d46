package tf.colorize.app

import android.annotation.SuppressLint
import android.graphics.ImageFormat
import android.hardware.camera2.CameraAccessException
import android.hardware.camera2.CameraCaptureSession
import android.hardware.camera2.CameraCharacteristics
import android.hardware.camera2.CameraDevice
import android.hardware.camera2.CameraManager
import android.hardware.camera2.CaptureRequest
import android.hardware.camera2.params.OutputConfiguration
import android.hardware.camera2.params.SessionConfiguration
import android.hardware.camera2.params.StreamConfigurationMap
import android.media.Image
import android.media.ImageReader
import android.os.Handler
import android.os.HandlerThread
import android.util.Size
import tf.colorize.core.Pixels
import java.nio.ByteBuffer
import java.util.concurrent.Executor
import kotlin.math.abs

/**
 * The camera from its opening to its end, on a thread of its own that ends with it.
 *
 * All but [turn] is touched on that thread alone, so nothing is closed while a frame is read from it; and a camera that
 * opens only after [close] was asked for is closed as soon as it is there.
 */
class CameraSession(
    private val manager: CameraManager,
    @Volatile var turn: Int,
    private val frame: (Pixels) -> Unit,
    private val failed: (Throwable) -> Unit,
) {
    private val loop = HandlerThread("camera").apply { start() }
    private val handler = Handler(loop.looper)
    private val onLoop = Executor { handler.post(it) }
    private var device: CameraDevice? = null
    private var running: CameraCaptureSession? = null
    private var frames: ImageReader? = null
    private var photos: ImageReader? = null
    private var sensor = 0 // degrees that it is turned by in the phone
    private var front = false
    private var opening = false
    private var closed = false

    @SuppressLint("MissingPermission") // whoever starts it has asked
    private fun open() {
        if (closed) return
        val ids = manager.cameraIdList.associateWith(manager::getCameraCharacteristics)
        val id = ids.keys.firstOrNull { facing(ids.getValue(it)) == CameraCharacteristics.LENS_FACING_BACK } ?: ids.keys.firstOrNull()
        val about = ids[id]
        if (id == null || about == null) throw CameraAccessException(CameraAccessException.CAMERA_ERROR)
        sensor = about.get(CameraCharacteristics.SENSOR_ORIENTATION) ?: 0
        front = facing(about) == CameraCharacteristics.LENS_FACING_FRONT
        val sizes = about.get(CameraCharacteristics.SCALER_STREAM_CONFIGURATION_MAP)
        val small = nearest(sizes, ImageFormat.YUV_420_888, FRAME_PIXELS)
        val large = nearest(sizes, ImageFormat.JPEG, Int.MAX_VALUE)
        frames = ImageReader.newInstance(small.width, small.height, ImageFormat.YUV_420_888, 2).apply {
            setOnImageAvailableListener({ reader -> reader.acquireLatestImage()?.use { frame(upright(it)) } }, handler)
        }
        photos = ImageReader.newInstance(large.width, large.height, ImageFormat.JPEG, 1)
        manager.openCamera(id, opened, handler)
        opening = true
    }

    private val opened = object : CameraDevice.StateCallback() {
        override fun onOpened(camera: CameraDevice) {
            opening = false
            device = camera
            if (closed) return camera.close()
            val outputs = listOfNotNull(frames?.surface, photos?.surface).map(::OutputConfiguration)
            attempt { camera.createCaptureSession(SessionConfiguration(SessionConfiguration.SESSION_REGULAR, outputs, onLoop, ready)) }
        }

        override fun onClosed(camera: CameraDevice) = release()

        override fun onDisconnected(camera: CameraDevice) = lost(camera, CameraAccessException.CAMERA_DISCONNECTED)

        override fun onError(camera: CameraDevice, error: Int) = lost(camera, CameraAccessException.CAMERA_ERROR)

        private fun lost(camera: CameraDevice, reason: Int) {
            opening = false
            device = camera
            if (closed) camera.close() else fail(CameraAccessException(reason))
        }
    }

    private val ready = object : CameraCaptureSession.StateCallback() {
        override fun onConfigured(configured: CameraCaptureSession) {
            if (closed) return
            running = configured
            attempt {
                val request = configured.device.createCaptureRequest(CameraDevice.TEMPLATE_PREVIEW)
                frames?.surface?.let(request::addTarget)
                configured.setRepeatingRequest(request.build(), null, handler)
            }
        }

        override fun onConfigureFailed(session: CameraCaptureSession) =
            fail(CameraAccessException(CameraAccessException.CAMERA_ERROR))
    }

    init {
        onLoop.execute { attempt(::open) } // when all of the above is there
    }

    /** [jpeg] gets the file; nothing where the camera is not there yet. */
    fun takePhoto(jpeg: (ByteArray) -> Unit) = onLoop.execute {
        val session = running ?: return@execute
        val reader = photos ?: return@execute
        reader.setOnImageAvailableListener({ source ->
            source.acquireLatestImage()?.use { if (!closed) jpeg(bytes(it.planes[0].buffer)) }
        }, handler)
        attempt {
            val request = session.device.createCaptureRequest(CameraDevice.TEMPLATE_STILL_CAPTURE)
            request.addTarget(reader.surface)
            request.set(CaptureRequest.JPEG_ORIENTATION, rotation(sensor, front, turn))
            request.set(CaptureRequest.JPEG_QUALITY, 95.toByte())
            session.capture(request.build(), null, handler)
        }
    }

    /** Nothing is told any more. */
    fun close() = onLoop.execute(::end)

    private fun end() {
        if (closed) return
        closed = true
        running = null
        device?.close() ?: if (!opening) release() else Unit
    }

    private fun release() {
        frames?.close()
        photos?.close()
        frames = null
        photos = null
        loop.quitSafely()
    }

    private fun attempt(work: () -> Unit) = try {
        work()
    } catch (failure: CameraAccessException) {
        fail(failure)
    } catch (failure: SecurityException) {
        fail(failure)
    } catch (failure: IllegalStateException) { // lost in the meantime
        fail(failure)
    } catch (failure: IllegalArgumentException) {
        fail(failure)
    }

    private fun fail(failure: Throwable) {
        if (closed) return
        end()
        failed(failure)
    }

    private fun upright(image: Image): Pixels {
        val plane = image.planes[0]
        return turned(bytes(plane.buffer), image.width, image.height, plane.rowStride, rotation(sensor, front, turn))
    }

    private fun facing(about: CameraCharacteristics) = about.get(CameraCharacteristics.LENS_FACING)

    private fun nearest(sizes: StreamConfigurationMap?, format: Int, pixels: Int): Size =
        sizes?.getOutputSizes(format)?.minByOrNull { abs(it.width * it.height - pixels) }
            ?: throw CameraAccessException(CameraAccessException.CAMERA_ERROR)

    private fun bytes(buffer: ByteBuffer) = ByteArray(buffer.remaining()).also(buffer::get)

    companion object {
        private const val FRAME_PIXELS = 640 * 480

        /** Degrees clockwise that make what a sensor sees upright on a screen that is turned by [turn]. */
        fun rotation(sensor: Int, front: Boolean, turn: Int): Int = Math.floorMod(if (front) sensor + turn else sensor - turn, 360)

        /** Gray codes by rows of [stride] bytes, turned clockwise by 0, 90, 180 or 270 degrees. */
        fun turned(codes: ByteArray, width: Int, height: Int, stride: Int, degrees: Int): Pixels {
            val across = degrees % 180 != 0
            val out = if (across) Pixels(height, width) else Pixels(width, height)
            for (y in 0 until height) {
                for (x in 0 until width) {
                    val to = when (degrees) {
                        90 -> x * height + (height - 1 - y)
                        180 -> (height - 1 - y) * width + (width - 1 - x)
                        270 -> (width - 1 - x) * height + y
                        else -> y * width + x
                    }
                    out.argb[to] = (0xFF shl 24) or (codes[y * stride + x].toInt() and 0xFF) * 0x010101
                }
            }
            return out
        }
    }
}
