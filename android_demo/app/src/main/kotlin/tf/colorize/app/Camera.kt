package tf.colorize.app

import android.content.Context
import android.hardware.camera2.CameraManager
import tf.colorize.core.Pixels

/** A camera that gives small gray pictures as it runs, and a large one when asked. */
interface Camera {
    /** [frame] gets upright gray pictures, on a thread of the camera's; [failed] is told once when there are no more. */
    fun start(turn: Int, frame: (Pixels) -> Unit, failed: (Throwable) -> Unit)

    /** The screen was turned to [turn] while it runs. */
    fun turn(turn: Int)

    /** [jpeg] gets the file, with its orientation in EXIF. */
    fun takePhoto(jpeg: (ByteArray) -> Unit)

    fun stop()
}

/** The first camera that looks away from the screen. The caller has asked for the permission. Used by one thread. */
class BackCamera(context: Context) : Camera {
    private val manager = checkNotNull(context.getSystemService(CameraManager::class.java))
    private var session: CameraSession? = null

    override fun start(turn: Int, frame: (Pixels) -> Unit, failed: (Throwable) -> Unit) {
        stop()
        session = CameraSession(manager, turn, frame, failed)
    }

    override fun turn(turn: Int) {
        session?.turn = turn
    }

    override fun takePhoto(jpeg: (ByteArray) -> Unit) {
        session?.takePhoto(jpeg)
    }

    override fun stop() {
        session?.close()
        session = null
    }
}
