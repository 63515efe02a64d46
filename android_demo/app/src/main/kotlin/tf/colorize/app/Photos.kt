package tf.colorize.app

import android.content.ContentResolver
import android.content.ContentValues
import android.content.Context
import android.graphics.Bitmap
import android.graphics.ColorSpace
import android.graphics.ImageDecoder
import android.graphics.Rect
import android.net.Uri
import android.os.Environment
import android.provider.MediaStore
import android.provider.OpenableColumns
import tf.colorize.core.Card
import tf.colorize.core.Metadata
import tf.colorize.core.Provenance
import tf.colorize.core.Window
import java.io.File
import java.io.FilterOutputStream
import java.io.IOException
import java.io.InputStream
import java.io.OutputStream
import java.io.RandomAccessFile
import java.nio.ByteBuffer
import java.nio.channels.FileChannel
import java.util.UUID

/** A photo's file, in the app's own folder, and the name it had. */
data class PhotoFile(val file: File, val name: String) {
    /** What it is found again by. */
    val slot: String get() = file.name
}

/** What was saved, and the names of what of its metadata could not go along. */
data class Written(val uri: Uri, val leftOut: List<String>)

/** Where photos come from and go to. Everything here may block, and throws IOException. */
interface Photos {
    /** What the photo at [uri] is called. */
    fun name(uri: Uri): String

    /** Copies what [uri] names to where it outlives this process and the right to read it. */
    fun take(uri: Uri, slot: String = freshSlot()): PhotoFile

    /** The same for a photo that the camera has just taken. */
    fun take(jpeg: ByteArray, slot: String = freshSlot()): PhotoFile

    /** The photo that was taken into [slot], if it is still there. */
    fun find(slot: String): PhotoFile?

    /** The one that was taken into a fresh slot last, if it is still there. */
    fun last(): PhotoFile?

    /** Upright, in sRGB, at full size, mutable, not premultiplied; or a [window] on that, which can be drawn. */
    fun decode(photo: PhotoFile, window: Window? = null): BitmapRaster

    /** Writes the colorized [raster] into the gallery, with what the photo's file held and the mark of what was done. */
    fun save(photo: PhotoFile, raster: BitmapRaster, card: Card): Written

    /** Takes out of the gallery again what was saved. */
    fun discard(written: Written)

    fun forget(photo: PhotoFile)

    /**
     * Whether what was taken into [slot] may be brought back after a death of the process; not where it died of two such
     * attempts, with none between them that came to an end.
     */
    fun mayBringBack(slot: String): Boolean

    /** Frees what all but these take; an attempt to bring one back has come to its end. */
    fun forgetOthers(slots: Set<String>)

    companion object {
        const val FRESH = "opened-"

        /** One that no other photo has: what still reads another photo's file goes on doing so. */
        fun freshSlot(): String = FRESH + UUID.randomUUID()
    }
}

class StoredPhotos(private val context: Context) : Photos {
    private val resolver: ContentResolver get() = context.contentResolver
    private val folder: File get() = File(context.filesDir, "photos").apply { mkdirs() }
    private val version: String by lazy { context.packageManager.getPackageInfo(context.packageName, 0).versionName ?: "" }

    override fun take(uri: Uri, slot: String): PhotoFile {
        val name = name(uri)
        val stream = try {
            resolver.openInputStream(uri)
        } catch (refused: SecurityException) {
            throw IOException(refused)
        } ?: throw IOException("nothing at $uri")
        return keep(slot, name, stream)
    }

    override fun take(jpeg: ByteArray, slot: String): PhotoFile = keep(slot, "camera.jpg", jpeg.inputStream())

    private fun keep(slot: String, name: String, content: InputStream): PhotoFile {
        val part = File(folder, "$slot.part")
        try {
            content.use { source -> part.outputStream().use { source.copyTo(it) } }
            val whole = File(folder, slot)
            File(folder, "$slot.name").writeText(name) // first: a photo that is found has a name
            if (!part.renameTo(whole)) throw IOException("cannot rename $part")
            return PhotoFile(whole, name)
        } finally {
            part.delete()
        }
    }

    override fun find(slot: String): PhotoFile? {
        val file = File(folder, slot)
        val name = File(folder, "$slot.name")
        return if (file.isFile && name.isFile) PhotoFile(file, name.readText()) else null
    }

    override fun last(): PhotoFile? = folder.listFiles().orEmpty()
        .filter { it.name.startsWith(Photos.FRESH) && it.extension.isEmpty() }
        .maxByOrNull { it.lastModified() }?.let { find(it.name) }

    override fun decode(photo: PhotoFile, window: Window?): BitmapRaster {
        val file = photo.file.mappedToChange()
        val orientation = Orientation.beyondDecoder(file)
        val bitmap = ImageDecoder.decodeBitmap(ImageDecoder.createSource(file)) { decoder, _, _ ->
            decoder.allocator = ImageDecoder.ALLOCATOR_SOFTWARE
            decoder.isMutableRequired = true
            decoder.setTargetColorSpace(ColorSpace.get(ColorSpace.Named.SRGB))
            if (window == null) decoder.isUnpremultipliedRequired = true // which keeps the colours of what is nearly transparent
            window?.let(orientation::stored)?.run {
                decoder.setTargetSize(width, height)
                decoder.crop = Rect(left, top, right, bottom)
            }
        }
        return BitmapRaster(orientation.upright(bitmap))
    }

    override fun save(photo: PhotoFile, raster: BitmapRaster, card: Card): Written {
        val png = raster.bitmap.hasAlpha() || maxOf(raster.width, raster.height) > LARGEST_JPEG
        val name = photo.name.substringBeforeLast('.') + if (png) ".colorized.png" else ".colorized.jpg"
        val values = ContentValues().apply {
            put(MediaStore.Images.Media.DISPLAY_NAME, name)
            put(MediaStore.Images.Media.MIME_TYPE, if (png) "image/png" else "image/jpeg")
            put(MediaStore.Images.Media.RELATIVE_PATH, Environment.DIRECTORY_PICTURES + "/Colorized")
            put(MediaStore.Images.Media.IS_PENDING, 1)
        }
        val uri = resolver.insert(MediaStore.Images.Media.EXTERNAL_CONTENT_URI, values) ?: throw IOException("no gallery")
        try {
            val leftOut = write(uri, photo, raster.bitmap, png, Provenance.software(version, card))
            resolver.update(uri, ContentValues().apply { put(MediaStore.Images.Media.IS_PENDING, 0) }, null, null)
            return Written(uri, leftOut)
        } catch (failure: Throwable) {
            resolver.delete(uri, null, null) // nothing partial stays behind
            throw failure
        }
    }

    private fun write(uri: Uri, photo: PhotoFile, bitmap: Bitmap, png: Boolean, tool: String): List<String> {
        val room = if (png) Metadata.Room.OF_PNG else Metadata.Room.OF_JPEG
        val metadata = Metadata.read(photo.file.mapped()).marked(tool, bitmap.width, bitmap.height, room)
        val out = Remembering(resolver.openOutputStream(uri) ?: throw IOException("nothing can be written to $uri"))
        out.buffered().use { file ->
            val whole = if (png) {
                bitmap.compress(Bitmap.CompressFormat.PNG, 100, Metadata.intoPng(file, metadata))
            } else {
                bitmap.compress(Bitmap.CompressFormat.JPEG, QUALITY, Metadata.intoJpeg(file, metadata))
            }
            if (!whole) throw out.failure ?: IOException("the encoder gave up")
        }
        return metadata.leftOut
    }

    override fun discard(written: Written) {
        resolver.delete(written.uri, null, null)
    }

    override fun forget(photo: PhotoFile) {
        photo.file.delete()
        File(folder, "${photo.slot}.name").delete()
    }

    override fun mayBringBack(slot: String): Boolean {
        val attempts = File(folder, "$slot.$ATTEMPTS") // each adds a byte
        if (attempts.length() >= MOST_ATTEMPTS) return false
        try {
            attempts.appendText("+")
        } catch (_: IOException) {
            // what cannot be counted is tried all the same
        }
        return true
    }

    override fun forgetOthers(slots: Set<String>) =
        folder.listFiles().orEmpty().filter { it.nameWithoutExtension !in slots || it.extension == ATTEMPTS }.forEach { it.delete() }

    override fun name(uri: Uri): String {
        val columns = arrayOf(OpenableColumns.DISPLAY_NAME)
        val found = try {
            resolver.query(uri, columns, null, null, null)?.use { if (it.moveToFirst()) it.getString(0) else null }
        } catch (_: RuntimeException) { // providers of other apps throw what they like
            null
        }
        return (found ?: uri.lastPathSegment).orEmpty().substringAfterLast('/').ifEmpty { "photo" }
    }

    private companion object {
        const val ATTEMPTS = "attempts"
        const val MOST_ATTEMPTS = 2
        const val QUALITY = 95
        const val LARGEST_JPEG = 65_500 // a side; what libjpeg-turbo writes
    }
}

/** The whole file as memory that the system reads when it is looked at. */
fun File.mapped(): ByteBuffer = RandomAccessFile(this, "r").use { it.channel.map(FileChannel.MapMode.READ_ONLY, 0, it.length()) }

/** The same to be changed in memory alone. */
private fun File.mappedToChange(): ByteBuffer =
    RandomAccessFile(this, "rw").use { it.channel.map(FileChannel.MapMode.PRIVATE, 0, it.length()) }

/** Keeps what went wrong in writing: the encoders of Android swallow it, and say that something did. */
private class Remembering(out: OutputStream) : FilterOutputStream(out) {
    var failure: IOException? = null
        private set

    override fun write(bytes: ByteArray, offset: Int, length: Int) = try {
        out.write(bytes, offset, length)
    } catch (error: IOException) {
        failure = failure ?: error
        throw error
    }
}
