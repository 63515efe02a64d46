package tf.colorize.app

import android.content.Intent
import android.graphics.BitmapFactory
import androidx.test.ext.junit.runners.AndroidJUnit4
import androidx.test.platform.app.InstrumentationRegistry
import org.junit.Assert.assertEquals
import org.junit.Assert.assertTrue
import org.junit.Test
import org.junit.runner.RunWith
import tf.colorize.core.Distance
import tf.colorize.core.ModelFile
import tf.colorize.core.NetworkColorizer
import tf.colorize.core.Pixels
import tf.colorize.core.colorize
import tf.colorize.core.parseJson
import tf.colorize.tflite.TfliteNetwork
import java.nio.ByteBuffer

/** On a device or emulator, and in the desktop's tests too: the library and the screen do what the goldens say. */
@RunWith(AndroidJUnit4::class)
class OnDeviceTest {
    private val instrumentation = InstrumentationRegistry.getInstrumentation()

    @Test fun wholePicturesAreWithinTheirLimits() {
        for (name in listOf("whole-dynamic", "whole-int8")) {
            check(name, golden("models/${case(name)["model"]}.tflite"))
        }
    }

    @Test fun theBundledModelIsWithinItsLimits() {
        val assets = instrumentation.targetContext.assets
        val names = assets.list("models").orEmpty().filter { it.endsWith(".tflite") }
        assertTrue("no model is bundled", names.isNotEmpty())
        for (name in names) {
            check("bundled-${name.removeSuffix(".tflite")}-gray", assets.open("models/$name").use { it.readBytes() })
        }
    }

    @Test fun theAppStartsAndItsModelRuns() {
        val context = instrumentation.targetContext
        val activity = instrumentation.startActivitySync(
            Intent(context, MainActivity::class.java).addFlags(Intent.FLAG_ACTIVITY_NEW_TASK),
        )
        val graph = (context.applicationContext as App).graph
        instrumentation.runOnMainSync { graph.model.open(golden("colour.png")) }
        val end = System.currentTimeMillis() + 60_000
        while (graph.model.state.photo == null && System.currentTimeMillis() < end) {
            Thread.sleep(50)
            instrumentation.waitForIdleSync()
        }
        assertEquals(100, graph.model.state.photo!!.width)
        instrumentation.runOnMainSync { activity.finish() }
    }

    private fun check(name: String, file: ByteArray) {
        val case = case(name)
        val model = ModelFile.read(ByteBuffer.wrap(file))
        for (accelerated in listOf(true, false)) {
            val picture = pixels(case["photo"] as String)
            NetworkColorizer(TfliteNetwork(model, 2, accelerated)).use { it.colorize(picture) }
            val distance = Distance.between(picture.argb, pixels("$name.png").argb)
            if (model.card.recipe == "float16") {
                assertTrue("$name: ${distance.most}", distance.most <= 1)
            } else {
                assertTrue("$name: ${distance.mean}", distance.mean <= 0.5 && distance.point(0.999) <= 4 && distance.most <= 12)
            }
        }
    }

    private fun case(name: String): Map<*, *> {
        val (kind, case) = name.split("-", limit = 2)
        return (parseJson(golden("$kind.json").decodeToString()) as Map<*, *>).let { it["cases"] as Map<*, *> }[case] as Map<*, *>
    }

    private fun pixels(name: String): Pixels {
        val content = golden(name)
        val bitmap = BitmapFactory.decodeByteArray(content, 0, content.size)
        val argb = IntArray(bitmap.width * bitmap.height)
        bitmap.getPixels(argb, 0, bitmap.width, 0, 0, bitmap.width, bitmap.height)
        return Pixels(bitmap.width, bitmap.height, argb)
    }

    /** The goldens lie beside the test's classes, on a device as on a desktop. */
    private fun golden(name: String): ByteArray =
        checkNotNull(javaClass.classLoader?.getResourceAsStream(name)) { "$name is missing" }.use { it.readBytes() }
}
