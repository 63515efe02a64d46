package tf.colorize.core

import java.io.OutputStream
import java.nio.ByteBuffer
import java.util.zip.CRC32

/** What travels from the old file to the new one. */
class Metadata(val exif: ByteArray? = null, val xmp: ByteArray? = null) {
    /** The same with the mark of what was done, for a picture of this size. */
    fun marked(tool: String, width: Int, height: Int) =
        Metadata(Exif.updated(exif, tool, width, height), Provenance.updatedXmp(xmp, tool))

    companion object {
        /** Of a JPEG, PNG, WebP, HEIC or AVIF file; nothing of other formats. */
        fun read(file: ByteBuffer): Metadata = MetadataReader(file).read()

        private const val APP1 = 0xE1
        internal const val LARGEST = 16 shl 20
        internal val EXIF = "Exif\u0000\u0000".encodeToByteArray()
        internal val XMP = "http://ns.adobe.com/xap/1.0/\u0000".encodeToByteArray()
        internal val PNG_XMP = "XML:com.adobe.xmp\u0000\u0000\u0000\u0000\u0000".encodeToByteArray()
        private const val MOST_IN_SEGMENT = 65_000

        /** A JPEG that an encoder writes through it gets [metadata] (marked before) as its first segments. */
        fun intoJpeg(out: OutputStream, metadata: Metadata, tool: String, width: Int, height: Int): OutputStream {
            // A segment holds 64 kB; what does not fit is replaced by the mark alone.
            val fresh by lazy { Metadata().marked(tool, width, height) }
            val exif = metadata.exif?.takeIf { it.size <= MOST_IN_SEGMENT } ?: fresh.exif
            val xmp = metadata.xmp?.takeIf { it.size <= MOST_IN_SEGMENT } ?: fresh.xmp
            return Inserting(out, 2, segment(EXIF, exif) + segment(XMP, xmp))
        }

        /** The same for a PNG: as chunks after its header. */
        fun intoPng(out: OutputStream, metadata: Metadata): OutputStream {
            val text = metadata.xmp?.let { chunk("iTXt", PNG_XMP + it) } ?: ByteArray(0)
            val exif = metadata.exif?.let { chunk("eXIf", it) } ?: ByteArray(0)
            return Inserting(out, 33, text + exif)
        }

        private fun segment(prefix: ByteArray, body: ByteArray?): ByteArray {
            if (body == null) return ByteArray(0)
            val length = prefix.size + body.size + 2
            return byteArrayOf(0xFF.toByte(), APP1.toByte(), (length shr 8).toByte(), length.toByte()) + prefix + body
        }

        private fun chunk(kind: String, body: ByteArray): ByteArray {
            val content = kind.encodeToByteArray() + body
            val sum = CRC32().apply { update(content) }.value.toInt()
            return ByteBuffer.allocate(content.size + 8).putInt(body.size).put(content).putInt(sum).array()
        }
    }
}

/** Lets [place] bytes pass, then writes [extra], then the rest. */
private class Inserting(private val out: OutputStream, private val place: Int, private val extra: ByteArray) : OutputStream() {
    private var passed = 0

    override fun write(byte: Int) = write(byteArrayOf(byte.toByte()), 0, 1)

    override fun write(bytes: ByteArray, offset: Int, length: Int) {
        if (passed >= place) return out.write(bytes, offset, length)
        val head = minOf(length, place - passed)
        out.write(bytes, offset, head)
        passed += head
        if (passed == place) out.write(extra)
        if (length > head) out.write(bytes, offset + head, length - head)
    }

    override fun flush() = out.flush()

    override fun close() = out.close()
}
