package tf.colorize.app

import android.graphics.Bitmap
import org.junit.Assert.assertArrayEquals
import org.junit.Assert.assertEquals
import org.junit.Assert.assertTrue
import org.junit.Test
import org.junit.runner.RunWith
import tf.colorize.core.Window
import java.io.ByteArrayOutputStream
import java.io.File
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.util.zip.CRC32

/** Photos stand upright, whatever the format that says how. */
@RunWith(Runner::class)
class OrientationTest {
    @Test fun everyFormatIsTurnedUpright() = Stage().use { stage ->
        for (format in Format.entries) {
            val upright = decode(stage, format, 6)
            assertEquals("$format", 120 to 160, upright.width to upright.height)
            val corner = upright.getPixel(115, 5) // which in the file is the top left
            assertTrue("$format ${Integer.toHexString(corner)}", corner ushr 16 and 0xFF > 150 && corner and 0xFF < 100)
        }
    }

    @Test fun aPngIsTurnedAsAndroidTurnsAWebp() = Stage().use { stage ->
        for (orientation in 1..9) { // there is no ninth
            val wanted = decode(stage, Format.WEBP, orientation)
            val found = decode(stage, Format.PNG, orientation)
            assertEquals("$orientation", wanted.width to wanted.height, found.width to found.height)
            assertArrayEquals("$orientation", wanted.argb(), found.argb())
            val window = Window(wanted.height, wanted.width, top = 10, left = 32, bottom = 50, right = 96)
            val part = decode(stage, Format.PNG, orientation, window)
            assertArrayEquals("$orientation, a part", Bitmap.createBitmap(wanted, 32, 10, 64, 40).argb(), part.argb())
        }
    }

    @Test fun theFileOfATurnedPngIsNotChanged() = Stage().use { stage ->
        val file = oriented(Format.PNG, picture(160, 120), 6)
        val photo = stage.photos.take(stage.photo("turned.png", file))
        stage.photos.decode(photo).close()
        assertTrue(file.readBytes().contentEquals(photo.file.readBytes()))
    }

    @Test fun aDamagedPngDoesNotCrash() {
        val whole = oriented(Format.PNG, picture(8, 8), 6).readBytes()
        for (length in whole.indices) Orientation.beyondDecoder(ByteBuffer.wrap(whole.copyOf(length)))
        for (place in 8..40) for (byte in intArrayOf(0x7F, 0x80, 0xFF)) {
            Orientation.beyondDecoder(ByteBuffer.wrap(whole.copyOf().also { it[place] = byte.toByte() }))
        }
    }

    private fun decode(stage: Stage, format: Format, orientation: Int, window: Window? = null): Bitmap {
        val file = oriented(format, picture(160, 120), orientation)
        return stage.photos.decode(stage.photos.take(stage.photo("turned.$format", file)), window).bitmap
    }

    /** Red at the top left, and every pixel another one. */
    private fun picture(width: Int, height: Int): Bitmap {
        val colours = IntArray(width * height) {
            (0xFF shl 24) or ((255 - it / width) shl 16) or (it % 7 * 20 shl 8) or it % width
        }
        return Bitmap.createBitmap(colours, width, height, Bitmap.Config.ARGB_8888)
    }
}

enum class Format { JPEG, PNG, WEBP }

/** A file of [picture] whose EXIF says that it is to be turned. */
fun oriented(format: Format, picture: Bitmap, orientation: Int): File {
    val exif = "MM\u0000*\u0000\u0000\u0000\u0008\u0000\u0001".toByteArray(Charsets.ISO_8859_1) +
        byteArrayOf(1, 0x12, 0, 3, 0, 0, 0, 1, 0, orientation.toByte(), 0, 0, 0, 0, 0, 0)
    val bytes = when (format) {
        Format.JPEG -> encoded(picture, Bitmap.CompressFormat.JPEG).let { file ->
            val body = "Exif\u0000\u0000".toByteArray() + exif
            file.copyOf(2) + byteArrayOf(0xFF.toByte(), 0xE1.toByte(), 0, (body.size + 2).toByte()) + body + file.drop(2)
        }
        Format.PNG -> encoded(picture, Bitmap.CompressFormat.PNG).let { file ->
            val body = "eXIf".toByteArray() + exif
            val sum = CRC32().apply { update(body) }.value.toInt()
            val chunk = ByteBuffer.allocate(body.size + 8).putInt(exif.size).put(body).putInt(sum).array()
            file.copyOf(33) + chunk + file.drop(33)
        }
        Format.WEBP -> encoded(picture, Bitmap.CompressFormat.WEBP_LOSSLESS).let { file ->
            val chunks = file.drop(12).toByteArray()
            check(chunks.decodeToString(0, 4) == "VP8X") { "a WebP of " + chunks.decodeToString(0, 4) }
            chunks[8] = (chunks[8].toInt() or 8).toByte() // says that EXIF comes
            riff("RIFF", "WEBP".toByteArray() + chunks + riff("EXIF", exif))
        }
    }
    return File.createTempFile("turned", ".$format").apply {
        deleteOnExit()
        writeBytes(bytes)
    }
}

private fun riff(kind: String, body: ByteArray): ByteArray =
    ByteBuffer.allocate(8 + body.size).order(ByteOrder.LITTLE_ENDIAN).put(kind.toByteArray()).putInt(body.size).put(body).array()

private fun encoded(picture: Bitmap, format: Bitmap.CompressFormat): ByteArray =
    ByteArrayOutputStream().also { picture.compress(format, 90, it) }.toByteArray()
