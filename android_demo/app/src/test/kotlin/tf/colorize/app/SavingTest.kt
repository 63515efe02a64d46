package tf.colorize.app

import android.content.Intent
import android.graphics.Bitmap
import android.net.Uri
import android.widget.TextView
import org.junit.Assert.assertEquals
import org.junit.Assert.assertNotNull
import org.junit.Assert.assertNull
import org.junit.Assert.assertTrue
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.Shadows.shadowOf
import org.robolectric.annotation.Config
import tf.colorize.core.ModelException
import tf.colorize.core.Window
import java.io.File
import java.io.IOException
import java.io.OutputStream
import kotlin.random.Random

/** What becomes of results. */
@RunWith(Runner::class)
@Config(qualifiers = "w360dp-h640dp-mdpi")
class SavingTest {
    @Test fun whatHadToBeLeftOutIsNamed() = Stage().use { stage ->
        stage.launch().opened(stage.talkative("photo.png"))
        stage.click(R.id.save)
        stage.settled()
        assertEquals(Notice(R.string.saved_without, listOf("EXIF")), stage.state.notice)
        assertTrue(stage.view<TextView>(R.id.notice).text.endsWith("too large: EXIF."))
    }

    @Test fun aFullDiskIsNamedThoughTheEncoderSwallowsIt() = Stage().use { stage ->
        var sum = 0
        shadowOf(stage.resolver).registerOutputStream(
            Uri.parse("content://media/external/images/media/1"),
            object : OutputStream() {
                override fun write(byte: Int) {
                    if (++sum == 5000) throw IOException("write failed: ENOSPC (No space left on device)")
                }
            },
        )
        stage.launch().opened(stage.photo("noise.png", noise()))
        stage.click(R.id.save)
        stage.settled()
        assertEquals(R.string.no_space, stage.state.notice!!.text)
        assertEquals(1, stage.deleted)
    }

    @Test fun whatCannotBeSavedIsNotCalledUnreadable() = Stage().use { stage ->
        stage.photos.onSave = { throw IOException("no gallery") }
        stage.launch().opened()
        stage.click(R.id.save)
        stage.settled()
        assertEquals(Notice(R.string.failed, listOf("no gallery"), problem = true), stage.state.notice)
    }

    @Test fun theColoursOfAModelBeforeOneThatFailsCanBeSaved() {
        val broken = ModelException(ModelException.Reason.CANNOT_RUN, "broken")
        var count = 0
        Stage(FakeModels { FakeColorizer().apply { if (count++ > 0) failure = broken } }).use { stage ->
            stage.launch().opened()
            stage.model.choose(stage.state.choice.copy(model = "own.tflite"))
            stage.settled()
            assertEquals(R.string.model_failed, stage.state.notice!!.text)
            val before = stage.state.photo!!.after
            stage.model.saturation(0f)
            waitFor("gray") { stage.state.photo!!.after !== before }
            stage.settled()
            stage.click(R.id.save)
            stage.settled()
            assertEquals(R.string.saved, stage.state.notice!!.text)
            assertEquals(2, stage.models.opened.size)
        }
    }

    @Test fun whatIsNearlyTransparentKeepsItsColours() = Stage().use { stage ->
        for (format in listOf(Format.PNG, Format.WEBP)) for (orientation in listOf(1, 6)) {
            // Where nothing is seen Android's encoder of WebP writes black.
            val faint = listOf(0x033C3C3C, if (format == Format.PNG) 0x00785A46 else 0x05785A46)
            val bitmap = Bitmap.createBitmap(40, 30, Bitmap.Config.ARGB_8888).apply {
                isPremultiplied = false
                setPixels(IntArray(40 * 30) { faint[it % 2] }, 0, 40, 0, 0, 40, 30)
            }
            val photo = stage.photos.take(stage.photo("faint.$format", oriented(format, bitmap, orientation)))
            val read = stage.photos.decode(photo)
            assertEquals("$format $orientation", faint.toSet(), read.bitmap.argb().toSet())
            val out = java.io.ByteArrayOutputStream()
            shadowOf(stage.resolver).registerOutputStream(Uri.parse("content://media/external/images/media/${stage.inserted.size + 1}"), out)
            stage.photos.save(photo, read, FakeColorizer.CARD)
            val saved = javax.imageio.ImageIO.read(out.toByteArray().inputStream())
            assertEquals(faint.toSet(), saved.getRGB(0, 0, saved.width, saved.height, null, 0, saved.width).toSet())
            // What is on the screen is drawn, and only what is premultiplied can be.
            assertTrue(stage.photos.decode(photo, Window(saved.height, saved.width)).bitmap.isPremultiplied)
        }
    }

    @Test fun whatIsTooWideForAJpegBecomesAPng() = Stage().use { stage ->
        val photo = stage.photos.take(stage.photo("panorama.jpg"))
        for ((width, height) in listOf(65_500 to 1, 65_501 to 1, 1 to 65_501)) {
            val bitmap = Bitmap.createBitmap(width, height, Bitmap.Config.ARGB_8888).apply { setHasAlpha(false) }
            stage.photos.save(photo, BitmapRaster(bitmap), FakeColorizer.CARD)
        }
        assertEquals(listOf("jpg", "png", "png").map { "panorama.colorized.$it" }, stage.inserted)
    }

    @Test fun aPhotoWithAlphaIsShown() = Stage().use { stage ->
        stage.launch().opened(stage.photo("glass.png", glass()))
        stage.drawn()
        assertTrue(stage.state.photo!!.run { before.isPremultiplied && after.isPremultiplied })
        stage.click(R.id.save)
        stage.settled()
        assertEquals(Notice(R.string.saved) to listOf("glass.colorized.png"), stage.state.notice to stage.inserted)
    }

    @Test fun sharingSavesAtFullSizeFirst() = Stage().use { stage ->
        val out = java.io.ByteArrayOutputStream()
        shadowOf(stage.resolver).registerOutputStream(Uri.parse("content://media/external/images/media/1"), out)
        stage.launch().opened()
        stage.click(R.id.share)
        stage.settled()
        val chooser = shadowOf(stage.activity).nextStartedActivity
        val send = chooser.getParcelableExtra(Intent.EXTRA_INTENT, Intent::class.java)!!
        assertEquals(Intent.ACTION_SEND, send.action)
        assertNotNull(send.getParcelableExtra(Intent.EXTRA_STREAM, Uri::class.java))
        assertEquals(listOf("photo.colorized.jpg"), stage.inserted)
        val saved = out.toByteArray()
        val picture = android.graphics.BitmapFactory.decodeByteArray(saved, 0, saved.size)
        assertEquals(100 to 75, picture.width to picture.height)
        val metadata = tf.colorize.core.Metadata.read(java.nio.ByteBuffer.wrap(saved))
        assertTrue(tf.colorize.core.Provenance.SOURCE_TYPE in metadata.xmp!!.decodeToString())
        assertTrue("colorize_tf" in metadata.exif!!.toString(Charsets.ISO_8859_1))
        assertNull(stage.state.toShare)
    }

    @Test fun withoutSpaceNothingPartialStays() = Stage().use { stage ->
        shadowOf(stage.resolver).registerOutputStream(
            Uri.parse("content://media/external/images/media/1"),
            object : OutputStream() {
                override fun write(byte: Int) = throw IOException("write failed: ENOSPC (No space left on device)")
            },
        )
        stage.launch().opened()
        stage.click(R.id.save)
        stage.settled()
        assertEquals(R.string.no_space, stage.state.notice!!.text)
        assertEquals(1, stage.deleted)
        assertEquals(Screen.PHOTO, stage.state.screen)
    }

    private fun glass(): File {
        val codes = IntArray(40 * 30) { (it % 256 shl 24) or 0x786450 }
        return oriented(Format.PNG, Bitmap.createBitmap(codes, 40, 30, Bitmap.Config.ARGB_8888), 1)
    }

    /** Of which a JPEG is large. */
    private fun noise(): File {
        val random = Random(3)
        val bitmap = Bitmap.createBitmap(
            IntArray(300 * 200) { (0xFF shl 24) or random.nextInt() }, 300, 200, Bitmap.Config.ARGB_8888,
        )
        return File.createTempFile("noise", ".png").apply {
            deleteOnExit()
            outputStream().use { bitmap.compress(Bitmap.CompressFormat.PNG, 100, it) }
        }
    }
}
