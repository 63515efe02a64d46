package tf.colorize.core

import java.io.DataInputStream
import java.io.EOFException
import java.io.InputStream
import java.io.OutputStream
import java.nio.ByteBuffer
import java.util.zip.CRC32

/** What travels from the old file to the new one. */
class Metadata(val exif: ByteArray? = null, val xmp: ByteArray? = null) {
    /** The same with the mark of what was done, for a picture of this size. */
    fun marked(tool: String, width: Int, height: Int) =
        Metadata(Exif.updated(exif, tool, width, height), Provenance.updatedXmp(xmp, tool))

    companion object {
        /** Of a JPEG, PNG or WebP; nothing of other formats, and of damaged files what was found before the damage. */
        fun read(file: InputStream): Metadata {
            val data = DataInputStream(file.buffered())
            val found = Array<ByteArray?>(2) { null }
            try {
                val head = ByteArray(2).also(data::readFully)
                when {
                    head[0] == 0xFF.toByte() && head[1] == 0xD8.toByte() -> readJpeg(data, found)
                    head[0] == 0x89.toByte() && head[1] == 'P'.code.toByte() -> readPng(data, found)
                    head[0] == 'R'.code.toByte() && head[1] == 'I'.code.toByte() -> readWebp(data, found)
                }
            } catch (_: EOFException) {
                // what was found counts
            }
            return Metadata(found[0], found[1])
        }

        private fun readJpeg(data: DataInputStream, found: Array<ByteArray?>) {
            while (true) {
                if (data.readUnsignedByte() != 0xFF) return
                val marker = data.readUnsignedByte()
                if (marker == SCAN || marker == END) return
                val body = ByteArray(maxOf(data.readUnsignedShort() - 2, 0)).also(data::readFully)
                if (marker != APP1) continue
                if (body.startsWith(EXIF)) found[0] = found[0] ?: body.copyOfRange(EXIF.size, body.size)
                if (body.startsWith(XMP)) found[1] = found[1] ?: body.copyOfRange(XMP.size, body.size)
            }
        }

        private fun readPng(data: DataInputStream, found: Array<ByteArray?>) {
            data.skipFully(6)
            while (true) {
                val length = data.readInt()
                val kind = ByteArray(4).also(data::readFully).decodeToString()
                if (kind == "IEND" || length < 0) return
                if (kind !in setOf("eXIf", "iTXt") || length > LARGEST) {
                    data.skipFully(length)
                } else {
                    val body = ByteArray(length).also(data::readFully)
                    if (kind == "eXIf") found[0] = body
                    if (kind == "iTXt" && body.startsWith(PNG_XMP)) found[1] = body.copyOfRange(PNG_XMP.size, length)
                }
                data.skipFully(4)
            }
        }

        private fun readWebp(data: DataInputStream, found: Array<ByteArray?>) {
            data.skipFully(10)
            while (true) {
                val kind = ByteArray(4).also(data::readFully).decodeToString()
                val length = Integer.reverseBytes(data.readInt())
                if (length < 0) return
                if (kind in setOf("EXIF", "XMP ") && length <= LARGEST) {
                    val body = ByteArray(length).also(data::readFully)
                    if (kind == "EXIF") found[0] = if (body.startsWith(EXIF)) body.copyOfRange(EXIF.size, length) else body
                    if (kind == "XMP ") found[1] = body
                } else {
                    data.skipFully(length)
                }
                data.skipFully(length % 2)
            }
        }

        private fun DataInputStream.skipFully(count: Int) {
            var left = count
            while (left > 0) {
                val skipped = skipBytes(left)
                if (skipped == 0) throw EOFException()
                left -= skipped
            }
        }

        private fun ByteArray.startsWith(prefix: ByteArray) = size >= prefix.size && prefix.indices.all { this[it] == prefix[it] }

        private const val APP1 = 0xE1
        private const val SCAN = 0xDA
        private const val END = 0xD9
        private const val LARGEST = 16 shl 20
        private val EXIF = "Exif\u0000\u0000".encodeToByteArray()
        private val XMP = "http://ns.adobe.com/xap/1.0/\u0000".encodeToByteArray()
        private val PNG_XMP = "XML:com.adobe.xmp\u0000\u0000\u0000\u0000\u0000".encodeToByteArray()
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
