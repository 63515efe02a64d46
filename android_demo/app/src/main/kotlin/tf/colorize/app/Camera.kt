package tf.colorize.app

import android.annotation.SuppressLint
import android.content.Context
import android.graphics.ImageFormat
import android.hardware.camera2.CameraAccessException
import android.hardware.camera2.CameraCaptureSession
import android.hardware.camera2.CameraCharacteristics
import android.hardware.camera2.CameraDevice
import android.hardware.camera2.CameraManager
import android.hardware.camera2.CaptureRequest
import android.hardware.camera2.params.OutputConfiguration
import android.hardware.camera2.params.SessionConfiguration
import android.media.Image
import android.media.ImageReader
import android.os.Handler
import android.os.HandlerThread
import android.util.Size
import tf.colorize.core.Pixels
import java.nio.ByteBuffer
import java.util.concurrent.Executor
import kotlin.math.abs

/** A camera that gives small gray pictures as it runs, and a large one when asked. */
interface Camera {
    /** [frame] gets upright gray pictures, on a thread of the camera's; [failed] is told once when there are no more. */
    fun start(turn: Int, frame: (Pixels) -> Unit, failed: (Throwable) -> Unit)

    /** [jpeg] gets the file, with its orientation in EXIF. */
    fun takePhoto(jpeg: (ByteArray) -> Unit)

    fun stop()
}

/** The first camera that looks away from the screen. The caller has asked for the permission. */
class BackCamera(context: Context) : Camera {
    private val manager = checkNotNull(context.getSystemService(CameraManager::class.java))
    private var thread: HandlerThread? = null
    private var handler: Handler? = null
    private var device: CameraDevice? = null
    private var session: CameraCaptureSession? = null
    private var frames: ImageReader? = null
    private var photos: ImageReader? = null
    private var rotation = 0
    private var failed: (Throwable) -> Unit = {}

    @SuppressLint("MissingPermission")
    override fun start(turn: Int, frame: (Pixels) -> Unit, failed: (Throwable) -> Unit) {
        this.failed = failed
        try {
            val id = manager.cameraIdList.firstOrNull {
                manager.getCameraCharacteristics(it).get(CameraCharacteristics.LENS_FACING) ==
                    CameraCharacteristics.LENS_FACING_BACK
            } ?: manager.cameraIdList.firstOrNull() ?: throw CameraAccessException(CameraAccessException.CAMERA_ERROR)
            val about = manager.getCameraCharacteristics(id)
            rotation = Math.floorMod((about.get(CameraCharacteristics.SENSOR_ORIENTATION) ?: 0) - turn, 360)
            val loop = HandlerThread("camera").apply { start() }
            thread = loop
            handler = Handler(loop.looper)
            val sizes = about.get(CameraCharacteristics.SCALER_STREAM_CONFIGURATION_MAP)
            val small = nearest(sizes?.getOutputSizes(ImageFormat.YUV_420_888), FRAME_PIXELS)
            val large = nearest(sizes?.getOutputSizes(ImageFormat.JPEG), Int.MAX_VALUE)
            frames = ImageReader.newInstance(small.width, small.height, ImageFormat.YUV_420_888, 2).apply {
                setOnImageAvailableListener({ reader -> reader.acquireLatestImage()?.use { frame(upright(it)) } }, handler)
            }
            photos = ImageReader.newInstance(large.width, large.height, ImageFormat.JPEG, 1)
            manager.openCamera(id, opened, handler)
        } catch (failure: CameraAccessException) {
            fail(failure)
        } catch (failure: SecurityException) {
            fail(failure)
        } catch (failure: IllegalArgumentException) {
            fail(failure)
        }
    }

    private val opened = object : CameraDevice.StateCallback() {
        override fun onOpened(camera: CameraDevice) {
            device = camera
            val outputs = listOfNotNull(frames?.surface, photos?.surface).map(::OutputConfiguration)
            val onLoop = Executor { handler?.post(it) }
            attempt { camera.createCaptureSession(SessionConfiguration(SessionConfiguration.SESSION_REGULAR, outputs, onLoop, ready)) }
        }

        override fun onDisconnected(camera: CameraDevice) = fail(CameraAccessException(CameraAccessException.CAMERA_DISCONNECTED))

        override fun onError(camera: CameraDevice, error: Int) = fail(CameraAccessException(CameraAccessException.CAMERA_ERROR))
    }

    private val ready = object : CameraCaptureSession.StateCallback() {
        override fun onConfigured(configured: CameraCaptureSession) {
            session = configured
            attempt {
                val request = configured.device.createCaptureRequest(CameraDevice.TEMPLATE_PREVIEW)
                frames?.surface?.let(request::addTarget)
                configured.setRepeatingRequest(request.build(), null, handler)
            }
        }

        override fun onConfigureFailed(session: CameraCaptureSession) =
            fail(CameraAccessException(CameraAccessException.CAMERA_ERROR))
    }

    override fun takePhoto(jpeg: (ByteArray) -> Unit) {
        val running = session ?: return
        val reader = photos ?: return
        reader.setOnImageAvailableListener({ source ->
            source.acquireLatestImage()?.use { jpeg(bytes(it.planes[0].buffer)) }
        }, handler)
        attempt {
            val request = running.device.createCaptureRequest(CameraDevice.TEMPLATE_STILL_CAPTURE)
            request.addTarget(reader.surface)
            request.set(CaptureRequest.JPEG_ORIENTATION, rotation)
            request.set(CaptureRequest.JPEG_QUALITY, 95.toByte())
            running.capture(request.build(), null, handler)
        }
    }

    override fun stop() {
        failed = {}
        session?.close()
        device?.close()
        frames?.close()
        photos?.close()
        thread?.quitSafely()
        session = null
        device = null
        frames = null
        photos = null
        thread = null
        handler = null
    }

    private fun attempt(work: () -> Unit) = try {
        work()
    } catch (failure: CameraAccessException) {
        fail(failure)
    } catch (failure: IllegalStateException) { // closed in the meantime
        fail(failure)
    }

    private fun fail(failure: Throwable) {
        val tell = failed
        stop()
        tell(failure)
    }

    private fun nearest(sizes: Array<Size>?, pixels: Int): Size = sizes?.minByOrNull { abs(it.width * it.height - pixels) }
        ?: throw CameraAccessException(CameraAccessException.CAMERA_ERROR)

    private fun upright(image: Image): Pixels {
        val plane = image.planes[0]
        return turned(bytes(plane.buffer), image.width, image.height, plane.rowStride, rotation)
    }

    private fun bytes(buffer: ByteBuffer) = ByteArray(buffer.remaining()).also(buffer::get)

    companion object {
        private const val FRAME_PIXELS = 640 * 480

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
