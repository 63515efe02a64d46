package tf.colorize.app

import android.graphics.Bitmap
import android.graphics.BitmapFactory
import android.net.Uri
import android.widget.TextView
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertNull
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.Shadows.shadowOf
import org.robolectric.annotation.Config
import java.io.ByteArrayOutputStream
import java.io.File
import java.util.concurrent.CancellationException
import java.util.concurrent.CountDownLatch

/** What is done while something else is still at work. */
@RunWith(Runner::class)
@Config(qualifiers = "w360dp-h640dp-mdpi")
class ImpatienceTest {
    @Test fun aSliderThatIsMovedWhileTheNetworkWorksLosesNoHint() {
        val colorizer = FakeColorizer()
        Stage(FakeModels { colorizer }).use { stage ->
            stage.launch().opened()
            val before = stage.state.photo!!.after
            val gate = CountDownLatch(1)
            colorizer.gate = gate
            stage.model.addHint(10f, 10f)
            stage.model.saturation(0.9f)
            gate.countDown()
            stage.settled()
            assertEquals(1, colorizer.asked.last().size)
            val hinted = stage.state.photo!!.after
            stage.model.saturation(1f)
            waitFor("the new colours") { stage.state.photo!!.after !== hinted }
            assertFalse("the hint's colours", stage.state.photo!!.after.sameAs(before))
        }
    }

    @Test fun aSliderThatIsMovedWhileAPhotoIsOpenedDoesNotEndThat() {
        val colorizer = FakeColorizer()
        Stage(FakeModels { colorizer }).use { stage ->
            stage.launch().opened(stage.photo("first.png"))
            val gate = CountDownLatch(1)
            colorizer.gate = gate
            stage.model.open(stage.photo("second.png"))
            stage.model.saturation(0f)
            stage.model.addHint(10f, 10f) // of the first one
            gate.countDown()
            stage.settled()
            waitFor("gray") { stage.state.photo!!.after.argb().all { (it ushr 16 and 0xFF) - (it and 0xFF) in -2..2 } }
            assertEquals("second.png", stage.state.photo!!.name)
            assertEquals(emptyList<Any>(), stage.state.hints)
            assertEquals(2, colorizer.asked.size)
        }
    }

    @Test fun whatIsChangedWhileItIsSavedDoesNotEndThat() = Stage().use { stage ->
        stage.launch().opened()
        val gate = CountDownLatch(1)
        stage.photos.onSave = gate::await
        stage.click(R.id.save)
        assertEquals(Step.SAVING, stage.state.saving?.step)
        stage.model.saturation(0.5f)
        stage.model.addHint(10f, 10f)
        stage.model.open(stage.photo("another.png"))
        assertEquals(stage.activity.getString(R.string.saving), "${stage.view<TextView>(R.id.step).text}")
        gate.countDown()
        stage.settled()
        assertEquals(listOf("photo.colorized.jpg"), stage.inserted)
        assertEquals(Notice(R.string.saved), stage.state.notice)
        assertEquals("another.png", stage.state.photo!!.name)
        assertEquals(listOf("another.png"), stage.kept) // the saved one's file was there as long as that took
    }

    @Test fun anOpeningThatIsCancelledLeavesThePhotoOnTheScreen() = notOpened { stage, gate ->
        stage.click(R.id.cancel)
        gate.countDown()
        assertEquals(R.string.cancelled, stage.state.notice!!.text)
    }

    @Test fun anOpeningThatFailsLeavesThePhotoOnTheScreen() = notOpened { stage, gate ->
        stage.models.opened.single().failure = OutOfMemoryError()
        gate.countDown()
        stage.settled()
        assertEquals(R.string.too_large, stage.state.notice!!.text)
    }

    @Test fun anOpeningThatTheCameraEndsLeavesThePhotoOnTheScreen() = notOpened { stage, gate ->
        stage.model.viewfinder(true)
        gate.countDown()
        assertEquals(Notice(R.string.cancelled), stage.state.notice)
        stage.model.viewfinder(false)
        assertNull(stage.state.notice)
    }

    /** A second photo that is [ended] while its colours are sought: what is saved then is the first one. */
    private fun notOpened(ended: (Stage, CountDownLatch) -> Unit) {
        val colorizer = FakeColorizer()
        Stage(FakeModels { colorizer }).use { stage ->
            val out = ByteArrayOutputStream()
            shadowOf(stage.resolver).registerOutputStream(Uri.parse("content://media/external/images/media/1"), out)
            stage.launch().opened(stage.photo("first.png"))
            val gate = CountDownLatch(1)
            colorizer.gate = gate
            stage.model.open(stage.photo("second.jpg", tall()))
            waitFor("the network") { colorizer.begun == 2 }
            ended(stage, gate)
            colorizer.failure = null
            stage.settled()
            assertEquals("first.png", stage.state.photo!!.name)
            stage.click(R.id.save)
            stage.settled()
            assertEquals(listOf("first.colorized.jpg"), stage.inserted)
            val saved = BitmapFactory.decodeByteArray(out.toByteArray(), 0, out.size())
            assertEquals(100 to 75, saved.width to saved.height)
            assertEquals(listOf("first.png"), stage.kept)
        }
    }

    private fun tall(): File {
        val bitmap = Bitmap.createBitmap(120, 160, Bitmap.Config.ARGB_8888)
        return File.createTempFile("tall", ".jpg").apply {
            deleteOnExit()
            outputStream().use { bitmap.compress(Bitmap.CompressFormat.JPEG, 90, it) }
        }
    }

    @Test fun savingIsCancelledAndNothingElse() = Stage().use { stage ->
        stage.launch().opened()
        val gate = CountDownLatch(1)
        stage.photos.onDecode = { gate.await(); throw CancellationException() }
        stage.click(R.id.save)
        stage.click(R.id.cancel)
        assertNull(stage.state.saving)
        stage.photos.onDecode = null
        gate.countDown()
        stage.click(R.id.save)
        stage.settled()
        assertEquals(listOf("photo.colorized.jpg"), stage.inserted)
    }

    @Test fun whatIsCancelledWhileItIsWrittenIsTakenOutAgain() = Stage().use { stage ->
        stage.launch().opened()
        val gate = CountDownLatch(1)
        val begun = CountDownLatch(1)
        stage.photos.onSave = { begun.countDown(); gate.await() }
        stage.click(R.id.save)
        begun.await()
        stage.click(R.id.cancel)
        gate.countDown()
        waitFor("the entry's end") { stage.deleted == 1 }
        assertEquals(1, stage.inserted.size)
        assertEquals(Notice(R.string.cancelled), stage.state.notice)
        stage.photos.onSave = null
        stage.click(R.id.save) // and the next one stays
        stage.settled()
        assertEquals(2 to 1, stage.inserted.size to stage.deleted)
    }

    @Test fun cancelledColoursAreNotSoughtAgain() {
        val colorizer = FakeColorizer()
        Stage(FakeModels { colorizer }).use { stage ->
            stage.launch().opened()
            val gate = CountDownLatch(1)
            colorizer.gate = gate
            stage.model.vivid(1f)
            waitFor("the network") { colorizer.begun == 2 }
            stage.click(R.id.cancel)
            val before = stage.state.photo!!.after
            gate.countDown()
            stage.model.saturation(0.5f)
            waitFor("the new colours") { stage.state.photo!!.after !== before }
            stage.settled()
            assertEquals(listOf(0f, 1f), colorizer.vivid) // one was running, and none was begun
        }
    }

    @Test fun cancelledWorkShowsNothingLater() {
        val gate = CountDownLatch(1)
        Stage(FakeModels { FakeColorizer().apply { this.gate = gate } }).use { stage ->
            stage.launch().model.open(stage.photo())
            waitFor("the network") { stage.state.work?.step == Step.COLORIZING }
            stage.click(R.id.cancel)
            assertEquals(R.string.cancelled, stage.state.notice!!.text)
            gate.countDown()
            stage.app.graph.engine.submit { stage.app.graph.main.execute { stage.model.split(0.9f) } }
            waitFor("the engine") { stage.state.split == 0.9f }
            assertEquals(Screen.EMPTY, stage.state.screen)
            assertNull(stage.state.work)
        }
    }
}
