package tf.colorize.core

import java.io.OutputStream
import java.nio.ByteBuffer
import java.util.zip.CRC32

/** What travels from the old file to the new one. */
class Metadata(val exif: ByteArray? = null, val xmp: ByteArray? = null) {
    /** The same with the mark of what was done, for a picture of this size, in the [room] that its file has. */
    fun marked(tool: String, width: Int, height: Int, room: Room = Room.OF_PNG): Marked {
        val oldExif = exif?.let(Exif::bare)?.takeIf { it.isNotEmpty() }
        val oldXmp = xmp?.takeIf { it.isNotEmpty() }
        val newExif = oldExif?.let { Exif.updated(it, tool, width, height, room.exif) }
        val newXmp = oldXmp?.let { Provenance.updatedXmp(it, tool, room.xmp) }
        val leftOut = listOfNotNull(
            "EXIF".takeIf { oldExif != null && newExif == null },
            "XMP".takeIf { oldXmp != null && newXmp == null },
        )
        return Marked(newExif ?: Exif.fresh(tool, width, height), newXmp ?: Provenance.freshXmp(tool), leftOut)
    }

    /** What goes into the new file, and the names of what could not: it is damaged, or larger than the file has room for. */
    class Marked(val exif: ByteArray, val xmp: ByteArray, val leftOut: List<String>)

    /** The most bytes that a kind of file takes. */
    class Room private constructor(internal val exif: Int, internal val xmp: Int) {
        companion object {
            val OF_PNG = Room(Int.MAX_VALUE, Int.MAX_VALUE)

            /** A segment counts to 65,535, itself and the name of what is in it among them. */
            val OF_JPEG = Room(MOST_IN_SEGMENT - EXIF.size, MOST_IN_SEGMENT - XMP.size)
        }
    }

    companion object {
        /** Of a JPEG, PNG, WebP, HEIC or AVIF file; nothing of other formats. */
        fun read(file: ByteBuffer): Metadata = MetadataReader(file).read()

        private const val APP1 = 0xE1
        internal const val LARGEST = 16 shl 20
        internal val EXIF = "Exif\u0000\u0000".encodeToByteArray()
        internal val XMP = "http://ns.adobe.com/xap/1.0/\u0000".encodeToByteArray()
        internal val PNG_XMP = "XML:com.adobe.xmp\u0000\u0000\u0000\u0000\u0000".encodeToByteArray()
        private const val MOST_IN_SEGMENT = 65_533

        /** A JPEG that an encoder writes through it gets [metadata], marked for the [Room.OF_JPEG], as its first segments. */
        fun intoJpeg(out: OutputStream, metadata: Marked): OutputStream =
            Inserting(out, 2, segment(EXIF, metadata.exif) + segment(XMP, metadata.xmp))

        /** The same for a PNG: as chunks after its header. */
        fun intoPng(out: OutputStream, metadata: Marked): OutputStream =
            Inserting(out, 33, chunk("iTXt", PNG_XMP + metadata.xmp) + chunk("eXIf", metadata.exif))

        private fun segment(prefix: ByteArray, body: ByteArray): ByteArray {
            require(prefix.size + body.size <= MOST_IN_SEGMENT) { "${body.size} bytes for a segment" }
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
