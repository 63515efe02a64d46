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
import android.os.IBinder
import tf.colorize.core.Options
import tf.colorize.core.Watch
import tf.colorize.core.colorize
import java.util.concurrent.CancellationException
import java.util.concurrent.atomic.AtomicBoolean

/** Colorizes any number of photos one by one into the gallery, while a notification tells how far it is. */
class BatchService : Service() {
    /** Of the batch that began last; each has its own, so that a new one does not revive a cancelled one. */
    private var cancelled = AtomicBoolean()
    private val graph: Graph get() = (application as App).graph
    private val notifications: NotificationManager get() = checkNotNull(getSystemService(NotificationManager::class.java))

    override fun onBind(intent: Intent?): IBinder? = null

    override fun onStartCommand(intent: Intent?, flags: Int, startId: Int): Int {
        if (intent?.action == CANCEL) {
            cancelled.set(true)
            return START_NOT_STICKY
        }
        val clip = intent?.clipData
        val photos = List(clip?.itemCount ?: 0) { clip!!.getItemAt(it).uri }
        notifications.createNotificationChannel(
            NotificationChannel(CHANNEL, getString(R.string.batch), NotificationManager.IMPORTANCE_LOW),
        )
        foreground(notification(Batch(0, photos.size)))
        cancelled = AtomicBoolean()
        report(Batch(0, photos.size))
        work(photos, cancelled, graph.model.state.choice, graph.model.state.options)
        return START_NOT_STICKY // a batch that was killed is not begun again
    }

    private fun work(photos: List<Uri>, cancelled: AtomicBoolean, choice: Choice, options: Options) {
        var failed = 0
        var done = 0
        // A job per photo, so that the photo on the screen need not wait for all of them.
        for ((index, uri) in photos.withIndex()) {
            graph.engine.submit { access ->
                if (cancelled.get()) return@submit
                try {
                    colorize(uri, { !cancelled.get() }, access, choice, options)
                } catch (_: CancellationException) {
                    return@submit
                } catch (_: Exception) {
                    failed++
                } catch (_: OutOfMemoryError) {
                    failed++
                }
                done = index + 1
                report(Batch(done, photos.size, failed))
            }
        }
        graph.engine.submit { graph.main.execute { end(Batch(done, photos.size, failed, over = true)) } }
    }

    private fun colorize(uri: Uri, watch: Watch, access: Engine.Access, choice: Choice, options: Options) {
        val file = graph.photos.take(uri, "batch")
        try {
            graph.photos.decode(file).use { raster ->
                val colorizer = access.open(choice).colorizer
                colorizer.colorize(raster, options = options, workers = graph.engine.workers, watch = watch)
                graph.photos.save(file, raster, colorizer.card)
            }
        } finally {
            graph.photos.forget(file)
        }
    }

    private fun report(batch: Batch) = graph.main.execute {
        graph.model.batch(batch)
        notifications.notify(NOTIFICATION, notification(batch))
    }

    private fun end(batch: Batch) {
        graph.model.batch(batch)
        stopForeground(STOP_FOREGROUND_DETACH) // what it came to stays readable
        notifications.notify(NOTIFICATION, notification(batch))
        stopSelf()
    }

    /** After six hours a day Android 15 wants it to stop, and ends the process of one that does not. */
    override fun onTimeout(startId: Int, type: Int) {
        cancelled.set(true)
        graph.model.state.batch?.let { end(it.copy(over = true)) }
    }

    override fun onDestroy() {
        cancelled.set(true)
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
            .setContentText(textOf(this, batch))
            .setContentIntent(open)
            .setOngoing(!batch.over)
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

        /** What starts it: the right to read the photos travels with their addresses. */
        fun intent(context: Context, photos: List<Uri>): Intent {
            val clip = ClipData.newRawUri(null, photos.first())
            photos.drop(1).forEach { clip.addItem(ClipData.Item(it)) }
            return Intent(context, BatchService::class.java).addFlags(Intent.FLAG_GRANT_READ_URI_PERMISSION).apply { clipData = clip }
        }

        fun textOf(context: Context, batch: Batch): String = context.getString(
            if (batch.over) R.string.batch_over else R.string.batch_running, batch.done, batch.of, batch.failed,
        )
    }
}
