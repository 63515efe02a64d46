package tf.colorize.app

import android.app.ForegroundServiceStartNotAllowedException
import android.app.Notification
import android.app.NotificationManager
import android.app.Service
import android.content.Intent
import android.content.pm.ServiceInfo
import android.net.Uri
import org.junit.Assert.assertEquals
import org.junit.Assert.assertNull
import org.junit.Assert.assertTrue
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.Robolectric
import org.robolectric.Shadows.shadowOf
import org.robolectric.android.controller.ServiceController
import tf.colorize.core.Options
import java.io.IOException
import java.util.concurrent.CountDownLatch
import java.util.concurrent.atomic.AtomicInteger

@RunWith(Runner::class)
class BatchTest {
    @Test fun everyPhotoIsSavedAndWhatCannotBeReadIsCounted() = Stage().use { stage ->
        val photos = listOf(stage.photo("a.png"), stage.photo("b.jpg", golden("README.md")), stage.photo("c.png", golden("gray.png")))
        val service = Robolectric.buildService(BatchService::class.java, BatchService.intent(stage.app, photos))
        service.create().startCommand(0, 1)
        waitFor("the end") { stage.state.batch?.over == true }
        assertEquals(Batch(3, 3, listOf(unreadable("b.jpg")), over = true), stage.state.batch)
        assertEquals(listOf("a.colorized.jpg", "c.colorized.jpg"), stage.inserted)
        val shown = notification(stage)
        assertTrue(shown.extras.getString(Notification.EXTRA_TEXT)!!.startsWith("2 of 3 saved"))
        assertTrue(shown.extras.getString(Notification.EXTRA_BIG_TEXT)!!.endsWith("1 failed.\n" + unreadable("b.jpg")))
        assertEquals(Notification.FLAG_AUTO_CANCEL, shown.flags and (Notification.FLAG_ONGOING_EVENT or Notification.FLAG_AUTO_CANCEL))
        assertEquals(0, java.io.File(stage.app.filesDir, "photos").listFiles()!!.size) // nothing of it stays behind
    }

    @Test fun whereNothingWasSavedItSaysSo() = Stage().use { stage ->
        val photos = List(2) { stage.photo("$it.jpg", golden("README.md")) }
        Robolectric.buildService(BatchService::class.java, BatchService.intent(stage.app, photos)).create().startCommand(0, 1)
        waitFor("the end") { stage.state.batch?.over == true }
        assertEquals(Batch(2, 2, listOf(unreadable("0.jpg"), unreadable("1.jpg")), over = true), stage.state.batch)
        assertEquals("Nothing was saved: 2 failed.", notification(stage).extras.getString(Notification.EXTRA_TEXT))
    }

    @Test fun aPhotoThatWasReadIsNotCalledUnreadable() = Stage().use { stage ->
        stage.photos.onSave = { throw IOException("the gallery is closed") }
        val photos = listOf(stage.photo("a.png"))
        Robolectric.buildService(BatchService::class.java, BatchService.intent(stage.app, photos)).create().startCommand(0, 1)
        waitFor("the end") { stage.state.batch?.over == true }
        assertEquals(listOf("a.png: That did not work: the gallery is closed"), stage.state.batch!!.problems)
    }

    @Test fun whatHadToBeLeftOutIsCounted() = Stage().use { stage ->
        val photos = listOf(stage.photo("a.png"), stage.talkative("b.png"))
        Robolectric.buildService(BatchService::class.java, BatchService.intent(stage.app, photos)).create().startCommand(0, 1)
        waitFor("the end") { stage.state.batch?.over == true }
        assertEquals(Batch(2, 2, lacking = 1, over = true), stage.state.batch)
        assertTrue(notification(stage).extras.getString(Notification.EXTRA_TEXT)!!.endsWith("too large: 1."))
    }

    @Test fun theScreenGoesBeforeThePhotosThatAreLeft() {
        val gate = CountDownLatch(1)
        Stage(FakeModels { FakeColorizer().apply { this.gate = gate } }).use { stage ->
            val service = Robolectric.buildService(BatchService::class.java).create().get()
            service.onStartCommand(BatchService.intent(stage.app, List(3) { stage.photo("$it.png") }), 0, 1)
            service.onStartCommand(BatchService.intent(stage.app, List(2) { stage.photo("other$it.png") }), 0, 2)
            waitFor("the first photo") { stage.models.opened.singleOrNull()?.begun == 1 }
            stage.model.open(stage.photo("wanted.png"))
            var wasDone: Int? = null
            stage.model.observe { if (it.photo != null) wasDone = wasDone ?: it.batch?.done }
            gate.countDown()
            waitFor("the end") { stage.state.batch?.over == true }
            assertEquals(1, wasDone)
            // And both batches as they were asked for, one after the other.
            assertEquals(listOf("0", "1", "2", "other0", "other1").map { "$it.colorized.jpg" }, stage.inserted)
        }
    }

    @Test fun theRightToReadThePhotosIsAskedForAndGivenBack() = Stage().use { stage ->
        stage.launch().click(R.id.batch)
        val asked = shadowOf(stage.activity).nextStartedActivityForResult
        val several = BatchService.intent(stage.app, listOf(stage.photo("a.png"), stage.photo("b.png")))
        val answer = Intent().apply { clipData = several.clipData }
        shadowOf(stage.activity).receiveResult(asked.intent, android.app.Activity.RESULT_OK, answer)
        assertEquals(2, stage.resolver.persistedUriPermissions.size)
        val started = shadowOf(stage.app).nextStartedService
        Robolectric.buildService(BatchService::class.java, started).create().startCommand(0, 1)
        waitFor("the end") { stage.state.batch?.over == true }
        assertEquals(emptyList<Any>(), stage.resolver.persistedUriPermissions)
    }

    @Test fun whatABatchCameToCanBePutAway() = Stage().use { stage ->
        stage.launch().model.batch(Batch(3, 3, over = true))
        stage.click(R.id.cancel_batch)
        assertNull(stage.state.batch)
        assertEquals(0, shadowOf(stage.app).allStartedServices.size)
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
            stage.app.graph.engine.submitLater { stage.app.graph.main.execute { ended = true } }
            waitFor("the engine") { ended }
            assertEquals(emptyList<String>(), stage.inserted)
        }
    }

    // --- a process that is killed ---

    @Test fun aKilledBatchGoesOnAfterThePhotosThatAreDone() = Killed().use { killed ->
        val stage = killed.stage
        val photos = listOf(stage.photo("a.png"), stage.photo("b.jpg", golden("README.md")), killed.stuck("c.png"), stage.photo("d.png"))
        val wanted = UiState(options = Options(vivid = 0.5f, saturation = 1.2f))
        val intent = BatchService.intent(stage.app, photos, wanted)
        killed.deliver(intent, flags = 0)
        killed.stuckAfter(2)
        killed.kill()
        assertNull(stage.state.batch)
        killed.deliver(intent)
        waitFor("the end") { stage.state.batch?.over == true }
        assertEquals(Batch(4, 4, listOf(unreadable("b.jpg")), over = true), stage.state.batch)
        assertEquals(listOf("a", "c", "d").map { "$it.colorized.jpg" }, stage.inserted)
        assertEquals(listOf(0.5f, 0.5f), stage.models.opened.last().vivid) // as it was asked for
        assertEquals(emptySet<String>(), killed.records.ids)
    }

    @Test fun aPhotoThatWasAtHandWhenTheProcessDiedTwiceIsLeftOut() = Killed().use { killed ->
        val stage = killed.stage
        val intent = BatchService.intent(stage.app, listOf(stage.photo("a.png"), killed.stuck("b.png", times = 2), stage.photo("c.png")))
        for (flags in listOf(0, Service.START_FLAG_REDELIVERY)) {
            killed.deliver(intent, flags)
            killed.stuckAfter(1)
            killed.kill()
        }
        killed.deliver(intent)
        waitFor("the end") { stage.state.batch?.over == true }
        assertEquals(Batch(3, 3, listOf("b.png: The app was ended at this photo, twice."), over = true), stage.state.batch)
        assertEquals(listOf("a.colorized.jpg", "c.colorized.jpg"), stage.inserted)
    }

    @Test fun aBatchThatEndedIsNotBegunAgain() = Killed().use { killed ->
        val stage = killed.stage
        val intent = BatchService.intent(stage.app, listOf(stage.photo("a.png")))
        killed.deliver(intent, flags = 0)
        waitFor("the end") { stage.state.batch?.over == true }
        killed.neverAgain(intent)
        assertEquals(listOf("a.colorized.jpg"), stage.inserted)
    }

    @Test fun aBatchThatWasCancelledIsNotBegunAgain() = Killed().use { killed ->
        val stage = killed.stage
        val intent = BatchService.intent(stage.app, listOf(stage.photo("a.png"), killed.stuck("b.png"), stage.photo("c.png")))
        killed.deliver(intent, flags = 0)
        killed.stuckAfter(1)
        assertEquals(1, killed.records.ids.size)
        killed.service.onStartCommand(Intent().setAction(BatchService.CANCEL), 0, 2)
        killed.neverAgain(intent) // even though the process was killed before the photo at hand ended
        assertEquals(listOf("a.colorized.jpg"), stage.inserted)
    }

    @Test fun whereItMayNotRunInTheForegroundItSaysHowFarItCame() = Killed().use { killed ->
        val stage = killed.stage
        val intent = BatchService.intent(stage.app, listOf(stage.photo("a.png"), killed.stuck("b.png")))
        killed.deliver(intent, flags = 0)
        killed.stuckAfter(1)
        killed.kill()
        killed.deliver(intent, refusal = ForegroundServiceStartNotAllowedException("in the background"))
        assertEquals(Batch(1, 2, over = true), stage.state.batch)
        val shown = notification(stage)
        assertTrue(shown.extras.getString(Notification.EXTRA_TEXT)!!.startsWith("Stopped at 1 of 2"))
        assertEquals(0, shown.flags and Notification.FLAG_ONGOING_EVENT)
        assertEquals(1, shadowOf(killed.service).stopSelfId)
        assertEquals(emptySet<String>(), killed.records.ids)
    }

    @Test fun whatIsSaidOfAPhotoStaysOneLine() {
        val progress = Progress().failed("a.jpg: the model\r\nbroke\n").saved(lacks = true)
        assertEquals(listOf("a.jpg: the model broke "), progress.problems)
        assertEquals(progress, Progress.of("$progress"))
    }

    @Test fun recordsOfBatchesThatNeverCameBackAreForgotten() = Killed().use { killed ->
        killed.records.begin("given up", Progress(3, 1, problems = listOf("a: failed", "b: failed")))
        killed.deliver(BatchService.intent(killed.stage.app, listOf(killed.stuck("a.png"))), flags = 0)
        assertEquals(1, killed.records.ids.size)
        assertNull(killed.records.find("given up"))
    }

    @Test fun aSecondBatchIsNotLostWhenTheFirstEnds() = Stage().use { stage ->
        val service = Robolectric.buildService(BatchService::class.java).create().get()
        service.onStartCommand(BatchService.intent(stage.app, listOf(stage.photo("a.png"), stage.missing())), 0, 1)
        service.onStartCommand(BatchService.intent(stage.app, listOf(stage.photo("b.png"), stage.talkative("c.png"))), 0, 2)
        waitFor("the end") { stage.state.batch?.over == true }
        assertEquals(Batch(4, 4, listOf("gone.jpg: That did not work: java.io.FileNotFoundException: gone"), over = true, lacking = 1), stage.state.batch) // what both came to
        assertEquals(3, stage.inserted.size)
        assertEquals(2, shadowOf(service).stopSelfId)
        service.onStartCommand(BatchService.intent(stage.app, listOf(stage.photo("d.png"))), 0, 3)
        waitFor("the end of another") { stage.state.batch == Batch(1, 1, over = true) }
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

    private fun unreadable(name: String) = "$name: This photo cannot be read. Try another one."

    private fun notification(stage: Stage): Notification =
        shadowOf(stage.app.getSystemService(NotificationManager::class.java)).getNotification(BatchService.NOTIFICATION)

    /** A process that dies while it is stuck at a photo: its engine does no more, until the test is over. */
    private class Killed : AutoCloseable {
        val stage = Stage()
        val records = BatchRecords(stage.app)
        lateinit var service: BatchService
        private val death = CountDownLatch(1)
        @Volatile private var isStuck = false
        private val dead = ArrayList<Pair<ServiceController<BatchService>, Engine>>()
        private lateinit var controller: ServiceController<BatchService>

        /** A photo that so many [times] never ends being read. */
        fun stuck(name: String, times: Int = 1): Uri {
            val left = AtomicInteger(times)
            val uri = stage.photo(name)
            shadowOf(stage.resolver).registerInputStreamSupplier(uri) {
                if (left.getAndDecrement() > 0) {
                    isStuck = true
                    death.await()
                }
                golden("colour.png").inputStream()
            }
            return uri
        }

        /** Waits until so many photos are done and the next one is being read. */
        fun stuckAfter(done: Int) = waitFor("the photo") { stage.state.batch?.done == done && isStuck }

        fun deliver(intent: Intent, flags: Int = Service.START_FLAG_REDELIVERY, refusal: Exception? = null) {
            controller = Robolectric.buildService(BatchService::class.java, intent).create()
            service = controller.get()
            refusal?.let { shadowOf(service).setThrowInStartForeground(it) }
            val answer = service.onStartCommand(intent, flags, 1)
            assertEquals(if (refusal == null) Service.START_REDELIVER_INTENT else Service.START_NOT_STICKY, answer)
        }

        fun kill() {
            isStuck = false
            dead.add(controller to stage.app.graph.engine)
            stage.install()
        }

        /** It leaves nothing behind, and the system's delivering it again changes nothing. */
        fun neverAgain(intent: Intent) {
            assertEquals(emptySet<String>(), records.ids)
            kill()
            service = Robolectric.buildService(BatchService::class.java, intent).create().get()
            assertEquals(Service.START_NOT_STICKY, service.onStartCommand(intent, Service.START_FLAG_REDELIVERY, 1))
            assertEquals(1, shadowOf(service).stopSelfId)
            var ended = false
            stage.app.graph.engine.submitLater { stage.app.graph.main.execute { ended = true } }
            waitFor("the engine") { ended }
            assertNull(stage.state.batch)
        }

        override fun close() {
            for ((controller, engine) in dead) {
                controller.destroy()
                engine.close()
            }
            controller.destroy()
            death.countDown()
            stage.close()
        }
    }
}
