package tf.colorize.app

import android.content.Intent
import android.net.Uri
import android.os.Build
import android.os.Bundle
import android.os.Parcelable
import tf.colorize.core.Hint
import tf.colorize.core.Options
import tf.colorize.core.Palette

private const val NUMBERS = 6 // of a hint; radius -1 for none

/** What is left of the work when the process is killed, beside the photo's file. */
data class Saved(
    val options: Options, val split: Float, val tool: Tool, val colour: Palette, val shown: Opening?, val opening: Opening?,
)

/** Keeps what survives the process. */
fun Bundle.put(state: UiState) {
    putBundle("shown", (state.photo?.let { Opening(it.slot, hints = state.hints) } ?: state.before)?.toBundle())
    putBundle("opening", state.opening?.toBundle())
    putFloat("saturation", state.options.saturation)
    putFloat("vivid", state.options.vivid)
    putFloat("split", state.split)
    putString("tool", state.tool.name)
    putString("colour", state.colour.name)
}

fun Bundle.toSaved(): Saved {
    val usual = UiState()
    return Saved(
        Options(vivid = getFloat("vivid", 0f), saturation = getFloat("saturation", 1f)),
        getFloat("split", usual.split),
        Tool.entries.firstOrNull { it.name == getString("tool") } ?: usual.tool,
        Palette.entries.firstOrNull { it.name == getString("colour") } ?: usual.colour,
        getBundle("shown")?.toOpening(),
        getBundle("opening")?.toOpening(),
    )
}

private fun Opening.toBundle() = Bundle().also {
    it.putString("photo", slot)
    it.putString("uri", uri?.toString())
    it.putFloatArray("hints", hints.flatMap { hint ->
        listOf(hint.x, hint.y, hint.red.toFloat(), hint.green.toFloat(), hint.blue.toFloat(), hint.radius ?: -1f)
    }.toFloatArray())
}

private fun Bundle.toOpening(): Opening? {
    val numbers = getFloatArray("hints") ?: FloatArray(0)
    val hints = List(numbers.size / NUMBERS) {
        val at = it * NUMBERS
        val radius = numbers[at + 5].takeIf { value -> value > 0 }
        Hint(numbers[at], numbers[at + 1], numbers[at + 2].toInt(), numbers[at + 3].toInt(), numbers[at + 4].toInt(), radius)
    }
    return getString("photo")?.let { Opening(it, getString("uri")?.let(Uri::parse), hints) }
}

/** The files that another app shares. */
fun Intent.streams(): List<Uri> = when (action) {
    Intent.ACTION_SEND -> listOfNotNull(extra(Intent.EXTRA_STREAM))
    Intent.ACTION_SEND_MULTIPLE -> extras(Intent.EXTRA_STREAM).filterIsInstance<Uri>() // whoever shares may send anything
    else -> emptyList()
}

@Suppress("DEPRECATION") // the typed ones are of API 33
private fun Intent.extra(name: String): Uri? = if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.TIRAMISU) {
    getParcelableExtra(name, Uri::class.java)
} else {
    getParcelableExtra<Parcelable>(name) as? Uri
}

@Suppress("DEPRECATION")
private fun Intent.extras(name: String): List<Parcelable> = if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.TIRAMISU) {
    getParcelableArrayListExtra(name, Uri::class.java)
} else {
    getParcelableArrayListExtra<Parcelable>(name)
}.orEmpty()
