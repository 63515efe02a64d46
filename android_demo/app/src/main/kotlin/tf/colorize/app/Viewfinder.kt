package tf.colorize.app

import tf.colorize.core.Colorizer
import tf.colorize.core.Options
import tf.colorize.core.Pixels
import tf.colorize.core.colorize
import java.util.concurrent.Executor
import java.util.concurrent.atomic.AtomicBoolean

/** Colours what the camera sees while it runs, as many frames as there is time for. */
class Viewfinder(
    private val camera: Camera,
    private val engine: Engine,
    private val model: ColorizeViewModel,
    private val main: Executor,
    private val clock: () -> Long = System::nanoTime,
) {
    private val busy = AtomicBoolean()
    private val running = AtomicBoolean()
    @Volatile private var last = 0L
    @Volatile private var perSecond = 0f

    fun start(turn: Int) {
        if (!running.compareAndSet(false, true)) return
        last = 0
        perSecond = 0f
        camera.start(turn, ::frame) { main.execute { stop(); model.viewfinder(false); model.problem(R.string.camera_failed) } }
    }

    /** The screen was turned, and the viewfinder with it. */
    fun turn(turn: Int) {
        if (running.get()) camera.turn(turn)
    }

    fun stop() {
        if (running.compareAndSet(true, false)) camera.stop()
    }

    fun takePhoto() = camera.takePhoto { jpeg -> main.execute { stop(); model.open(jpeg) } }

    /** Frames that come while one is being coloured are left out. */
    private fun frame(picture: Pixels) {
        if (!running.get() || !busy.compareAndSet(false, true)) return
        val choice = model.state.choice
        val options = model.state.options.copy(edges = false) // the fast way
        engine.submit { access ->
            try {
                guarded({ main.execute { end(it) } }) { if (running.get()) show(picture, access.open(choice).colorizer, options) }
            } finally {
                busy.set(false)
            }
        }
    }

    private fun show(picture: Pixels, colorizer: Colorizer, options: Options) {
        colorizer.colorize(picture, options = options, workers = engine.workers)
        val frame = Frame(picture.toBitmap(), speed())
        main.execute { model.frame(frame, colorizer.card) }
    }

    private fun end(failure: Throwable) {
        if (!running.get()) return
        stop()
        model.viewfinder(false)
        model.failed(failure)
    }

    /** Frames per second, smoothed. */
    private fun speed(): Float {
        val now = clock()
        if (last != 0L) {
            val found = 1e9f / (now - last).coerceAtLeast(1)
            perSecond = if (perSecond == 0f) found else perSecond + (found - perSecond) * 0.2f
        }
        last = now
        return perSecond
    }
}
