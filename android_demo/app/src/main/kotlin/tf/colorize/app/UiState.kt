package tf.colorize.app

import android.content.Context
import android.graphics.Bitmap
import android.net.Uri
import tf.colorize.core.Accelerator
import tf.colorize.core.Card
import tf.colorize.core.Hint
import tf.colorize.core.Options
import tf.colorize.core.Palette
import tf.colorize.core.Window

/** All that the screen shows. Never changed, only replaced. */
data class UiState(
    val screen: Screen = Screen.EMPTY,
    val photo: Shown? = null,
    val opening: Opening? = null, // on its way to the screen
    val before: Opening? = null, // on the screen when the process died, until one is again
    val detail: Detail? = null, // of the photo, where its small copy is not enough
    val work: Work? = null, // on the picture
    val saving: Work? = null, // which goes on whatever becomes of the picture
    val tool: Tool = Tool.COMPARE,
    val split: Float = 0.5f, // of the picture's width that shows the photo as it was
    val hints: List<Hint> = emptyList(),
    val canUndo: Boolean = false,
    val colour: Palette = Palette.SKIN,
    val options: Options = Options(),
    val choice: Choice = Choice(),
    val card: Card? = null, // of the model in use; null until it was opened
    val notice: Notice? = null,
    val toShare: Uri? = null, // saved, and waiting for a chooser to be shown
    val batch: Batch? = null,
    val frame: Frame? = null, // of the viewfinder
)

enum class Screen { EMPTY, PHOTO, VIEWFINDER }

enum class Tool { COMPARE, HINT }

/** A photo that can be opened again: by the file kept in [slot], else from [uri], and with the colours set on it. */
data class Opening(val slot: String = Photos.freshSlot(), val uri: Uri? = null, val hints: List<Hint> = emptyList())

/** A photo on the screen: its name, where its file is kept, its size, and its small copy before and after. */
data class Shown(val name: String, val slot: String, val width: Int, val height: Int, val before: Bitmap, val after: Bitmap)

/** The part of the photo that [window] names, in pixels of the photo's own or not many fewer. */
data class Detail(val window: Window, val before: Bitmap, val after: Bitmap)

/** What is being done, and how much of it is done; null where that cannot be told. */
data class Work(val step: Step, val share: Float?)

enum class Step(val text: Int) {
    READING(R.string.reading),
    COLORIZING(R.string.colorizing),
    SAVING(R.string.saving),
}

/** One line for the user; [arguments] go into the text. */
data class Notice(val text: Int, val arguments: List<Any> = emptyList(), val problem: Boolean = false) {
    fun say(context: Context): String = context.getString(text, *arguments.toTypedArray())
}

/** Which model runs, and how: a bundled one by its file name, or one the user opened. */
data class Choice(
    val model: String = BUNDLED,
    val threads: Int = minOf(4, Runtime.getRuntime().availableProcessors()),
    val accelerator: Accelerator = Accelerator.XNNPACK,
) {
    companion object {
        const val BUNDLED = "mobile.tflite"
    }
}

/** The model and how it runs, kept for the next start. */
interface Choices {
    fun last(): Choice

    fun keep(choice: Choice)
}

/** What failed is told by [problems], a line for each such photo; of [lacking] photos some metadata was left out. */
data class Batch(
    val done: Int, val of: Int, val problems: List<String> = emptyList(), val over: Boolean = false, val lacking: Int = 0,
)

data class Frame(val picture: Bitmap, val perSecond: Float)
