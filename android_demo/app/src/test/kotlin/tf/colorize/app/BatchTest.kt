package tf.colorize.app

import android.app.Notification
import android.app.NotificationManager
import android.content.Intent
import org.junit.Assert.assertEquals
import org.junit.Assert.assertNull
import org.junit.Assert.assertTrue
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.Robolectric
import org.robolectric.Shadows.shadowOf
import org.robolectric.annotation.Config
import org.robolectric.annotation.GraphicsMode
import java.util.concurrent.CountDownLatch

@RunWith(Runner::class)
@Config(sdk = [35])
@GraphicsMode(GraphicsMode.Mode.NATIVE)
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
