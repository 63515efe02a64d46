package tf.colorize.core

import java.util.concurrent.CancellationException
import java.util.concurrent.ExecutionException
import java.util.concurrent.Executors
import java.util.concurrent.atomic.AtomicInteger

/** Told of progress between pieces of work; answers whether to go on. */
fun interface Watch {
    /** [share] 0..1 of this step is done; false cancels it, which ends in a [CancellationException]. */
    fun goOn(share: Float): Boolean

    companion object {
        val NONE = Watch { true }
    }
}

/** As many threads as the caller wants for pixels; the network has its own. */
class Workers(val threads: Int) : AutoCloseable {
    private val pool = if (threads > 1) {
        Executors.newFixedThreadPool(threads) { Thread(it, "pixels").apply { isDaemon = true } }
    } else {
        null
    }
    private val rooms = ThreadLocal<IntArray>()

    /** Room of at least [size] that this thread had before, or a larger one. */
    fun room(size: Int): IntArray {
        val kept = rooms.get()
        if (kept != null && kept.size >= size) return kept
        return IntArray(size).also(rooms::set)
    }

    /** [work] for 0 until [count], in any order; ends when all is done. */
    fun each(count: Int, watch: Watch = Watch.NONE, work: (Int) -> Unit) {
        val next = AtomicInteger()
        val done = AtomicInteger()
        val body = {
            var item = next.getAndIncrement()
            while (item < count) {
                if (!watch.goOn(done.get().toFloat() / count)) {
                    next.set(count)
                    throw CancellationException()
                }
                work(item)
                done.incrementAndGet()
                item = next.getAndIncrement()
            }
        }
        if (pool == null || count < 2) return body()
        val tasks = List(minOf(threads, count)) { pool.submit(body) }
        var failure: Throwable? = null
        for (task in tasks) {
            try {
                task.get()
            } catch (error: ExecutionException) {
                next.set(count)
                failure = failure ?: error.cause
            }
        }
        failure?.let { throw it }
    }

    override fun close() {
        pool?.shutdownNow()
    }

    companion object {
        /** The calling thread alone. */
        val ONE = Workers(1)
    }
}
