package tf.colorize.app

import android.graphics.ImageDecoder
import android.system.ErrnoException
import android.system.OsConstants
import tf.colorize.core.ModelException
import tf.colorize.core.ModelException.Reason
import java.io.IOException
import java.util.concurrent.CancellationException

/** Does [work]; what goes wrong goes to [failed]: photos and models are large, and come from anywhere. */
inline fun guarded(failed: (Throwable) -> Unit, work: () -> Unit) = try {
    work()
} catch (_: CancellationException) {
    // whoever cancelled has said so
} catch (failure: Exception) {
    failed(failure)
} catch (failure: OutOfMemoryError) {
    failed(failure)
} catch (failure: LinkageError) { // a library that this device has not
    failed(failure)
}

/** What went wrong, as one line that says what to do; [photo] if it was a photo's file that was to be read. */
fun noticeOf(failure: Throwable, photo: Boolean): Notice = when (failure) {
    is OutOfMemoryError -> Notice(R.string.too_large, problem = true)
    is ImageDecoder.DecodeException -> Notice(R.string.unreadable, problem = true)
    is ModelException -> Notice(textOf(failure.reason), listOf(failure.detail), problem = true)
    is IOException -> when {
        noSpace(failure) -> Notice(R.string.no_space, problem = true)
        photo -> Notice(R.string.unreadable, problem = true)
        else -> unnamed(failure)
    }
    else -> unnamed(failure)
}

private fun unnamed(failure: Throwable) =
    Notice(R.string.failed, listOf(failure.message ?: failure.javaClass.simpleName), problem = true)

private fun textOf(reason: Reason): Int = when (reason) {
    Reason.NOT_A_MODEL, Reason.NO_CARD -> R.string.not_a_model
    Reason.NEWER_CONTRACT -> R.string.newer_model
    Reason.DAMAGED, Reason.BAD_CARD -> R.string.damaged_model
    Reason.NOT_A_COLORIZER -> R.string.not_a_colorizer
    Reason.CANNOT_RUN, Reason.NONSENSE -> R.string.model_failed
}

private fun noSpace(failure: Throwable): Boolean = generateSequence(failure) { it.cause }.any {
    (it is ErrnoException && it.errno == OsConstants.ENOSPC) || "ENOSPC" in it.message.orEmpty() ||
        "No space left" in it.message.orEmpty()
}
