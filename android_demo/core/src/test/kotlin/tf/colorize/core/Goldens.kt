package tf.colorize.core

import tf.colorize.tflite.TfliteNetwork
import java.io.File
import java.nio.ByteBuffer
import javax.imageio.ImageIO

/** The files that Python reads too: tests/golden of the repository. */
object Goldens {
    val repository = File(System.getProperty("repository") ?: "../..")
    private val folder = File(repository, "tests/golden")
    private val edge = File(repository, "colorize_tf/edge")

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

    fun colorizer(model: ModelFile, accelerated: Boolean = true): Colorizer =
        NetworkColorizer(TfliteNetwork(model, 1, accelerated))

    /** The whole pictures: of the tests' own networks, and of the models that come with the package. */
    val whole: List<Whole> by lazy { own + bundled }

    val own: List<Whole> by lazy { cases("whole", File(folder, "models")) }

    val bundled: List<Whole> by lazy { cases("bundled", edge) }

    private fun cases(golden: String, models: File) = json("$golden.json").map()["cases"].map().map { (name, case) ->
        Whole("$golden-$name", File(models, "${case.map()["model"]}.tflite"), case.map())
    }

    fun hints(values: Any?): List<Hint> = values.list().map { value ->
        val hint = value.map()
        val (red, green, blue) = hint["colour"].list().map { it.int() }
        Hint(hint["x"].float(), hint["y"].float(), red, green, blue, (hint["radius"] as Number?)?.toFloat())
    }
}

/** A photo, the network's file, what is asked of it, and the picture that Python gives. */
class Whole(private val picture: String, val file: File, private val case: Map<*, *>) {
    /** How far what [colorizer] gives, and [spoil] may change, is from the picture. */
    fun distance(colorizer: Colorizer, spoil: (Pixels) -> Unit = {}): Distance {
        val stated = case["sha256"] ?: colorizer.card.sha256
        check(stated == colorizer.card.sha256) { "$this is of another model; run: python tests/golden/make_bundled.py" }
        val photo = Goldens.pixels(case["photo"] as String)
        colorizer.colorize(photo, Goldens.hints(case["hints"]), options())
        spoil(photo)
        return Distance.between(photo.argb, Goldens.pixels("$picture.png").argb)
    }

    private fun options(): Options {
        val values = case["options"].map()
        return Options(
            vivid = values["vivid"]?.float() ?: 0f,
            saturation = values["saturation"]?.float() ?: 1f,
            levels = values["levels"] as Boolean? ?: true,
            edges = values["edges"] as Boolean? ?: true,
        )
    }

    override fun toString() = picture
}

/** Which limits of a whole picture [distance] exceeds: 1/255 with a float16 file, more with an int8 one. */
fun exceeded(card: Card, distance: Distance): Set<String> = buildSet {
    val exact = card.recipe == "float16"
    if (!exact && distance.mean > 0.5) add("mean")
    if (!exact && distance.point(0.999) > 4) add("99.9 %")
    if (distance.most > if (exact) 1 else 12) add("worst")
}

/** Every pair of [change]: its number, a and b. */
fun changed(chroma: Chroma, change: (Int, Float, Float) -> Pair<Float, Float>): Chroma {
    val ab = FloatArray(chroma.ab.size)
    for (cell in 0 until ab.size / 2) {
        val (a, b) = change(cell, chroma.ab[2 * cell], chroma.ab[2 * cell + 1])
        ab[2 * cell] = a
        ab[2 * cell + 1] = b
    }
    return Chroma(chroma.height, chroma.width, ab, chroma.coversHeight, chroma.coversWidth)
}

fun Any?.map(): Map<*, *> = this as Map<*, *>

fun Any?.list(): List<*> = this as List<*>

fun Any?.int(): Int = (this as Number).toInt()

fun Any?.float(): Float = (this as Number).toFloat()

/** Nested lists of numbers, in their order. */
fun Any?.numbers(): FloatArray {
    val out = ArrayList<Float>()
    fun add(value: Any?) {
        if (value is List<*>) value.forEach(::add) else out.add(value.float())
    }
    add(this)
    return out.toFloatArray()
}
