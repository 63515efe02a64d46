package tf.colorize.core

import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.security.MessageDigest

/** Why a model file is of no use here; [detail] is for people who know such files. */
class ModelException(val reason: Reason, val detail: String) : Exception("$reason: $detail") {
    enum class Reason { NOT_A_MODEL, NO_CARD, BAD_CARD, NEWER_CONTRACT, DAMAGED, NOT_A_COLORIZER, CANNOT_RUN, NONSENSE }
}

/** A whole `.tflite` file in memory, read only, and the card that was found in it. */
class ModelFile private constructor(val content: ByteBuffer, val card: Card) {
    companion object {
        private const val METADATA = "colorize_tf.card"
        private const val DIGITS = 64

        /** So many bytes tell whether a file is one of TFLite's. */
        const val HEAD = 8

        fun isHead(head: ByteArray) = head.size == HEAD && (0..3).all { head[4 + it] == "TFL3"[it].code.toByte() }

        /** Reads the card and compares the checksum in it with the file. */
        fun read(content: ByteBuffer): ModelFile {
            val bytes = content.asReadOnlyBuffer().order(ByteOrder.LITTLE_ENDIAN)
            bytes.rewind()
            val place = try {
                FlatBuffer(bytes).metadata(METADATA)
            } catch (error: IndexOutOfBoundsException) {
                throw ModelException(ModelException.Reason.NOT_A_MODEL, error.message ?: "")
            } ?: throw ModelException(ModelException.Reason.NO_CARD, "a TFLite file without its card")
            val text = ByteArray(place.last - place.first + 1)
            bytes.duplicate().position(place.first).get(text)
            val card = try {
                Card.parse(text.decodeToString(throwOnInvalidSequence = true))
            } catch (_: CharacterCodingException) {
                throw ModelException(ModelException.Reason.BAD_CARD, "not in UTF-8")
            }
            if (checksum(bytes, place.first, text, card.sha256) != card.sha256) {
                throw ModelException(ModelException.Reason.DAMAGED, "the checksum in the card is that of another file")
            }
            return ModelFile(bytes, card)
        }

        /** SHA-256 of the file with the digits of [stated], where the card names them, replaced by zeros. */
        private fun checksum(content: ByteBuffer, start: Int, card: ByteArray, stated: String): String? {
            val label = "\"sha256\": \""
            // As bytes one to one, so that positions in the text are positions in the file.
            val within = card.toString(Charsets.ISO_8859_1).indexOf("$label$stated\"")
            if (stated.length != DIGITS || within < 0) return null
            val digits = start + within + label.length
            val digest = MessageDigest.getInstance("SHA-256")
            digest.update(content.duplicate().apply { limit(digits) })
            digest.update(ByteArray(DIGITS) { '0'.code.toByte() })
            digest.update(content.duplicate().apply { position(digits + DIGITS) })
            return digest.digest().joinToString("") { "%02x".format(it) }
        }
    }
}

/** The little of the FlatBuffers format that a model's metadata needs; whatever points outside throws IndexOutOfBounds. */
private class FlatBuffer(private val content: ByteBuffer) {
    init {
        if (content.limit() < ModelFile.HEAD || !ModelFile.isHead(ByteArray(ModelFile.HEAD, content::get))) {
            throw IndexOutOfBoundsException("the mark of a TFLite file is missing")
        }
    }

    /** The place of the metadata of this name; null where there is none. */
    fun metadata(name: String): IntRange? {
        val model = offset(0)
        val buffers = tables(model, BUFFERS)
        for (entry in tables(model, METADATA)) {
            val label = vector(entry, NAME) ?: continue
            if (label.count() != name.length || label.withIndex().any { (i, at) -> content.get(at) != name[i].code.toByte() }) {
                continue
            }
            val index = field(entry, BUFFER)?.let(content::getInt) ?: 0
            val buffer = buffers.getOrNull(index) ?: throw IndexOutOfBoundsException("a buffer that is not there")
            return vector(buffer, DATA) ?: IntRange.EMPTY
        }
        return null
    }

    private fun offset(at: Int): Int = within(at + content.getInt(at).also { if (it < 0) throw IndexOutOfBoundsException() })

    private fun field(table: Int, number: Int): Int? {
        val description = table - content.getInt(table)
        val size = content.getShort(description).toInt() and 0xFFFF
        val slot = 4 + 2 * number
        if (slot + 2 > size) return null
        val offset = content.getShort(description + slot).toInt() and 0xFFFF
        return if (offset == 0) null else table + offset
    }

    private fun tables(table: Int, number: Int): List<Int> {
        val start = field(table, number)?.let(::offset) ?: return emptyList()
        val count = content.getInt(start)
        if (count < 0 || count > (content.limit() - start) / 4) throw IndexOutOfBoundsException("too many tables")
        return List(count) { offset(start + 4 + 4 * it) }
    }

    private fun vector(table: Int, number: Int): IntRange? {
        val start = field(table, number)?.let(::offset) ?: return null
        val length = content.getInt(start)
        if (length < 0 || length > content.limit() - start - 4) throw IndexOutOfBoundsException("the file ends too early")
        return start + 4 until start + 4 + length
    }

    private fun within(at: Int): Int = if (at in 0..content.limit() - 4) at else throw IndexOutOfBoundsException("offset $at")

    private companion object {
        // Fields of Model, of Buffer, and of Metadata in TFLite's schema.
        const val BUFFERS = 4
        const val METADATA = 6
        const val DATA = 0
        const val NAME = 0
        const val BUFFER = 1
    }
}
