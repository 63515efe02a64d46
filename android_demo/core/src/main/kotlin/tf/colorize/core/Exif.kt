package tf.colorize.core

import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.util.TreeMap

/**
 * EXIF, changed in two or three places and otherwise kept byte for byte: maker notes hold offsets nobody else knows.
 *
 * An EXIF block is a small TIFF file. The first directory is written anew at its end, with the changed entries; all
 * the rest stays where it is. The thumbnail, which shows the photo without its colour, is no longer linked.
 */
object Exif {
    private const val ORIENTATION = 0x0112
    private const val SOFTWARE = 0x0131
    private const val DIRECTORY = 0x8769
    private const val WIDTH = 0xA002 // in the EXIF directory
    private const val HEIGHT = 0xA003
    private const val THUMBNAIL = 0x0201 // in the second directory: a JPEG's place and length
    private const val THUMBNAIL_LENGTH = 0x0202
    private const val ASCII: Short = 2
    private const val SHORT: Short = 3
    private const val LONG: Short = 4
    private const val ENTRY = 12
    private val EMPTY = byteArrayOf(0x49, 0x49, 0x2A, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0)

    /** The TIFF structure alone, as some files name it before it begins. */
    fun bare(block: ByteArray): ByteArray {
        val named = block.size >= Metadata.EXIF.size && Metadata.EXIF.indices.all { block[it] == Metadata.EXIF[it] }
        return if (named) block.copyOfRange(Metadata.EXIF.size, block.size) else block
    }

    /** How [block] says that the picture is to be turned or mirrored, 1 to 8; 1, as it is, where it says nothing. */
    fun orientation(block: ByteArray): Int = try {
        val tiff = ByteBuffer.wrap(block).order(orderOf(block))
        val at = directory(tiff, tiff.getInt(4)).firstOrNull { tiff.getShort(it).toInt() == ORIENTATION && tiff.getShort(it + 2) == SHORT }
        at?.let { tiff.getShort(it + 8).toInt() }?.takeIf { it in 1..8 } ?: 1
    } catch (_: IndexOutOfBoundsException) {
        1
    }

    /** A TIFF structure that says no more than the Software, Orientation = 1. */
    fun fresh(software: String, width: Int, height: Int): ByteArray = rewritten(EMPTY, software, width, height)

    /**
     * The TIFF structure [block] with Software, Orientation = 1 and the size; null where it is damaged, or would be longer
     * than [most] bytes even without the thumbnail's.
     */
    fun updated(block: ByteArray, software: String, width: Int, height: Int, most: Int = Int.MAX_VALUE): ByteArray? = try {
        rewritten(block, software, width, height).takeIf { it.size <= most }
            ?: rewritten(withoutThumbnail(block), software, width, height).takeIf { it.size <= most }
    } catch (_: IndexOutOfBoundsException) {
        null
    }

    private fun orderOf(tiff: ByteArray): ByteOrder =
        when (if (tiff.size < 8) "" else String(tiff, 0, 4, Charsets.ISO_8859_1)) {
            "II*\u0000" -> ByteOrder.LITTLE_ENDIAN
            "MM\u0000*" -> ByteOrder.BIG_ENDIAN
            else -> throw IndexOutOfBoundsException("no TIFF structure")
        }

    /** The block as far as its thumbnail, if that comes last, as cameras write it; else all of it. */
    private fun withoutThumbnail(tiff: ByteArray): ByteArray {
        val old = ByteBuffer.wrap(tiff).order(orderOf(tiff))
        val first = old.getInt(4)
        val second = old.getInt(first + 2 + ENTRY * directory(old, first).size)
        if (second == 0) return tiff
        val values = try {
            directory(old, second).associate { (old.getShort(it).toInt() and 0xFFFF) to old.getInt(it + 8) }
        } catch (_: IndexOutOfBoundsException) {
            return tiff
        }
        val start = values[THUMBNAIL] ?: return tiff
        val length = values[THUMBNAIL_LENGTH] ?: return tiff
        if (start !in 0..tiff.size - 2 || length !in 2..tiff.size - start) return tiff
        val isLast = (start + length until tiff.size).all { tiff[it] == 0.toByte() }
        return if (isLast && old.getShort(start) == jpegMark(old.order())) tiff.copyOf(start) else tiff
    }

    private fun jpegMark(order: ByteOrder): Short = if (order == ByteOrder.BIG_ENDIAN) 0xFFD8.toShort() else 0xD8FF.toShort()

    private fun rewritten(tiff: ByteArray, software: String, width: Int, height: Int): ByteArray {
        val order = orderOf(tiff)
        val old = ByteBuffer.wrap(tiff.copyOf()).order(order)
        val entries = TreeMap<Int, ByteArray>()
        for (at in directory(old, old.getInt(4))) {
            entries[old.getShort(at).toInt() and 0xFFFF] = tiff.copyOfRange(at, at + ENTRY)
        }
        entries[DIRECTORY]?.let { setSize(old, ByteBuffer.wrap(it).order(order).getInt(8), width, height) }
        val text = software.toByteArray(Charsets.US_ASCII) + 0
        val start = tiff.size + tiff.size % 2
        entries[SOFTWARE] = ByteArray(0) // counted below; its text follows the directory
        entries[ORIENTATION] = entry(order, ORIENTATION, SHORT, 1) { putShort(1) }
        val after = start + 2 + ENTRY * entries.size + 4
        entries[SOFTWARE] = entry(order, SOFTWARE, ASCII, text.size) { putInt(after) }
        old.putInt(4, start)
        val out = ByteBuffer.allocate(after + text.size).order(order)
        out.put(old.array()).position(start)
        out.putShort(entries.size.toShort())
        entries.values.forEach(out::put)
        out.putInt(0).put(text) // no further directory
        return out.array()
    }

    private fun entry(order: ByteOrder, tag: Int, kind: Short, count: Int, value: ByteBuffer.() -> Unit): ByteArray {
        val out = ByteBuffer.allocate(ENTRY).order(order).putShort(tag.toShort()).putShort(kind).putInt(count)
        out.value()
        return out.array()
    }

    /** Where the entries of a directory are. */
    private fun directory(tiff: ByteBuffer, start: Int): List<Int> {
        if (start !in 8..tiff.limit() - 2) throw IndexOutOfBoundsException("a directory outside the block")
        val count = tiff.getShort(start).toInt() and 0xFFFF
        if (start + 2 + ENTRY * count > tiff.limit()) throw IndexOutOfBoundsException("a directory that ends outside")
        return List(count) { start + 2 + ENTRY * it }
    }

    /** Writes the pixel size where the EXIF directory names one: turning upright may have swapped it. */
    private fun setSize(tiff: ByteBuffer, start: Int, width: Int, height: Int) {
        val entries = try {
            directory(tiff, start)
        } catch (_: IndexOutOfBoundsException) {
            return // damaged, but not by us, and of no consequence here
        }
        for (at in entries) {
            val value = when (tiff.getShort(at).toInt() and 0xFFFF) {
                WIDTH -> width
                HEIGHT -> height
                else -> continue
            }
            when (tiff.getShort(at + 2)) {
                LONG -> tiff.putInt(at + 8, value)
                SHORT -> if (value < 1 shl 16) tiff.putShort(at + 8, value.toShort())
            }
        }
    }
}
