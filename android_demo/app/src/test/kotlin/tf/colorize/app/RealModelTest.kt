package tf.colorize.app

import android.content.Context
import android.content.Intent
import android.graphics.BitmapFactory
import android.net.Uri
import org.junit.Assert.assertEquals
import org.junit.Assert.assertTrue
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.Robolectric
import org.robolectric.RuntimeEnvironment
import org.robolectric.Shadows.shadowOf
import tf.colorize.core.Accelerator
import tf.colorize.core.Distance
import tf.colorize.core.ModelException
import tf.colorize.core.ModelFile
import tf.colorize.core.NetworkColorizer
import tf.colorize.core.Pixels
import tf.colorize.core.colorize
import tf.colorize.tflite.TfliteNetwork
import java.nio.ByteBuffer

/** The app with the model that it ships, in real TensorFlow Lite. */
@RunWith(Runner::class)
class RealModelTest {
    private val app get() = RuntimeEnvironment.getApplication() as App
    private val models get() = StoredModels(app)

    @Test fun thePictureOnTheScreenIsTheOneThatThePartsGive() {
        app.graph = Graph(app)
        val uri = Uri.parse("content://photos/gray.png")
        shadowOf(app.contentResolver).registerInputStreamSupplier(uri) { golden("gray.png").inputStream() }
        app.graph.model.open(uri)
        waitFor("the picture") { app.graph.model.state.photo != null || app.graph.model.state.notice != null }
        val shown = app.graph.model.state.photo!!
        assertEquals(Accelerator.XNNPACK, app.graph.model.state.choice.accelerator)
        val name = Choice().model.takeIf { it in models.names() } ?: models.names().first()
        val content = app.assets.open("models/$name").use { it.readBytes() }
        val network = TfliteNetwork(ModelFile.read(ByteBuffer.wrap(content)), 1, accelerated = true)
        val wanted = Pixels(shown.width, shown.height, shown.before.argb())
        NetworkColorizer(network).use { it.colorize(wanted) }
        val distance = Distance.between(shown.after.argb(), wanted.argb)
        assertTrue("most ${distance.most}", distance.most <= 1)
        assertTrue("in colour", shown.after.argb().any { it ushr 16 and 0xFF != it and 0xFF })
        app.graph.engine.close()
    }

    @Test fun anotherModelIsTakenInAndStays() {
        val name = models.add(shared("models/tiny-fixed-int8.tflite"))
        assertTrue(name, name.startsWith("tiny-fixed-int8-") && name in models.names())
        for (accelerator in models.accelerators) {
            models.open(Choice(name, 1, accelerator)).let { opened ->
                assertEquals("tiny-fixed-int8", opened.colorizer.card.name)
                opened.colorizer.close()
            }
        }
    }

    @Test fun noNameOfAModelIsTooLongForAFile() {
        val card = ModelFile.read(ByteBuffer.wrap(golden("models/tiny.tflite").readBytes())).card
        for (letter in listOf("a", "é", "語", "😀")) {
            val name = StoredModels.fileName(card.copy(name = letter.repeat(300)))
            assertTrue(name, name.endsWith("-${card.sha256.take(8)}.tflite") && name.length in 60..80)
            assertTrue(name, name.toByteArray().size <= 255)
        }
        assertEquals("tiny_model-${card.sha256.take(8)}.tflite", StoredModels.fileName(card.copy(name = "tiny model")))
    }

    @Test fun anExportedPix2pixThatIsSharedColoursAsItDoesInPython() {
        app.graph = Graph(app)
        val send = Intent(Intent.ACTION_SEND).putExtra(Intent.EXTRA_STREAM, shared("models/pix2pix.tflite"))
        Robolectric.buildActivity(MainActivity::class.java, send).setup()
        waitFor("the model") { app.graph.model.state.choice.model.startsWith("pix2pix-") }
        app.graph.model.open(shared("gray.png"))
        waitFor("the picture") { app.graph.model.state.photo != null || app.graph.model.state.notice != null }
        val wanted = BitmapFactory.decodeFile(golden("whole-pix2pix.png").path)
        val distance = Distance.between(app.graph.model.state.photo!!.after.argb(), wanted.argb())
        assertTrue("most ${distance.most}", distance.most <= 1)
        app.graph.engine.close()
    }

    @Test fun theFirstUseComparesAndTheComparisonIsKept() {
        val choice = Choice(models.names().first(), 1, Accelerator.XNNPACK)
        models.open(choice).let { opened ->
            assertEquals(Accelerator.XNNPACK to false, opened.accelerator to opened.fellBack)
            opened.colorizer.close()
        }
        val kept = app.getSharedPreferences("parity", Context.MODE_PRIVATE)
        val (key, holds) = kept.all.entries.single()
        assertEquals(true, holds)
        kept.edit().putBoolean(key, false).commit() // as on a device where it had failed
        models.open(choice).let { opened ->
            assertEquals(Accelerator.CPU to true, opened.accelerator to opened.fellBack)
            opened.colorizer.close()
        }
    }

    @Test fun modelsAreToldByTheirContent() {
        assertEquals(
            listOf(true, false, false),
            listOf("models/tiny.tflite", "README.md", "gray.png").map { models.isOne(shared(it)) },
        )
        val empty = Uri.parse("content://files/empty")
        shadowOf(app.contentResolver).registerInputStreamSupplier(empty) { ByteArray(0).inputStream() }
        assertEquals(false, models.isOne(empty))
    }

    @Test fun whatIsNoModelIsNotTakenIn() {
        val before = models.names()
        try {
            models.add(shared("README.md"))
            throw AssertionError("taken in")
        } catch (refused: ModelException) {
            assertEquals(ModelException.Reason.NOT_A_MODEL, refused.reason)
        }
        assertEquals(before, models.names())
    }

    @Test fun aModelThatIsGoneGivesWayToABundledOne() {
        models.open(Choice("gone.tflite", 1, Accelerator.CPU)).colorizer.close()
    }

    private fun shared(name: String): Uri {
        val uri = Uri.parse("content://files/$name")
        shadowOf(app.contentResolver).registerInputStreamSupplier(uri) { golden(name).inputStream() }
        return uri
    }
}
