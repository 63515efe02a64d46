package tf.colorize.app

import tf.colorize.core.Opened
import tf.colorize.core.Workers
import java.util.concurrent.PriorityBlockingQueue
import java.util.concurrent.RejectedExecutionException
import java.util.concurrent.ThreadPoolExecutor
import java.util.concurrent.TimeUnit
import java.util.concurrent.atomic.AtomicLong

/**
 * The one thread that owns the interpreter: opens it, runs it, closes it. Jobs run one after another, and what can wait
 * gives way to what the screen asks for.
 */
class Engine(private val models: Models) : AutoCloseable {
    private val thread = ThreadPoolExecutor(1, 1, 0, TimeUnit.SECONDS, PriorityBlockingQueue()) { Thread(it, "engine") }
    private val asked = AtomicLong()

    /** For pixels, which need no interpreter. */
    val workers = Workers(Runtime.getRuntime().availableProcessors().coerceIn(1, MOST_WORKERS))

    /** Told, on the engine's thread, when a model is opened that does not run where it was asked to. */
    @Volatile var fellBack: ((Choice) -> Unit)? = null

    // Of the engine's thread alone.
    private var opened: Opened? = null
    private var choice: Choice? = null

    /** Runs [job] with the colorizer of [wanted], which is opened if need be; it handles its own failures. */
    fun submit(job: (Access) -> Unit) = submit(canWait = false, job)

    /** The same, as soon as nothing else is to be done. */
    fun submitLater(job: (Access) -> Unit) = submit(canWait = true, job)

    private fun submit(canWait: Boolean, job: (Access) -> Unit) {
        try {
            thread.execute(Job(canWait, asked.getAndIncrement()) { job(Access { wanted -> opened(wanted) }) })
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

    /** Frees the model's memory until the next job, when all that is to be done now is done. */
    fun release() = submitLater { forget() }

    /** Lets the last job end, then closes the interpreter. */
    override fun close() {
        release()
        thread.shutdown()
        workers.close()
    }

    private class Job(val canWait: Boolean, val number: Long, work: Runnable) : Runnable by work, Comparable<Job> {
        override fun compareTo(other: Job) = compareValuesBy(this, other, Job::canWait, Job::number)
    }

    private companion object {
        const val MOST_WORKERS = 4
    }
}
