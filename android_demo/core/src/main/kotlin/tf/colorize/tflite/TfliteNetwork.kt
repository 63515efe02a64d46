package tf.colorize.tflite

import org.bytedeco.javacpp.BytePointer
import org.bytedeco.javacpp.FloatPointer
import org.bytedeco.javacpp.Pointer
import org.bytedeco.tensorflowlite.BuiltinOpResolver
import org.bytedeco.tensorflowlite.BuiltinOpResolverWithoutDefaultDelegates
import org.bytedeco.tensorflowlite.FlatBufferModel
import org.bytedeco.tensorflowlite.Interpreter
import org.bytedeco.tensorflowlite.InterpreterBuilder
import org.bytedeco.tensorflowlite.TfLiteTensor
import org.bytedeco.tensorflowlite.global.tensorflowlite.TfLiteVersion
import org.bytedeco.tensorflowlite.global.tensorflowlite.kTfLiteFloat32
import org.bytedeco.tensorflowlite.global.tensorflowlite.kTfLiteOk
import tf.colorize.core.Card
import tf.colorize.core.ModelException
import tf.colorize.core.ModelException.Reason
import tf.colorize.core.ModelFile
import tf.colorize.core.Network

/** A model file in TensorFlow Lite's interpreter. Belongs to the thread that made it, which also closes it. */
class TfliteNetwork(model: ModelFile, threads: Int, accelerated: Boolean) : Network {
    override val card: Card = model.card
    private val owned = ArrayList<Pointer>() // freed in reverse order
    private val interpreter: Interpreter
    private val inputs: Map<String, Int>
    private var shape: Pair<Int, Int>? = null

    init {
        try {
            val bytes = BytePointer(model.content.limit().toLong()).own()
            model.content.duplicate().also { it.rewind() }.let { bytes.asByteBuffer().put(it) }
            val parsed = FlatBufferModel.VerifyAndBuildFromBuffer(bytes, bytes.capacity())?.own() ?: refuse("damaged")
            // XNNPACK is what TFLite calls its default delegate: optimised kernels for most of the network.
            val kernels = (if (accelerated) BuiltinOpResolver() else BuiltinOpResolverWithoutDefaultDelegates()).own()
            val builder = InterpreterBuilder(parsed, kernels).own()
            interpreter = Interpreter(null as Pointer?)
            val status = builder.apply(interpreter, threads)
            if (interpreter.isNull) refuse("status $status")
            interpreter.own()
            inputs = (0 until interpreter.inputs().limit().toInt()).associateBy { plain(interpreter.GetInputName(it).string) }
            check()
        } catch (error: Throwable) {
            close()
            throw error
        }
    }

    override fun run(height: Int, width: Int, luma: FloatArray, hints: FloatArray?, vivid: Float): Network.Answer {
        allocate(height, width)
        put("luma", luma)
        if (card.hints) put("hints", hints ?: FloatArray(height * width * 3))
        if (card.vivid) put("vivid", floatArrayOf(vivid))
        if (interpreter.Invoke() != kTfLiteOk) refuse("the network failed")
        val output = interpreter.output_tensor(0)
        val dims = dims(output)
        if (dims.size != 4 || dims[0] != 1 || dims[3] != 2) refuse("it gives $dims")
        val ab = FloatArray(dims[1] * dims[2] * 2)
        interpreter.typed_output_tensor_float(0).get(ab)
        return Network.Answer(dims[1], dims[2], ab)
    }

    private fun allocate(height: Int, width: Int) {
        if (shape == height to width) return
        shape = null
        resize("luma", 1, height, width, 1)
        if (card.hints) resize("hints", 1, height, width, 3)
        if (interpreter.AllocateTensors() != kTfLiteOk) refuse("no room for $height × $width")
        shape = height to width
    }

    private fun resize(name: String, vararg dims: Int) {
        if (interpreter.ResizeInputTensor(interpreter.inputs().get(inputs.getValue(name).toLong()), dims) != kTfLiteOk) {
            refuse("$name cannot be ${dims.toList()}")
        }
    }

    private fun put(name: String, values: FloatArray) {
        val room: FloatPointer = interpreter.typed_input_tensor_float(inputs.getValue(name))
        room.put(values, 0, values.size)
    }

    /** Complains where the file differs from its card. */
    private fun check() {
        val size = card.size?.let { listOf(it.height, it.width) } ?: listOf(-1, -1)
        val wanted = buildMap {
            put("luma", listOf(1) + size + 1)
            if (card.hints) put("hints", listOf(1) + size + 3)
            if (card.vivid) put("vivid", listOf(1))
        }
        if (inputs.keys != wanted.keys || interpreter.outputs().limit() != 1L) refuse("its inputs are ${inputs.keys}")
        for ((name, shape) in wanted) {
            val tensor = interpreter.input_tensor(inputs.getValue(name).toLong())
            val found = dims(tensor, signature = true)
            if (tensor.type() != kTfLiteFloat32 || (listOf(1) + found.drop(1)) != shape) refuse("$name is $found")
        }
    }

    private fun dims(tensor: TfLiteTensor, signature: Boolean = false): List<Int> {
        // Tensors without an open dimension have no signature, or an empty one.
        val signed = tensor.dims_signature().takeIf { signature && it != null && !it.isNull && it.size() > 0 }
        val dims = signed ?: tensor.dims()
        return List(dims.size()) { dims.data(it) }
    }

    private fun refuse(detail: String): Nothing = throw ModelException(Reason.CANNOT_RUN, "${card.name}: $detail")

    private fun <T : Pointer> T.own(): T = also(owned::add)

    override fun close() {
        owned.asReversed().forEach(Pointer::close)
        owned.clear()
    }

    companion object {
        init {
            // Everything here is closed by its owner; JavaCPP need neither count the process's memory nor collect.
            System.setProperty("org.bytedeco.javacpp.maxPhysicalBytes", "0")
            System.setProperty("org.bytedeco.javacpp.nopointergc", "true")
        }

        /** Of TensorFlow Lite. */
        val version: String get() = TfLiteVersion().string

        /** `serving_default_luma:0` -> `luma`. */
        private fun plain(name: String) =
            name.substringAfterLast('/').substringBefore(':').removePrefix("serving_default_")
    }
}
