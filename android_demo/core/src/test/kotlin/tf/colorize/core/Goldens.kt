package tf.colorize.core

import tf.colorize.tflite.TfliteNetwork
import java.io.File
import java.nio.ByteBuffer
import javax.imageio.ImageIO

/** The files that Python reads too: tests/golden of the repository. */
object Goldens {
    val repository = File(System.getProperty("repository") ?: "../..")
    private val folder = File(repository, "tests/golden")

    fun json(name: String) = parseJson(File(folder, name).readText())!!

    fun pixels(name: String): Pixels = pixels(File(folder, name))

    fun pixels(file: File): Pixels {
        val image = ImageIO.read(file)
        val out = Pixels(image.width, image.height)
        // Gray files by their codes: ImageIO's conversion would apply another curve.
        val gray = image.raster.numBands == 1
        for (y in 0 until image.height) {
            for (x in 0 until image.width) {
                out.argb[y * image.width + x] =
                    if (gray) OPAQUE or image.raster.getSample(x, y, 0) * 0x010101 else image.getRGB(x, y)
            }
        }
        return out
    }

    fun model(file: File): ModelFile = ModelFile.read(ByteBuffer.wrap(file.readBytes()))

    fun model(name: String): ModelFile = model(File(folder, "models/$name.tflite"))

    /** The models that come with the package; none in a checkout in which none was trained yet. */
    fun bundled(): List<File> =
        File(repository, "colorize_tf/edge").listFiles { file -> file.name.endsWith(".tflite") }.orEmpty().sorted()

    fun colorizer(model: ModelFile, accelerated: Boolean = true): Colorizer =
        NetworkColorizer(TfliteNetwork(model, 1, accelerated))

    fun hints(values: Any?): List<Hint> = values.list().map { value ->
        val hint = value.map()
        val (red, green, blue) = hint["colour"].list().map { it.int() }
        Hint(hint["x"].float(), hint["y"].float(), red, green, blue, (hint["radius"] as Double?)?.toFloat())
    }
}

fun Any?.map(): Map<*, *> = this as Map<*, *>

fun Any?.list(): List<*> = this as List<*>

fun Any?.int(): Int = (this as Double).toInt()

fun Any?.float(): Float = (this as Double).toFloat()

/** Nested lists of numbers, in their order. */
fun Any?.numbers(): FloatArray {
    val out = ArrayList<Float>()
    fun add(value: Any?) {
        if (value is List<*>) value.forEach(::add) else out.add(value.float())
    }
    add(this)
    return out.toFloatArray()
}
