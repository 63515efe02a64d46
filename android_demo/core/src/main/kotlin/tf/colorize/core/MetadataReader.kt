package tf.colorize.core

import java.nio.BufferUnderflowException
import java.nio.ByteBuffer
import java.nio.ByteOrder

/** EXIF and XMP of a JPEG, PNG, WebP, HEIC or AVIF file; of a damaged one what was found before the damage. */
internal class MetadataReader(file: ByteBuffer) {
    private val file: ByteBuffer = file.slice()
    private var exif: ByteArray? = null
    private var xmp: ByteArray? = null

    fun read(): Metadata {
        try {
            when {
                startsWith(0xFF, 0xD8) -> jpeg()
                startsWith(0x89, 'P'.code) -> png()
                startsWith('R'.code, 'I'.code) -> webp()
                Heif.isOne(file) -> Heif(file).let { exif = it.exif(); xmp = it.xmp() }
            }
        } catch (_: BufferUnderflowException) {
            // what was found counts
        } catch (_: IndexOutOfBoundsException) {
            // the same
        }
        return Metadata(exif, xmp)
    }

    private fun startsWith(vararg bytes: Int) =
        file.limit() > bytes.size && bytes.indices.all { file.get(it).toInt() and 0xFF == bytes[it] }

    private fun jpeg() {
        skip(2)
        while (file.get() == 0xFF.toByte()) {
            var marker = FILL
            while (marker == FILL) marker = file.get().toInt() and 0xFF
            if (marker == SCAN || marker == END) return
            val length = maxOf((file.getShort().toInt() and 0xFFFF) - 2, 0)
            if (marker == APP1) keep(bytes(length)) else skip(length)
        }
    }

    private fun keep(body: ByteArray) {
        if (body.startsWith(Metadata.EXIF)) exif = exif ?: body.without(Metadata.EXIF)
        if (body.startsWith(Metadata.XMP)) xmp = xmp ?: body.without(Metadata.XMP)
    }

    private fun png() {
        skip(8)
        while (true) {
            val length = file.getInt()
            val kind = bytes(4).decodeToString()
            if (kind == "IEND") return
            when (kind) {
                "eXIf" -> exif = bytes(length)
                "iTXt" -> bytes(length).let { if (it.startsWith(Metadata.PNG_XMP)) xmp = it.without(Metadata.PNG_XMP) }
                else -> skip(length)
            }
            skip(4) // its checksum
        }
    }

    private fun webp() {
        file.order(ByteOrder.LITTLE_ENDIAN)
        skip(12)
        while (true) {
            val kind = bytes(4).decodeToString()
            val length = file.getInt()
            when (kind) {
                "EXIF" -> exif = bytes(length).let { if (it.startsWith(Metadata.EXIF)) it.without(Metadata.EXIF) else it }
                "XMP " -> xmp = bytes(length)
                else -> skip(length)
            }
            skip(length % 2)
        }
    }

    private fun skip(length: Int) {
        if (length < 0 || length > file.remaining()) throw BufferUnderflowException()
        file.position(file.position() + length)
    }

    /** No more than the file holds, whatever a damaged length says. */
    private fun bytes(length: Int): ByteArray {
        if (length < 0 || length > minOf(file.remaining(), Metadata.LARGEST)) throw BufferUnderflowException()
        return ByteArray(length).also(file::get)
    }

    private fun ByteArray.startsWith(prefix: ByteArray) = size >= prefix.size && prefix.indices.all { this[it] == prefix[it] }

    private fun ByteArray.without(prefix: ByteArray) = copyOfRange(prefix.size, size)

    private companion object {
        const val APP1 = 0xE1
        const val SCAN = 0xDA
        const val END = 0xD9
        const val FILL = 0xFF // any number of them may stand before a marker
    }
}
