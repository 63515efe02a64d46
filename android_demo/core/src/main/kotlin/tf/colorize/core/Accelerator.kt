package tf.colorize.core

/** What runs a network. Which of them there are is the runtime's to say. */
enum class Accelerator { CPU, XNNPACK, NNAPI, GPU }

/** A colorizer that runs where it may: on [accelerator], which is not always where it was wanted. */
class Opened(val colorizer: Colorizer, val accelerator: Accelerator, val fellBack: Boolean)

/** What earlier checks found, by a key for model, runtime and accelerator; null where there was none. */
interface ParityMemory {
    fun known(key: String): Boolean?

    fun keep(key: String, holds: Boolean)
}

/** Opens on the [wanted] accelerator if it colours the built-in picture as the processor does, else on the processor. */
fun openChecked(wanted: Accelerator, key: String, memory: ParityMemory, open: (Accelerator) -> Colorizer): Opened {
    if (wanted == Accelerator.CPU) return Opened(open(Accelerator.CPU), Accelerator.CPU, false)
    val known = memory.known("$key/$wanted")
    val candidate = if (known == false) null else attempt { open(wanted) }
    if (candidate != null && known == true) return Opened(candidate, wanted, false)
    val reference = try {
        open(Accelerator.CPU)
    } catch (failure: Throwable) {
        candidate?.close()
        throw failure
    }
    val holds = try {
        candidate != null && attempt { Parity.holds(candidate, reference) } == true
    } catch (failure: Throwable) { // of memory, say
        candidate?.close()
        reference.close()
        throw failure
    }
    // A model that cannot even be opened today may be opened tomorrow, so only a comparison is remembered.
    if (candidate != null) memory.keep("$key/$wanted", holds)
    if (candidate != null && holds) {
        reference.close()
        return Opened(candidate, wanted, false)
    }
    candidate?.close()
    return Opened(reference, Accelerator.CPU, true)
}

private fun <T> attempt(work: () -> T): T? = try {
    work()
} catch (_: ModelException) {
    null
} catch (_: RuntimeException) { // as what a library throws reaches Java
    null
} catch (_: LinkageError) { // a library that this device has not
    null
}
