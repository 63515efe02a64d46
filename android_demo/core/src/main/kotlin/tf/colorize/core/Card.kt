package tf.colorize.core

import kotlin.math.max
import tf.colorize.core.ModelException.Reason

/** Of the network's input, where the file has a fixed one. */
data class Size(val height: Int, val width: Int)

/** What a host must know to run a model file, and a person before using it; the schema is in docs/model-format.md. */
data class Card(
    val name: String,
    val recipe: String, // of export: float32, float16, static_wi8_ai8 …
    val size: Size?, // null: any multiple of `multiple`
    val abScale: Int, // input size ÷ size of the ab that come out
    val version: String = "1",
    val kind: String = "colorize",
    val fit: String = "pad", // how a photo of another shape gets in: pad (dynamic files), squash, letterbox
    val multiple: Int = 32,
    val shortSide: Int = 256,
    val hints: Boolean = false,
    val vivid: Boolean = false,
    val licence: String = "",
    val sha256: String = "",
) {
    init {
        check("kind", kind in setOf("colorize", "translate"), kind)
        check("fit", fit in setOf("pad", "squash", "letterbox"), fit)
        check("height, width, fit", (size == null) == (fit == "pad"), "$size, $fit")
        val numbers = mapOf("ab_scale" to abScale, "multiple" to multiple, "short_side" to shortSide) +
            (size?.let { mapOf("height" to it.height, "width" to it.width) } ?: emptyMap())
        for ((key, value) in numbers) check(key, value in 1..LARGEST, value)
        // A network's memory grows with what a file for any size is given.
        if (size == null) check("short_side, multiple", max(shortSide, multiple) <= MOST_SIDE, "$shortSide, $multiple")
        val divides = size?.let { it.height % abScale == 0 && it.width % abScale == 0 } ?: (multiple % abScale == 0)
        check("ab_scale", divides, abScale)
    }

    private fun check(key: String, holds: Boolean, value: Any) {
        if (!holds) throw ModelException(Reason.BAD_CARD, "$key: $value")
    }

    companion object {
        const val CONTRACT = 1
        private const val LARGEST = 8192
        private const val MOST_SIDE = 1024

        /** JSON -> card; keys that this version does not know are ignored. */
        fun parse(text: String): Card {
            val values = try {
                parseJson(text) as? Map<*, *>
            } catch (error: MalformedJson) {
                throw ModelException(Reason.BAD_CARD, error.message ?: "")
            } ?: throw ModelException(Reason.BAD_CARD, "no object")
            val read = Values(values)
            val contract = read.long("contract")
            if (contract < 1) throw ModelException(Reason.BAD_CARD, "contract: $contract")
            if (contract > CONTRACT) throw ModelException(Reason.NEWER_CONTRACT, "$contract")
            read.rest()
            val height = read.optionalInt("height")
            val width = read.optionalInt("width")
            if ((height == null) != (width == null)) throw ModelException(Reason.BAD_CARD, "height, width: $height, $width")
            return Card(
                name = read.string("name", null),
                recipe = read.string("recipe", null),
                size = if (height != null && width != null) Size(height, width) else null,
                abScale = read.int("ab_scale", null),
                version = read.string("version", "1"),
                kind = read.string("kind", "colorize"),
                fit = read.string("fit", "pad"),
                multiple = read.int("multiple", 32),
                shortSide = read.int("short_side", 256),
                hints = read.boolean("hints"),
                vivid = read.boolean("vivid"),
                licence = read.string("licence", ""),
                sha256 = read.string("sha256", null),
            )
        }
    }

    /** Values of the right kind, or an exception that names the key; no default: the key must be there. */
    private class Values(private val values: Map<*, *>) {
        fun string(key: String, default: String?): String = of(key, default, values[key] as? String)

        fun long(key: String): Long = of(key, null, values[key] as? Long)

        fun int(key: String, default: Int?): Int = of(key, default, whole(key))

        fun boolean(key: String): Boolean = of(key, false, values[key] as? Boolean)

        fun optionalInt(key: String): Int? = when {
            key !in values -> throw ModelException(Reason.BAD_CARD, "$key: missing")
            values[key] == null -> null
            else -> of(key, null, whole(key))
        }

        /** What an app has no use for must be of its kind all the same. */
        fun rest() {
            of("training_data", "", values["training_data"] as? String)
            if (values["twin"] != null) of("twin", null, values["twin"] as? String)
            for (key in listOf("metrics", "verification")) of(key, emptyMap<String, Any?>(), values[key] as? Map<*, *>)
            of("runtimes", emptyList<Any?>(), values["runtimes"] as? List<*>)
        }

        private fun whole(key: String) = (values[key] as? Long)?.takeIf { it == it.toInt().toLong() }?.toInt()

        private fun <T : Any> of(key: String, default: T?, found: T?): T =
            found ?: default?.takeIf { key !in values } ?: throw ModelException(Reason.BAD_CARD, "$key: ${values[key]}")
    }
}
