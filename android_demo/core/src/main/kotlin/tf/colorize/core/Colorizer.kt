package tf.colorize.core

import kotlin.math.ceil
import kotlin.math.hypot

/** How to colorize; the defaults suit photographs and scans alike. */
data class Options(
    val vivid: Float = 0f, // 0..1, acts inside the network, if its card says so
    val saturation: Float = 1f, // multiplies the chroma that the network gave
    val chromaCap: Float = 80f, // Lab units; where the 99 % point of chroma exceeds it, all of it is scaled to that
    val levels: Boolean = true, // stretch the luma that the network sees; the photo's own is never touched
    val edges: Boolean = true, // stop colour at edges of luma while enlarging; false is faster
) {
    init {
        require(vivid in 0f..1f && saturation in 0f..10f && chromaCap in 1f..200f) { toString() }
    }
}

/** What gives photographs colour: a network with everything around it, or a fake in a test. Used by one thread. */
interface Colorizer : AutoCloseable {
    val card: Card

    /** The colours of a photo, before saturation and cap, as the network gave them. */
    fun chroma(small: Small, hints: List<Hint>, vivid: Float, levels: Boolean): Chroma
}

/** Colours [photo] in place: the whole way from pixels to pixels. */
fun Colorizer.colorize(
    photo: Raster,
    hints: List<Hint> = emptyList(),
    options: Options = Options(),
    workers: Workers = Workers.ONE,
    watch: Watch = Watch.NONE,
) {
    val small = Small.of(photo, workers, watch)
    val chroma = chroma(small, hints, options.vivid, options.levels).finished(options)
    fuse(photo, chroma, small, options.edges, workers, watch)
}

/** The same colours × saturation, the strongest of them no stronger than the cap. */
fun Chroma.finished(options: Options): Chroma {
    val rows = ceil(coversHeight).toInt()
    val columns = ceil(coversWidth).toInt()
    val seen = FloatArray(rows * columns) {
        val at = 2 * (it / columns * width + it % columns)
        hypot(ab[at], ab[at + 1])
    }
    seen.sort()
    val strong = seen[(0.99 * (seen.size - 1)).toInt()]
    val scale = if (strong * options.saturation > options.chromaCap) options.chromaCap / strong else options.saturation
    return Chroma(
        height, width, FloatArray(ab.size) { (ab[it] * scale).coerceIn(-AB_LIMIT, AB_LIMIT) }, coversHeight, coversWidth,
    )
}

private const val AB_LIMIT = 128f // no colour of sRGB is further out

/** Runs a model file. Inputs and output are by rows, one photo at a time. */
interface Network : AutoCloseable {
    val card: Card

    /** luma [height, width] (CIE L) and, if the card says so, hints [height, width, 3] and vivid -> ab [h, w, 2]. */
    fun run(height: Int, width: Int, luma: FloatArray, hints: FloatArray?, vivid: Float): Answer

    class Answer(val height: Int, val width: Int, val ab: FloatArray)
}

/** Prepares the photo, asks the network, and checks its answer. */
class NetworkColorizer(private val network: Network) : Colorizer {
    override val card: Card get() = network.card

    init {
        if (card.kind != "colorize") throw ModelException(ModelException.Reason.NOT_A_COLORIZER, card.kind)
    }

    override fun chroma(small: Small, hints: List<Hint>, vivid: Float, levels: Boolean): Chroma {
        require(hints.isEmpty() || card.hints) { "${card.name} takes no hints" }
        val prepared = prepare(small, card, levels)
        val painted = if (card.hints) paintHints(hints, small.height, small.width, prepared) else null
        val answer = network.run(prepared.height, prepared.width, prepared.luma, painted, if (card.vivid) vivid else 0f)
        val scale = card.abScale
        if (answer.height != prepared.height / scale || answer.width != prepared.width / scale) {
            val found = "${answer.height} × ${answer.width} ab for ${prepared.height} × ${prepared.width}"
            throw ModelException(ModelException.Reason.NONSENSE, found)
        }
        if (answer.ab.any { !it.isFinite() }) throw ModelException(ModelException.Reason.NONSENSE, "no finite numbers")
        return Chroma(
            answer.height, answer.width, answer.ab,
            prepared.coversHeight.toDouble() / scale, prepared.coversWidth.toDouble() / scale,
        )
    }

    override fun close() = network.close()
}
