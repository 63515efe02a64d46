package tf.colorize.app

import android.annotation.SuppressLint
import android.content.Context
import android.content.SharedPreferences

/** How far a batch came, how often the photo that is next was begun, and of how many some metadata was left out. */
data class Progress(val done: Int = 0, val failed: Int = 0, val tries: Int = 0, val lacking: Int = 0) {
    fun next(failed: Boolean, lacks: Boolean = false) =
        Progress(done + 1, this.failed + if (failed) 1 else 0, tries = 1, lacking + if (lacks) 1 else 0)

    /** Where a batch [of] so many goes on after a death of the process; the photo of a second death is taken for its cause. */
    fun again(of: Int): Progress = if (tries < MOST_TRIES || done == of) copy(tries = tries + 1) else next(failed = true)

    private companion object {
        const val MOST_TRIES = 2
    }
}

/** The progress of the batches that have not ended, kept where it outlives the process. Any thread may call. */
@SuppressLint("ApplySharedPref") // what waits to be written dies with the process
class BatchRecords(context: Context) {
    private val kept = context.getSharedPreferences("batches", Context.MODE_PRIVATE)

    val ids: Set<String> get() = kept.all.keys

    @Synchronized fun find(id: String): Progress? = kept.getString(id, null)?.split(' ')?.map(String::toInt)
        ?.let { (done, failed, tries, lacking) -> Progress(done, failed, tries, lacking) }

    @Synchronized fun begin(id: String, progress: Progress) = edit { putString(id, progress.run { "$done $failed $tries $lacking" }) }

    /** Nothing where the batch was forgotten in the meantime. */
    @Synchronized fun advance(id: String, progress: Progress) {
        if (id in ids) begin(id, progress)
    }

    @Synchronized fun forget(ids: Collection<String>) = edit { ids.forEach(::remove) }

    private fun edit(change: SharedPreferences.Editor.() -> Unit) {
        kept.edit().apply(change).commit()
    }
}
