package tf.colorize.app

import android.graphics.Bitmap
import android.graphics.Canvas
import android.graphics.Color
import android.graphics.ColorSpace
import android.graphics.LinearGradient
import android.graphics.Paint
import android.graphics.Shader
import android.net.Uri
import org.junit.Assert.assertEquals
import org.junit.Assert.assertTrue
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.Shadows.shadowOf
import java.io.File
import java.io.OutputStream

/** Photos that are much: many pixels, many colours. */
@RunWith(Runner::class)
class HugeTest {
    @Test fun fiftyMegapixelsAreOpenedAndSavedInBoundedMemory() {
        val file = jpeg(8192, 6144)
        Stage().use { stage ->
            var saved = 0L
            shadowOf(stage.resolver).registerOutputStream(
                Uri.parse("content://media/external/images/media/2"), // the second one that is saved
                object : OutputStream() {
                    override fun write(byte: Int) {
                        saved++
                    }

                    override fun write(bytes: ByteArray, offset: Int, length: Int) {
                        saved += length
                    }
                },
            )
            stage.launch().opened() // a small one, so that everything is loaded
            stage.click(R.id.save)
            stage.settled()
            System.gc()
            val before = resident("VmRSS")
            File("/proc/self/clear_refs").writeText("5") // the peak counts from here on
            stage.opened(stage.photo("huge.jpg", file))
            assertEquals(8192 to 6144, stage.state.photo!!.let { it.width to it.height })
            stage.click(R.id.save)
            stage.settled()
            assertEquals(R.string.saved, stage.state.notice!!.text)
            val peak = resident("VmHWM") - before
            println("50 MP opened and saved: ${peak / 1024} MB at most, file of ${saved / 1000} kB")
            assertTrue("the whole picture", saved > 500_000)
            assertTrue("${peak / 1024} MB", peak / 1024 <= 400) // the pixels alone are 192
        }
    }

    @Test fun aWideGamutIsConvertedWhenItIsOpened() = Stage().use { stage ->
        val wide = ColorSpace.get(ColorSpace.Named.DISPLAY_P3)
        val colour = Color.pack(0.8f, 0.4f, 0.3f, 1f, wide)
        val bitmap = Bitmap.createBitmap(8, 8, Bitmap.Config.ARGB_8888, true, wide).apply { eraseColor(colour) }
        val file = File.createTempFile("wide", ".png").apply {
            deleteOnExit()
            outputStream().use { bitmap.compress(Bitmap.CompressFormat.PNG, 100, it) }
        }
        val opened = stage.photos.decode(stage.photos.take(stage.photo("wide.png", file))).bitmap
        assertEquals(ColorSpace.get(ColorSpace.Named.SRGB), opened.colorSpace)
        val wanted = Color.valueOf(Color.convert(colour, ColorSpace.get(ColorSpace.Named.SRGB)))
        val found = Color.valueOf(opened.getPixel(3, 3))
        assertEquals(wanted.red(), found.red(), 0.01f)
        assertEquals(wanted.green(), found.green(), 0.01f)
        assertTrue("another code than in the file", found.red() > 0.82f)
    }

    /** A few soft colours, drawn and not kept. */
    private fun jpeg(width: Int, height: Int): File {
        val bitmap = Bitmap.createBitmap(width, height, Bitmap.Config.ARGB_8888)
        val paint = Paint().apply {
            shader = LinearGradient(0f, 0f, width.toFloat(), height.toFloat(), Color.BLACK, Color.WHITE, Shader.TileMode.CLAMP)
        }
        Canvas(bitmap).drawRect(0f, 0f, width.toFloat(), height.toFloat(), paint)
        val file = File.createTempFile("huge", ".jpg").apply { deleteOnExit() }
        file.outputStream().use { bitmap.compress(Bitmap.CompressFormat.JPEG, 80, it) }
        bitmap.recycle()
        return file
    }

    private fun resident(name: String): Long =
        File("/proc/self/status").readLines().first { it.startsWith(name) }.filter(Char::isDigit).toLong()
}
