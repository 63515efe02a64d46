package tf.colorize.app

import android.app.Notification
import android.app.NotificationChannel
import android.app.NotificationManager
import android.app.PendingIntent
import android.app.Service
import android.content.ClipData
import android.content.Context
import android.content.Intent
import android.content.pm.ServiceInfo
import android.graphics.drawable.Icon
import android.net.Uri
import android.os.Build
import android.os.Bundle
import android.os.IBinder
import tf.colorize.core.Options
import tf.colorize.core.Watch
import tf.colorize.core.colorize
import java.util.UUID
import java.util.concurrent.atomic.AtomicBoolean

/**
 * Colorizes any number of photos one by one into the gallery, while a notification tells how far it is.
 *
 * Where the process is killed, the system delivers the batch's intent again, and it goes on after the photos that are done.
 */
class BatchService : Service() {
    private class Running(val id: String, val photos: List<Uri>, from: Progress) {
        val cancelled = AtomicBoolean()
        @Volatile var progress = from
        val batch: Batch get() = Batch(progress.done, photos.size, progress.problems, lacking = progress.lacking)
    }

    private val running = ArrayList<Running>()

    /** What the batches came to that ended while others ran. */
    private var ended = NONE
    private val total: Batch get() = running.fold(ended) { sum, one -> sum + one.batch }
    private var latestStart = 0
    private val records by lazy { BatchRecords(this) }
    private val graph: Graph get() = (application as App).graph
    private val notifications: NotificationManager get() = checkNotNull(getSystemService(NotificationManager::class.java))

    override fun onBind(intent: Intent?): IBinder? = null

    override fun onStartCommand(intent: Intent?, flags: Int, startId: Int): Int {
        latestStart = startId
        val id = intent?.identifier
        if (intent?.action == CANCEL) cancel() else if (id != null && begin(id, intent, flags)) return START_REDELIVER_INTENT
        stopIfIdle()
        return START_NOT_STICKY
    }

    /** False if there is nothing to do: the batch has ended, was cancelled, or may not run now. */
    private fun begin(id: String, intent: Intent, flags: Int): Boolean {
        val known = records.find(id)
        val photos = intent.clipData?.let { clip -> List(clip.itemCount) { clip.getItemAt(it).uri } }.orEmpty()
        if (known == null && flags and START_FLAG_REDELIVERY != 0) {
            release(photos)
            return false
        }
        val from = (known ?: Progress()).again(photos.size) { problemOf(photos[done], Notice(R.string.batch_lost)) }
        val batch = Running(id, photos, from)
        running.add(batch)
        notifications.createNotificationChannel(
            NotificationChannel(CHANNEL, getString(R.string.batch), NotificationManager.IMPORTANCE_LOW),
        )
        try {
            foreground(notification(total))
        } catch (_: IllegalStateException) { // since Android 12 not from the background, where it is begun again
            end(batch)
            return false
        }
        if (known == null) forgetOthers()
        records.begin(id, batch.progress)
        report(batch)
        work(batch, graph.model.state.choice, optionsOf(intent))
        return true
    }

    private fun work(batch: Running, choice: Choice, options: Options) {
        val cancelled = batch.cancelled
        // A job per photo, between which comes whatever the screen asks for.
        for (uri in batch.photos.drop(batch.progress.done)) {
            graph.engine.submitLater { access ->
                if (cancelled.get()) return@submitLater
                var next: Progress? = null
                var isRead = false
                guarded({ next = batch.progress.failed(problemOf(uri, noticeOf(it, photo = !isRead))) }) {
                    val written = colorize(uri, { !cancelled.get() }, access, choice, options) { isRead = true }
                    next = batch.progress.saved(lacks = written.leftOut.isNotEmpty())
                }
                batch.progress = next ?: return@submitLater
                records.advance(batch.id, batch.progress)
                report(batch)
            }
        }
        graph.engine.submitLater { graph.main.execute { end(batch) } }
    }

    private fun colorize(
        uri: Uri, watch: Watch, access: Engine.Access, choice: Choice, options: Options, read: () -> Unit,
    ): Written {
        val file = graph.photos.take(uri, "batch")
        try {
            return graph.photos.decode(file).use { raster ->
                read()
                val colorizer = access.open(choice).colorizer
                colorizer.colorize(raster, options = options, workers = graph.engine.workers, watch = watch)
                graph.photos.save(file, raster, colorizer.card)
            }
        } finally {
            graph.photos.forget(file)
        }
    }

    /** Why the photo at [uri] failed, in a line. */
    private fun problemOf(uri: Uri, why: Notice) = getString(R.string.batch_problem, graph.photos.name(uri), why.say(this))

    private fun report(batch: Running) = graph.main.execute { if (batch in running) show(total) }

    private fun show(batch: Batch) {
        graph.model.batch(batch)
        notifications.notify(NOTIFICATION, notification(batch))
    }

    private fun end(batch: Running) {
        if (!running.remove(batch)) return // its time was over
        records.forget(setOf(batch.id))
        release(batch.photos)
        ended += batch.batch
        if (running.isNotEmpty()) return
        stopForeground(STOP_FOREGROUND_DETACH) // what it came to stays readable
        show(ended.copy(over = true))
        ended = NONE
        stopIfIdle()
    }

    /** What the system gave up delivering has no use for its record, nor for the right to read its photos. */
    private fun forgetOthers() {
        records.forget(records.ids - running.map { it.id }.toSet())
        release(contentResolver.persistedUriPermissions.map { it.uri } - running.flatMap { it.photos }.toSet())
    }

    /** Gives back the right to read [photos] that was asked for beyond the process, where there is one. */
    private fun release(photos: List<Uri>) {
        val kept = contentResolver.persistedUriPermissions.map { it.uri }.toSet()
        for (uri in photos.filter(kept::contains)) {
            contentResolver.releasePersistableUriPermission(uri, Intent.FLAG_GRANT_READ_URI_PERMISSION)
        }
    }

    /** Of the latest start, so that a batch that is just being asked for is not lost. */
    private fun stopIfIdle() {
        if (running.isEmpty()) stopSelf(latestStart)
    }

    /** The photo at hand ends soon after; should the process end sooner, nothing is begun again. */
    private fun cancel() {
        running.forEach { it.cancelled.set(true) }
        records.forget(running.map { it.id })
    }

    /** After six hours a day Android 15 wants it to stop, and ends the process of one that does not. */
    override fun onTimeout(startId: Int, type: Int) {
        cancel()
        running.toList().forEach(::end)
    }

    override fun onDestroy() {
        running.forEach { it.cancelled.set(true) }
        super.onDestroy()
    }

    private fun foreground(notification: Notification) {
        if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.UPSIDE_DOWN_CAKE) {
            startForeground(NOTIFICATION, notification, ServiceInfo.FOREGROUND_SERVICE_TYPE_DATA_SYNC)
        } else {
            startForeground(NOTIFICATION, notification)
        }
    }

    private fun notification(batch: Batch): Notification {
        val flags = PendingIntent.FLAG_IMMUTABLE or PendingIntent.FLAG_UPDATE_CURRENT
        val open = PendingIntent.getActivity(this, 0, Intent(this, MainActivity::class.java), flags)
        val builder = Notification.Builder(this, CHANNEL)
            .setSmallIcon(R.drawable.ic_photo)
            .setContentTitle(getString(R.string.batch))
            .setContentText(sumOf(this, batch))
            .setStyle(Notification.BigTextStyle().bigText(textOf(this, batch)))
            .setContentIntent(open)
            .setCategory(Notification.CATEGORY_PROGRESS)
            .setOngoing(!batch.over)
            .setAutoCancel(batch.over)
            .setOnlyAlertOnce(true)
        if (!batch.over) {
            val cancel = PendingIntent.getService(this, 1, Intent(this, BatchService::class.java).setAction(CANCEL), flags)
            builder.setProgress(batch.of, batch.done, false)
            builder.addAction(
                Notification.Action.Builder(Icon.createWithResource(this, R.drawable.ic_photo), getString(R.string.cancel), cancel)
                    .build(),
            )
        }
        return builder.build()
    }

    companion object {
        const val CANCEL = "tf.colorize.CANCEL"
        const val NOTIFICATION = 1
        private const val CHANNEL = "batch"
        private val NONE = Batch(0, 0)

        private operator fun Batch.plus(other: Batch) =
            Batch(done + other.done, of + other.of, problems + other.problems, lacking = lacking + other.lacking)

        /** What starts it: the right to read the photos travels with their addresses, and so does how they are to look. */
        fun intent(context: Context, photos: List<Uri>, state: UiState = UiState()): Intent {
            val clip = ClipData.newRawUri(null, photos.first())
            photos.drop(1).forEach { clip.addItem(ClipData.Item(it)) }
            return Intent(context, BatchService::class.java).addFlags(Intent.FLAG_GRANT_READ_URI_PERMISSION)
                .setIdentifier(UUID.randomUUID().toString())
                .putExtras(Bundle().apply { put(state) })
                .apply { clipData = clip }
        }

        private fun optionsOf(intent: Intent): Options = intent.extras?.toSaved()?.options ?: Options()

        /** How far [batch] is, and a line for each photo that failed, the last one first. */
        fun textOf(context: Context, batch: Batch): String =
            (listOf(sumOf(context, batch)) + batch.problems.asReversed()).joinToString("\n")

        fun sumOf(context: Context, batch: Batch): String {
            val failed = batch.problems.size
            val text = when {
                !batch.over -> context.getString(R.string.batch_running, batch.done, batch.of, failed)
                batch.done < batch.of -> context.getString(R.string.batch_stopped, batch.done, batch.of, failed)
                failed < batch.of -> context.getString(R.string.batch_over, batch.of - failed, batch.of, failed)
                else -> context.getString(R.string.batch_failed, batch.of)
            }
            val lacking = if (batch.lacking > 0) " " + context.getString(R.string.batch_left_out, batch.lacking) else ""
            return text + lacking
        }
    }
}
