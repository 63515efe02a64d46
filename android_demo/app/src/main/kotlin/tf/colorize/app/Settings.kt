package tf.colorize.app

import android.app.Activity
import android.app.AlertDialog
import tf.colorize.core.Accelerator

/** Which model, how many threads, on what: one question at a time. */
class Settings(
    private val activity: Activity,
    private val models: Models,
    private val model: ColorizeViewModel,
    private val openFile: () -> Unit,
) {
    fun show() {
        val choice = model.state.choice
        val items = listOf(
            activity.getString(R.string.model_is, choice.model) to ::askModel,
            activity.getString(R.string.threads_are, choice.threads) to ::askThreads,
            activity.getString(R.string.accelerator_is, nameOf(choice.accelerator)) to ::askAccelerator,
            activity.getString(R.string.open_model) to openFile,
        )
        AlertDialog.Builder(activity).setTitle(R.string.settings)
            .setItems(items.map { it.first }.toTypedArray()) { _, index -> items[index].second() }
            .setNegativeButton(R.string.close, null).show()
    }

    private fun askModel() = ask(R.string.model, models.names(), { it }, { it == model.state.choice.model }) {
        model.choose(model.state.choice.copy(model = it))
    }

    private fun askThreads() {
        val most = Runtime.getRuntime().availableProcessors()
        ask(R.string.threads, (1..most).toList(), { "$it" }, { it == model.state.choice.threads }) {
            model.choose(model.state.choice.copy(threads = it))
        }
    }

    private fun askAccelerator() =
        ask(R.string.accelerator, models.accelerators, ::nameOf, { it == model.state.choice.accelerator }) {
            model.choose(model.state.choice.copy(accelerator = it))
        }

    private fun <T> ask(title: Int, values: List<T>, text: (T) -> String, isChosen: (T) -> Boolean, chosen: (T) -> Unit) {
        AlertDialog.Builder(activity).setTitle(title)
            .setSingleChoiceItems(values.map(text).toTypedArray(), values.indexOfFirst(isChosen)) { dialog, index ->
                chosen(values[index])
                dialog.dismiss()
            }
            .setNegativeButton(R.string.close, null).show()
    }

    private fun nameOf(accelerator: Accelerator): String = when (accelerator) {
        Accelerator.CPU -> activity.getString(R.string.plain_cpu)
        Accelerator.XNNPACK -> activity.getString(R.string.fast_cpu)
        else -> accelerator.name
    }
}
