package tf.colorize.app

import android.annotation.SuppressLint
import android.content.Context
import android.content.SharedPreferences

/**
 * How far a batch came, how often the photo that is next was begun, of how many some metadata was left out, and a line
 * for each that failed.
 */
data class Progress(val done: Int = 0, val tries: Int = 0, val lacking: Int = 0, val problems: List<String> = emptyList()) {
    fun saved(lacks: Boolean) = copy(done = done + 1, tries = 1, lacking = lacking + if (lacks) 1 else 0)

    fun failed(problem: String) = copy(done = done + 1, tries = 1, problems = problems + problem.lines().joinToString(" "))

    /** Where a batch goes on after a death of the process, if not at its end; a photo's second death is taken for [lost]. */
    fun again(of: Int, lost: Progress.() -> String): Progress =
        if (tries < MOST_TRIES || done == of) copy(tries = tries + 1) else failed(lost())

    override fun toString() = (listOf("$done $tries $lacking") + problems).joinToString("\n")

    companion object {
        private const val MOST_TRIES = 2

        fun of(text: String): Progress {
            val lines = text.lines()
            val (done, tries, lacking) = lines.first().split(' ').map(String::toInt)
            return Progress(done, tries, lacking, lines.drop(1))
        }
    }
}

/** The progress of the batches that have not ended, kept where it outlives the process. Any thread may call. */
@SuppressLint("ApplySharedPref") // what waits to be written dies with the process
class BatchRecords(context: Context) {
    private val kept = context.getSharedPreferences("batches", Context.MODE_PRIVATE)

    val ids: Set<String> get() = kept.all.keys

    @Synchronized fun find(id: String): Progress? = kept.getString(id, null)?.let(Progress::of)

    @Synchronized fun begin(id: String, progress: Progress) = edit { putString(id, "$progress") }

    /** Nothing where the batch was forgotten in the meantime. */
    @Synchronized fun advance(id: String, progress: Progress) {
        if (id in ids) begin(id, progress)
    }

    @Synchronized fun forget(ids: Collection<String>) = edit { ids.forEach(::remove) }

    private fun edit(change: SharedPreferences.Editor.() -> Unit) {
        kept.edit().apply(change).commit()
    }
}
