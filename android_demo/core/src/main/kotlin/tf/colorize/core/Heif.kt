package tf.colorize.core

import java.nio.ByteBuffer

/**
 * HEIC and AVIF: boxes in boxes (ISO/IEC 14496-12). `meta` lists items (`iinf`) and where their bytes are (`iloc`); EXIF
 * and XMP are items of their own. What points outside the file throws IndexOutOfBounds.
 */
internal class Heif(private val file: ByteBuffer) {
    private class Box(val kind: String, val start: Int, val end: Int) // of its content

    private class Item(val kind: String, val content: String) // `mime` items say of what

    private val meta = boxes(0, file.limit()).firstOrNull { it.kind == "meta" }?.let { boxes(it.start + FULL, it.end) }.orEmpty()
    private val items = listed()

    fun exif(): ByteArray? {
        val bytes = bytesOf { it.kind == "Exif" } ?: return null
        // Four bytes say how much lies before the TIFF structure: nothing, or "Exif" and two zeros.
        val before = ByteBuffer.wrap(bytes).getInt(0)
        return if (before in 0..bytes.size - 4) bytes.copyOfRange(4 + before, bytes.size) else null
    }

    fun xmp(): ByteArray? = bytesOf { it.kind == "mime" && it.content == "application/rdf+xml" }

    private fun bytesOf(wanted: (Item) -> Boolean): ByteArray? {
        val id = items.entries.firstOrNull { wanted(it.value) }?.key ?: return null
        val pieces = places(id).ifEmpty { return null }
        if (pieces.sumOf { it.count().toLong() } > Metadata.LARGEST) return null
        return pieces.fold(ByteArray(0)) { all, piece ->
            all + ByteArray(piece.count()).also { file.duplicate().position(piece.first).get(it) }
        }
    }

    private fun boxes(from: Int, to: Int): List<Box> = buildList {
        var at = from
        while (to - at >= 8) {
            var head = 8
            val size = when (val short = number(at, 4)) {
                0L -> (to - at).toLong()
                1L -> number(at + 8, 8).also { head = 16 }
                else -> short
            }
            if (size < head || size > to - at) throw IndexOutOfBoundsException("a box of $size bytes")
            add(Box(text(at + 4, 4), at + head, at + size.toInt()))
            at += size.toInt()
        }
    }

    private fun listed(): Map<Long, Item> {
        val list = meta.firstOrNull { it.kind == "iinf" } ?: return emptyMap()
        val first = list.start + FULL + if (version(list) == 0) 2 else 4 // after their number
        return boxes(first, list.end).filter { it.kind == "infe" && version(it) >= 2 }.associate { entry ->
            val wide = if (version(entry) == 2) 2 else 4
            val kind = entry.start + FULL + wide + 2
            val name = kind + 4
            val content = if (text(kind, 4) == "mime") string(name + string(name).length + 1) else ""
            number(entry.start + FULL, wide) to Item(text(kind, 4), content)
        }
    }

    /** Where the bytes of an item are in the file. */
    private fun places(wanted: Long): List<IntRange> {
        val list = meta.firstOrNull { it.kind == "iloc" } ?: return emptyList()
        val version = version(list)
        var at = list.start + FULL
        fun next(bytes: Int): Long = number(at, bytes).also { at += bytes }
        val sizes = next(2).toInt()
        val (offsetSize, lengthSize, baseSize) = listOf(sizes shr 12, sizes shr 8 and 15, sizes shr 4 and 15)
        val indexSize = if (version == 0) 0 else sizes and 15
        repeat(next(if (version < 2) 2 else 4).toInt()) {
            val id = next(if (version < 2) 2 else 4)
            val method = if (version == 0) 0 else next(2).toInt() and 15
            next(2) // the file it is in: this one
            val base = next(baseSize)
            val pieces = List(next(2).toInt()) {
                next(indexSize)
                piece(method, base + next(offsetSize), next(lengthSize))
            }
            if (id == wanted) return pieces
        }
        return emptyList()
    }

    private fun piece(method: Int, offset: Long, length: Long): IntRange {
        val from = when (method) {
            0 -> offset
            1 -> offset + (meta.firstOrNull { it.kind == "idat" } ?: throw IndexOutOfBoundsException("no idat")).start
            else -> throw IndexOutOfBoundsException("an item made of items")
        }
        if (from < 0 || length < 0 || length > file.limit() - from) throw IndexOutOfBoundsException("$length bytes at $from")
        return from.toInt() until (from + length).toInt()
    }

    private fun version(box: Box) = file.get(box.start).toInt()

    private fun number(at: Int, bytes: Int): Long = when (bytes) {
        0 -> 0
        2 -> file.getShort(at).toLong() and 0xFFFF
        4 -> file.getInt(at).toLong() and 0xFFFFFFFF
        8 -> file.getLong(at)
        else -> throw IndexOutOfBoundsException("a number of $bytes bytes")
    }

    private fun text(at: Int, length: Int) = String(CharArray(length) { (file.get(at + it).toInt() and 0xFF).toChar() })

    /** Up to a zero. */
    private fun string(at: Int): String {
        var end = at
        while (file.get(end) != 0.toByte()) end++
        return text(at, end - at)
    }

    companion object {
        private const val FULL = 4 // bytes of version and flags

        fun isOne(file: ByteBuffer) = file.limit() > 8 && "ftyp".indices.all { file.get(4 + it).toInt() == "ftyp"[it].code }
    }
}
