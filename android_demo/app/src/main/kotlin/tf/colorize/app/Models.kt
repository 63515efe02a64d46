package tf.colorize.app

import android.content.Context
import android.net.Uri
import tf.colorize.core.Accelerator
import tf.colorize.core.Card
import tf.colorize.core.ModelException
import tf.colorize.core.ModelFile
import tf.colorize.core.NetworkColorizer
import tf.colorize.core.Opened
import tf.colorize.core.ParityMemory
import tf.colorize.core.openChecked
import tf.colorize.tflite.TfliteNetwork
import java.io.File
import java.io.IOException
import java.io.InputStream
import java.io.OutputStream
import java.nio.ByteBuffer

/** The model files there are, and what can run them. */
interface Models {
    /** What the runtime of this build has. */
    val accelerators: List<Accelerator>

    /** File names: the bundled ones first, then those that the user opened. */
    fun names(): List<String>

    /** Whether [uri] names a TFLite file, of our contract or not. */
    fun isOne(uri: Uri): Boolean

    /** Takes in a model file; it must be one of our contract. Returns its name. */
    fun add(uri: Uri): String

    /** To be used, and closed, by the calling thread. */
    fun open(choice: Choice): Opened
}

class StoredModels(private val context: Context) : Models {
    private val folder: File get() = File(context.filesDir, "models").apply { mkdirs() }

    // What GPU and NNAPI need is not in this build of TensorFlow Lite; see README.md.
    override val accelerators = listOf(Accelerator.XNNPACK, Accelerator.CPU)

    override fun names(): List<String> {
        val bundled = context.assets.list(ASSETS)?.filter { it.endsWith(SUFFIX) }.orEmpty().sorted()
        val own = folder.list()?.filter { it.endsWith(SUFFIX) && it !in bundled }.orEmpty().sorted()
        return bundled + own
    }

    override fun isOne(uri: Uri): Boolean = stream(uri).use { from ->
        ModelFile.isHead(generateSequence { from.read().takeIf { it >= 0 } }.take(ModelFile.HEAD).map(Int::toByte).toList().toByteArray())
    }

    override fun add(uri: Uri): String {
        val part = File(folder, "part") // by way of a file: an exported U-Net is larger than what the heap has room for
        try {
            stream(uri).use { from -> part.outputStream().use { from.copyUpTo(LARGEST, it) } }
            val model = ModelFile.read(part.mapped())
            if (model.card.kind != "colorize") throw ModelException(ModelException.Reason.NOT_A_COLORIZER, model.card.kind)
            val name = fileName(model.card)
            if (!part.renameTo(File(folder, name))) throw IOException("cannot rename $part")
            return name
        } finally {
            part.delete()
        }
    }

    private fun stream(uri: Uri): InputStream = try {
        context.contentResolver.openInputStream(uri)
    } catch (refused: SecurityException) {
        throw IOException(refused)
    } ?: throw IOException("nothing at $uri")

    override fun open(choice: Choice): Opened {
        val name = choice.model.takeIf { it in names() } ?: names().first() // another build may bundle another one
        val own = File(folder, name)
        val content = if (own.isFile) own.mapped() else ByteBuffer.wrap(context.assets.open("$ASSETS/$name").use { it.readBytes() })
        val model = ModelFile.read(content)
        val wanted = choice.accelerator.takeIf { it in accelerators } ?: Accelerator.CPU
        val key = "${model.card.sha256}/${TfliteNetwork.version}"
        return openChecked(wanted, key, Remembered(context)) {
            NetworkColorizer(TfliteNetwork(model, choice.threads, accelerated = it == Accelerator.XNNPACK))
        }
    }

    private class Remembered(context: Context) : ParityMemory {
        private val kept = context.getSharedPreferences("parity", Context.MODE_PRIVATE)

        override fun known(key: String): Boolean? = if (kept.contains(key)) kept.getBoolean(key, false) else null

        override fun keep(key: String, holds: Boolean) = kept.edit().putBoolean(key, holds).apply()
    }

    companion object {
        private const val ASSETS = "models"
        private const val SUFFIX = ".tflite"
        private const val LARGEST = 512 shl 20
        private const val LONGEST = 60 // letters of any script: with what follows they are to fit into 255 bytes

        /** With the checksum in it: another file of the same name is another model. */
        fun fileName(card: Card): String =
            card.name.replace(Regex("[^\\w.-]"), "_").take(LONGEST) + "-" + card.sha256.take(8) + SUFFIX

        private fun InputStream.copyUpTo(most: Int, out: OutputStream) {
            val piece = ByteArray(1 shl 16)
            var sum = 0
            while (true) {
                val count = read(piece)
                if (count < 0) return
                sum += count
                if (sum > most) throw IOException("more than $most bytes")
                out.write(piece, 0, count)
            }
        }
    }
}
