package tf.colorize.core

/** The text is not JSON. */
class MalformedJson(message: String) : IllegalArgumentException(message)

/**
 * JSON -> Map, List, String, Long, Double, Boolean or null; strict, and of bounded depth, as cards come from anywhere.
 *
 * A number is whole (Long) if it is written so: `256`, not `256.0`. One that no Long holds is a Double.
 */
fun parseJson(text: String): Any? = JsonReader(text).whole()

private class JsonReader(private val text: String) {
    private var at = 0
    private var depth = 0

    fun whole(): Any? {
        val value = value()
        space()
        if (at != text.length) fail("the end")
        return value
    }

    private fun value(): Any? {
        space()
        return when (peek()) {
            '{' -> nested { objectOf() }
            '[' -> nested { listOf() }
            '"' -> string()
            't' -> word("true", true)
            'f' -> word("false", false)
            'n' -> word("null", null)
            else -> number()
        }
    }

    private fun <T> nested(read: () -> T): T {
        if (++depth > DEEPEST) fail("at most $DEEPEST levels")
        at++
        return read().also { depth-- }
    }

    private fun objectOf(): Map<String, Any?> {
        val out = LinkedHashMap<String, Any?>()
        if (closes('}')) return out
        do {
            space()
            if (peek() != '"') fail("a name")
            val name = string()
            space()
            if (next() != ':') fail("a colon")
            out[name] = value()
        } while (goesOn('}'))
        return out
    }

    private fun listOf(): List<Any?> {
        val out = ArrayList<Any?>()
        if (closes(']')) return out
        do out.add(value()) while (goesOn(']'))
        return out
    }

    private fun closes(end: Char): Boolean {
        space()
        if (peek() != end) return false
        at++
        return true
    }

    private fun goesOn(end: Char): Boolean {
        space()
        return when (next()) {
            ',' -> true
            end -> false
            else -> fail("a comma or $end")
        }
    }

    private fun string(): String {
        at++
        val out = StringBuilder()
        while (true) {
            when (val c = next()) {
                '"' -> return out.toString()
                '\\' -> out.append(escaped())
                else -> if (c < ' ') fail("no control character") else out.append(c)
            }
        }
    }

    private fun escaped(): Char = when (val c = next()) {
        '"', '\\', '/' -> c
        'b' -> '\b'
        'f' -> '\u000C'
        'n' -> '\n'
        'r' -> '\r'
        't' -> '\t'
        'u' -> (1..4).fold(0) { sum, _ -> sum * 16 + (Character.digit(next(), 16).takeIf { it >= 0 } ?: fail("a digit")) }
            .toChar()
        else -> fail("an escape")
    }

    private fun number(): Number {
        val start = at
        while (at < text.length && text[at] in "+-.0123456789eE") at++
        val found = text.substring(start, at)
        if (!NUMBER.matches(found)) fail("a value")
        return found.toLongOrNull() ?: found.toDouble()
    }

    private fun <T> word(word: String, value: T): T {
        if (!text.startsWith(word, at)) fail(word)
        at += word.length
        return value
    }

    private fun space() {
        while (at < text.length && text[at] in " \t\r\n") at++
    }

    private fun peek(): Char = if (at < text.length) text[at] else fail("more")

    private fun next(): Char = peek().also { at++ }

    private fun fail(expected: String): Nothing = throw MalformedJson("expected $expected at $at")

    private companion object {
        const val DEEPEST = 64
        val NUMBER = Regex("-?(0|[1-9]\\d*)(\\.\\d+)?([eE][+-]?\\d+)?")
    }
}
