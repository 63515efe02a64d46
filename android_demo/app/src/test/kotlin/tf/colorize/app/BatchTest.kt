package tf.colorize.app

import android.app.Notification
import android.app.NotificationManager
import android.content.Intent
import android.content.pm.ServiceInfo
import org.junit.Assert.assertEquals
import org.junit.Assert.assertNull
import org.junit.Assert.assertTrue
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.Robolectric
import org.robolectric.Shadows.shadowOf
import java.util.concurrent.CountDownLatch

@RunWith(Runner::class)
class BatchTest {
    @Test fun everyPhotoIsSavedAndWhatCannotBeReadIsCounted() = Stage().use { stage ->
        val photos = listOf(stage.photo("a.png"), stage.photo("b.jpg", golden("README.md")), stage.photo("c.png", golden("gray.png")))
        val service = Robolectric.buildService(BatchService::class.java, BatchService.intent(stage.app, photos))
        service.create().startCommand(0, 1)
        waitFor("the end") { stage.state.batch?.over == true }
        assertEquals(Batch(3, 3, failed = 1, over = true), stage.state.batch)
        assertEquals(listOf("a.colorized.jpg", "c.colorized.jpg"), stage.inserted)
        val shown = notification(stage)
        assertTrue(shown.extras.getString(Notification.EXTRA_TEXT)!!.startsWith("3 of 3"))
        assertEquals(0, shown.flags and Notification.FLAG_ONGOING_EVENT)
        assertEquals(0, java.io.File(stage.app.filesDir, "photos").listFiles()!!.size) // nothing of it stays behind
    }

    @Test fun aBatchCanBeCancelledByItsNotification() {
        val gate = CountDownLatch(1)
        Stage(FakeModels { FakeColorizer().apply { this.gate = gate } }).use { stage ->
            val photos = List(4) { stage.photo("$it.png") }
            val service = Robolectric.buildService(BatchService::class.java, BatchService.intent(stage.app, photos))
            service.create().startCommand(0, 1)
            waitFor("the notification") { stage.state.batch != null }
            val cancel = shadowOf(notification(stage).actions.single().actionIntent).savedIntent
            assertEquals(BatchService.CANCEL, cancel.action)
            service.get().onStartCommand(cancel, 0, 2)
            gate.countDown()
            waitFor("the end") { stage.state.batch?.over == true }
            assertTrue(stage.state.batch!!.done < 4)
            assertEquals(emptyList<String>(), stage.inserted)
        }
    }

    @Test fun whenTheDaysTimeIsOverItStopsAtOnce() {
        val gate = CountDownLatch(1)
        Stage(FakeModels { FakeColorizer().apply { this.gate = gate } }).use { stage ->
            val photos = List(3) { stage.photo("$it.png") }
            val service = Robolectric.buildService(BatchService::class.java, BatchService.intent(stage.app, photos))
            service.create().startCommand(0, 1)
            waitFor("the notification") { stage.state.batch != null }
            service.get().onTimeout(1, ServiceInfo.FOREGROUND_SERVICE_TYPE_DATA_SYNC)
            assertTrue(shadowOf(service.get()).isStoppedBySelf)
            assertTrue(stage.state.batch!!.over)
            assertEquals(0, notification(stage).flags and Notification.FLAG_ONGOING_EVENT)
            gate.countDown()
            var ended = false
            stage.app.graph.engine.submit { stage.app.graph.main.execute { ended = true } }
            waitFor("the engine") { ended }
            assertEquals(emptyList<String>(), stage.inserted)
        }
    }

    @Test fun severalPhotosSharedBecomeABatch() = Stage().use { stage ->
        val shared = arrayListOf(stage.photo("a.png"), stage.photo("b.png"), stage.photo("c.png"))
        val intent = Intent(Intent.ACTION_SEND_MULTIPLE).setType("image/*")
        intent.putParcelableArrayListExtra(Intent.EXTRA_STREAM, shared)
        stage.launch(intent = intent)
        val started = shadowOf(stage.app).nextStartedService
        assertEquals(BatchService::class.java.name, started.component!!.className)
        assertEquals(shared, List(started.clipData!!.itemCount) { started.clipData!!.getItemAt(it).uri })
    }

    @Test fun progressIsInTheNotification() {
        val gate = CountDownLatch(1)
        Stage(FakeModels { FakeColorizer().apply { this.gate = gate } }).use { stage ->
            val photos = List(4) { stage.photo("$it.png") }
            Robolectric.buildService(BatchService::class.java, BatchService.intent(stage.app, photos)).create().startCommand(0, 1)
            waitFor("the notification") { stage.state.batch != null }
            val shown = notification(stage)
            assertEquals(4, shown.extras.getInt(Notification.EXTRA_PROGRESS_MAX))
            assertEquals(0, shown.extras.getInt(Notification.EXTRA_PROGRESS))
            assertTrue(shown.flags and Notification.FLAG_ONGOING_EVENT != 0)
            gate.countDown()
            waitFor("the end") { stage.state.batch?.over == true }
        }
    }

    @Test fun severalPhotosPickedBecomeABatch() = Stage().use { stage ->
        stage.launch().click(R.id.batch)
        val asked = shadowOf(stage.activity).nextStartedActivityForResult
        val several = BatchService.intent(stage.app, listOf(stage.photo("a.png"), stage.photo("b.png")))
        shadowOf(stage.activity).receiveResult(asked.intent, android.app.Activity.RESULT_OK, Intent().apply { clipData = several.clipData })
        val started = shadowOf(stage.app).nextStartedService
        assertEquals(BatchService::class.java.name, started.component!!.className)
        assertEquals(2, started.clipData!!.itemCount)
        assertNull(stage.state.photo)
    }

    private fun notification(stage: Stage): Notification =
        shadowOf(stage.app.getSystemService(NotificationManager::class.java)).getNotification(BatchService.NOTIFICATION)
}
