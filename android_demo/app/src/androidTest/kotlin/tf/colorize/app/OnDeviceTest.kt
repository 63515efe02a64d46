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

/** On a device or emulator, which no other test needs: its library and its screen do what the goldens say. */
@RunWith(AndroidJUnit4::class)
class OnDeviceTest {
    private val instrumentation = InstrumentationRegistry.getInstrumentation()
    private val goldens = instrumentation.context.assets

    @Test fun wholePicturesAreWithinTheirLimits() {
        val cases = (parseJson(goldens.open("whole.json").use { it.reader().readText() }) as Map<*, *>)["cases"] as Map<*, *>
        for (name in listOf("dynamic", "int8")) {
            val case = cases[name] as Map<*, *>
            val model = ModelFile.read(ByteBuffer.wrap(goldens.open("models/${case["model"]}.tflite").use { it.readBytes() }))
            for (accelerated in listOf(true, false)) {
                val picture = pixels(case["photo"] as String)
                NetworkColorizer(TfliteNetwork(model, 2, accelerated)).use { it.colorize(picture) }
                val distance = Distance.between(picture.argb, pixels("whole-$name.png").argb)
                if (model.card.recipe == "float16") {
                    assertTrue("$name: ${distance.most}", distance.most <= 1)
                } else {
                    assertTrue("$name: ${distance.mean}", distance.mean <= 0.5 && distance.point(0.999) <= 4)
                }
            }
        }
    }

    @Test fun theAppStartsAndItsModelRuns() {
        val context = instrumentation.targetContext
        val activity = instrumentation.startActivitySync(
            Intent(context, MainActivity::class.java).addFlags(Intent.FLAG_ACTIVITY_NEW_TASK),
        )
        val graph = (context.applicationContext as App).graph
        val jpeg = goldens.open("colour.png").use { it.readBytes() }
        instrumentation.runOnMainSync { graph.model.open(jpeg) }
        val end = System.currentTimeMillis() + 30_000
        while (graph.model.state.photo == null && System.currentTimeMillis() < end) Thread.sleep(50)
        assertEquals(100, graph.model.state.photo!!.width)
        instrumentation.runOnMainSync { activity.finish() }
    }

    private fun pixels(name: String): Pixels {
        val bitmap = goldens.open(name).use(BitmapFactory::decodeStream)
        val argb = IntArray(bitmap.width * bitmap.height)
        bitmap.getPixels(argb, 0, bitmap.width, 0, 0, bitmap.width, bitmap.height)
        return Pixels(bitmap.width, bitmap.height, argb)
    }
}
