package tf.colorize.app

import android.graphics.Bitmap
import android.net.Uri
import android.os.Looper
import org.junit.Assert.assertTrue
import org.robolectric.RobolectricTestRunner
import org.robolectric.Shadows.shadowOf
import org.robolectric.internal.bytecode.InstrumentationConfiguration
import tf.colorize.core.Accelerator
import tf.colorize.core.Card
import tf.colorize.core.Chroma
import tf.colorize.core.Colorizer
import tf.colorize.core.Hint
import tf.colorize.core.Opened
import tf.colorize.core.Pixels
import tf.colorize.core.Small
import tf.colorize.core.Window
import java.io.File
import java.util.concurrent.CountDownLatch
import kotlin.math.sin

/** What has no Android in it stays in the ordinary class loader, to which a native library can belong but once. */
class Runner(test: Class<*>) : RobolectricTestRunner(test) {
    override fun createClassLoaderConfig(method: org.junit.runners.model.FrameworkMethod): InstrumentationConfiguration =
        InstrumentationConfiguration.Builder(super.createClassLoaderConfig(method))
            .doNotAcquirePackage("org.bytedeco.")
            .doNotAcquirePackage("tf.colorize.core.")
            .doNotAcquirePackage("tf.colorize.tflite.")
            .build()
}

/** Gives the same soft colours to every photo, and the hint's where there is one; counts and remembers. */
class FakeColorizer(override val card: Card = CARD) : Colorizer {
    val asked = ArrayList<List<Hint>>()
    val vivid = ArrayList<Float>()
    val threads = HashSet<String>()
    var closedOn: String? = null
    @Volatile var begun = 0
    @Volatile var gate: CountDownLatch? = null
    @Volatile var failure: Throwable? = null

    override fun chroma(small: Small, hints: List<Hint>, vivid: Float, levels: Boolean): Chroma {
        begun++
        gate?.await()
        failure?.let { throw it }
        asked.add(hints)
        this.vivid.add(vivid)
        threads.add(Thread.currentThread().name)
        val strength = if (hints.isEmpty()) 1 else -1
        val ab = FloatArray(SIDE * SIDE * 2) {
            val cell = it / 2
            val wave = if (it % 2 == 0) sin(cell % SIDE / 5.0) else sin(cell / SIDE / 6.0) + 0.4
            (strength * (30 + 20 * vivid) * wave).toFloat()
        }
        return Chroma(SIDE, SIDE, ab)
    }

    override fun close() {
        check(closedOn == null) { "closed twice" }
        closedOn = Thread.currentThread().name
    }

    companion object {
        private const val SIDE = 32
        val CARD = Card("fake", "none", null, abScale = 2, hints = true, vivid = true)
    }
}

class FakeModels(var colorizer: () -> FakeColorizer = { FakeColorizer() }) : Models {
    val opened = ArrayList<FakeColorizer>()
    var fellBack = false
    var added: () -> String = { "own.tflite" }
    override val accelerators = listOf(Accelerator.XNNPACK, Accelerator.CPU)

    override fun names() = listOf("mobile.tflite", "own.tflite")

    override fun isOne(uri: Uri) = uri.path!!.endsWith(".tflite")

    override fun add(uri: Uri) = added()

    override fun open(choice: Choice): Opened =
        Opened(colorizer().also(opened::add), if (fellBack) Accelerator.CPU else choice.accelerator, fellBack)
}

/** Of a model that takes neither hints nor vivid. */
val PLAIN = FakeColorizer.CARD.copy(name = "plain", hints = false, vivid = false)

/** Real photos, except for what a test wants to go wrong. */
class TroubledPhotos(private val real: Photos) : Photos by real {
    var onDecode: (() -> Nothing)? = null
    var onSave: (() -> Unit)? = null

    override fun decode(photo: PhotoFile, window: Window?): BitmapRaster = onDecode?.invoke() ?: real.decode(photo, window)

    override fun save(photo: PhotoFile, raster: BitmapRaster, card: Card): Written {
        onSave?.invoke()
        return real.save(photo, raster, card)
    }
}

class FakeCamera : Camera {
    var frame: ((Pixels) -> Unit)? = null
    var failed: ((Throwable) -> Unit)? = null
    var jpeg: ByteArray? = null
    var turn = -1

    override fun start(turn: Int, frame: (Pixels) -> Unit, failed: (Throwable) -> Unit) {
        this.turn = turn
        this.frame = frame
        this.failed = failed
    }

    override fun turn(turn: Int) {
        this.turn = turn
    }

    override fun takePhoto(jpeg: (ByteArray) -> Unit) = jpeg(this.jpeg!!)

    override fun stop() {
        frame = null
    }
}

val repository = File(System.getProperty("repository") ?: "../..")

fun golden(name: String) = File(repository, "tests/golden/$name")

/** Lets what was posted to the main thread run, until [done]. */
fun waitFor(what: String, done: () -> Boolean) {
    val end = System.nanoTime() + 200_000_000_000
    shadowOf(Looper.getMainLooper()).idle()
    while (!done()) {
        assertTrue("waited in vain for $what", System.nanoTime() < end)
        Thread.sleep(5)
        shadowOf(Looper.getMainLooper()).idle()
    }
}

fun Bitmap.argb() = IntArray(width * height).also { getPixels(it, 0, width, 0, 0, width, height) }
