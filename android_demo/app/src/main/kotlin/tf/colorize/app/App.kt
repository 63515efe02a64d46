package tf.colorize.app

import android.app.Application
import android.content.Context
import tf.colorize.core.Accelerator
import java.util.concurrent.Executor

/** What belongs together while the process lives. Tests put their own parts in before the first screen. */
class Graph(
    context: Context,
    val main: Executor = context.mainExecutor,
    val photos: Photos = StoredPhotos(context),
    val models: Models = StoredModels(context),
    val camera: Camera = BackCamera(context),
) {
    val engine = Engine(models)
    val model = ColorizeViewModel(photos, models, engine, main, StoredChoices(context))
    val viewfinder = Viewfinder(camera, engine, model, main)
}

open class App : Application() {
    lateinit var graph: Graph

    override fun onCreate() {
        super.onCreate()
        graph = Graph(this)
    }

    override fun onTrimMemory(level: Int) {
        super.onTrimMemory(level)
        if (level >= TRIM_MEMORY_BACKGROUND) graph.engine.release()
    }
}

private class StoredChoices(context: Context) : Choices {
    private val kept = context.getSharedPreferences("choice", Context.MODE_PRIVATE)

    override fun last(): Choice {
        val usual = Choice()
        return Choice(
            kept.getString("model", null) ?: usual.model,
            kept.getInt("threads", usual.threads),
            Accelerator.entries.firstOrNull { it.name == kept.getString("accelerator", null) } ?: usual.accelerator,
        )
    }

    override fun keep(choice: Choice) = kept.edit()
        .putString("model", choice.model)
        .putInt("threads", choice.threads)
        .putString("accelerator", choice.accelerator.name)
        .apply()
}
