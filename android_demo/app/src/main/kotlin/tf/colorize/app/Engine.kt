package tf.colorize.app

import tf.colorize.core.Opened
import tf.colorize.core.Workers
import java.util.concurrent.Executors
import java.util.concurrent.RejectedExecutionException

/** The one thread that owns the interpreter: opens it, runs it, closes it. Jobs run one after another. */
class Engine(private val models: Models) : AutoCloseable {
    private val thread = Executors.newSingleThreadExecutor { Thread(it, "engine") }

    /** For pixels, which need no interpreter. */
    val workers = Workers(Runtime.getRuntime().availableProcessors().coerceIn(1, MOST_WORKERS))

    /** Told, on the engine's thread, when a model is opened that does not run where it was asked to. */
    @Volatile var fellBack: ((Choice) -> Unit)? = null

    // Of the engine's thread alone.
    private var opened: Opened? = null
    private var choice: Choice? = null

    /** Runs [job] with the colorizer of [wanted], which is opened if need be; it handles its own failures. */
    fun submit(job: (Access) -> Unit) {
        try {
            thread.execute { job(Access { wanted -> opened(wanted) }) }
        } catch (_: RejectedExecutionException) {
            // closed in the meantime: nobody waits for the result any more
        }
    }

    /** How a job gets at the colorizer. */
    fun interface Access {
        fun open(choice: Choice): Opened
    }

    private fun opened(wanted: Choice): Opened {
        opened?.let { if (choice == wanted) return it }
        forget()
        return models.open(wanted).also {
            opened = it
            choice = wanted
            if (it.fellBack) fellBack?.invoke(wanted)
        }
    }

    private fun forget() {
        opened?.colorizer?.close()
        opened = null
        choice = null
    }

    /** Frees the model's memory until the next job. */
    fun release() = submit { forget() }

    /** Lets the last job end, then closes the interpreter. */
    override fun close() {
        release()
        thread.shutdown()
        workers.close()
    }

    private companion object {
        const val MOST_WORKERS = 4
    }
}
