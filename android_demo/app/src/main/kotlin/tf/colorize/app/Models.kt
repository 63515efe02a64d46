package tf.colorize.app

import android.content.Context
import android.net.Uri
import tf.colorize.core.Accelerator
import tf.colorize.core.ModelException
import tf.colorize.core.ModelFile
import tf.colorize.core.NetworkColorizer
import tf.colorize.core.Opened
import tf.colorize.core.ParityMemory
import tf.colorize.core.openChecked
import tf.colorize.tflite.TfliteNetwork
import java.io.File
import java.io.IOException
import java.nio.ByteBuffer

/** The model files there are, and what can run them. */
interface Models {
    /** What the runtime of this build has. */
    val accelerators: List<Accelerator>

    /** File names: the bundled ones first, then those that the user opened. */
    fun names(): List<String>

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

    override fun add(uri: Uri): String {
        val content = try {
            context.contentResolver.openInputStream(uri)?.use { it.readNBytesUpTo(LARGEST) }
        } catch (refused: SecurityException) {
            throw IOException(refused)
        } ?: throw IOException("nothing at $uri")
        val model = ModelFile.read(ByteBuffer.wrap(content))
        if (model.card.kind != "colorize") throw ModelException(ModelException.Reason.NOT_A_COLORIZER, model.card.kind)
        // The checksum in the name: another file of the same name is another model.
        val name = model.card.name.replace(Regex("[^\\w.-]"), "_") + "-" + model.card.sha256.take(8) + SUFFIX
        val part = File(folder, "part")
        part.writeBytes(content)
        if (!part.renameTo(File(folder, name))) throw IOException("cannot rename $part")
        return name
    }

    override fun open(choice: Choice): Opened {
        val name = choice.model.takeIf { it in names() } ?: names().first() // another build may bundle another one
        val own = File(folder, name)
        val stream = if (own.isFile) own.inputStream() else context.assets.open("$ASSETS/$name")
        val model = ModelFile.read(ByteBuffer.wrap(stream.use { it.readBytes() }))
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

    private companion object {
        const val ASSETS = "models"
        const val SUFFIX = ".tflite"
        const val LARGEST = 512 shl 20

        fun java.io.InputStream.readNBytesUpTo(most: Int): ByteArray {
            val out = java.io.ByteArrayOutputStream()
            val piece = ByteArray(1 shl 16)
            while (true) {
                val count = read(piece)
                if (count < 0) return out.toByteArray()
                out.write(piece, 0, count)
                if (out.size() > most) throw IOException("more than $most bytes")
            }
        }
    }
}
