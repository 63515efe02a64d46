package tf.colorize.app

import android.content.Intent
import android.os.Bundle
import android.view.View
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertNotNull
import org.junit.Assert.assertNull
import org.junit.Assert.assertTrue
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.Shadows.shadowOf
import org.robolectric.annotation.Config
import tf.colorize.core.Palette
import java.io.File
import java.util.concurrent.CountDownLatch

/** What the system does to the app: turned, killed, left. */
@RunWith(Runner::class)
@Config(qualifiers = "w360dp-h640dp-mdpi")
class LifecycleTest {
    @Test fun rotationLosesNothingAndAsksNothing() = Stage().use { stage ->
        stage.launch().opened()
        stage.model.tool(Tool.HINT)
        stage.model.addHint(10f, 10f)
        stage.settled()
        val state = stage.state
        stage.controller.recreate()
        assertEquals(state, stage.state)
        assertEquals(View.VISIBLE, stage.view<View>(R.id.hint_row).visibility)
        assertEquals(2, stage.models.opened.single().asked.size)
    }

    @Test fun theDeathOfTheProcessLosesNoWork() = Stage().use { stage ->
        stage.launch().opened()
        stage.model.tool(Tool.HINT)
        stage.model.colour(Palette.SKY)
        stage.model.addHint(10f, 20f)
        stage.settled()
        val paler = stage.state.photo!!.after
        stage.model.saturation(1.4f)
        waitFor("the new colours") { stage.state.photo!!.after !== paler }
        stage.model.split(0.2f)
        val before = stage.state
        val saved = Bundle()
        stage.controller.saveInstanceState(saved).pause().stop().destroy()
        stage.install()
        assertEquals(Screen.EMPTY, stage.state.screen)
        stage.launch(saved).settled()
        assertEquals(before.copy(photo = null, card = null, canUndo = false), stage.state.copy(photo = null, card = null))
        assertTrue(before.photo!!.after.sameAs(stage.state.photo!!.after))
    }

    @Test fun anEmptyScreenStaysEmptyWhenItIsTurned() = Stage().use { stage ->
        stage.launch().opened()
        stage.controller.pause().stop().destroy()
        stage.install()
        stage.launch() // a new start, and not the return of what was killed
        stage.controller.recreate()
        stage.settled()
        assertEquals(Screen.EMPTY, stage.state.screen)
    }

    @Test fun hintsOfAnotherPhotoAreNotBroughtBack() = Stage().use { stage ->
        stage.launch().opened(stage.photo("first.png")).model.addHint(10f, 10f)
        stage.settled()
        val saved = Bundle()
        stage.controller.saveInstanceState(saved)
        stage.opened(stage.photo("second.png"))
        stage.controller.pause().stop().destroy()
        stage.install()
        stage.launch(saved).settled()
        assertEquals("second.png" to 0, stage.state.photo!!.name to stage.state.hints.size)
    }

    @Test fun aPhotoThatIsBeingOpenedSurvivesTheProcess() {
        val gate = CountDownLatch(1)
        Stage(FakeModels { FakeColorizer().apply { this.gate = gate } }).use { stage ->
            val intent = Intent(Intent.ACTION_SEND).setType("image/png").putExtra(Intent.EXTRA_STREAM, stage.photo("shared.png"))
            stage.launch(intent = intent)
            waitFor("the network") { stage.state.work?.step == Step.COLORIZING }
            shadowOf(stage.resolver).registerInputStreamSupplier(stage.photo("shared.png")) { throw SecurityException("no more") }
            stage.killed()
            gate.countDown()
            stage.settled()
            assertEquals("shared.png", stage.state.photo!!.name)
            assertEquals(listOf("shared.png"), stage.kept)
        }
    }

    @Test fun aPhotoThatWasNotYetCopiedIsReadAgainOrMissed() {
        val gate = CountDownLatch(1)
        Stage(FakeModels { FakeColorizer().apply { this.gate = gate } }).use { stage ->
            stage.launch().model.take(stage.photo())
            repeat(2) {
                stage.killed { File(stage.app.filesDir, "photos").deleteRecursively() }
                waitFor("the network") { stage.state.work?.step == Step.COLORIZING }
            }
            shadowOf(stage.resolver).registerInputStreamSupplier(stage.photo()) { throw SecurityException("no more") }
            stage.killed { File(stage.app.filesDir, "photos").deleteRecursively() }
            gate.countDown()
            stage.settled()
            assertEquals(Screen.EMPTY to R.string.unreadable, stage.state.screen to stage.state.notice!!.text)
        }
    }

    @Test fun aSecondDeathWhileAPhotoIsBroughtBackLosesNothing() {
        var gate: CountDownLatch? = null
        Stage(FakeModels { FakeColorizer().apply { this.gate = gate } }).use { stage ->
            stage.launch().opened().model.addHint(10f, 20f)
            stage.settled()
            stage.model.vivid(0.5f)
            stage.settled()
            val before = stage.state
            gate = CountDownLatch(1)
            repeat(2) {
                stage.killed()
                waitFor("the network") { stage.state.work?.step == Step.COLORIZING }
                assertEquals(Screen.EMPTY, stage.state.screen)
            }
            gate!!.countDown()
            stage.settled()
            assertEquals(before.hints to before.options, stage.state.hints to stage.state.options)
            assertTrue(before.photo!!.after.sameAs(stage.state.photo!!.after))
        }
    }

    @Test fun aPhotoOfWhichTheProcessDiesDoesNotComeBackForEver() {
        var gate: CountDownLatch? = null
        Stage(FakeModels { FakeColorizer().apply { this.gate = gate } }).use { stage ->
            stage.launch().opened(stage.photo("first.png"))
            gate = CountDownLatch(1)
            stage.models.opened.last().gate = gate
            stage.model.open(stage.photo("deadly.png"))
            stage.killedAtTheNetwork(times = 3)
            gate!!.countDown()
            stage.settled()
            assertEquals("first.png" to R.string.not_again, stage.state.run { photo?.name to notice?.text })
            // Once it came back, so many deaths are allowed to it again.
            repeat(4) {
                stage.killed()
                stage.settled()
                assertEquals("first.png", stage.state.photo?.name)
            }
        }
    }

    @Test fun whereTheOnlyPhotoDoesNotComeBackTheScreenIsEmpty() {
        var gate: CountDownLatch? = null
        Stage(FakeModels { FakeColorizer().apply { this.gate = gate } }).use { stage ->
            stage.launch().opened()
            gate = CountDownLatch(1)
            repeat(2) {
                stage.killed()
                waitFor("the network") { stage.state.work?.step == Step.COLORIZING }
            }
            stage.killed()
            gate!!.countDown()
            stage.settled()
            assertEquals(Screen.EMPTY to R.string.not_again, stage.state.screen to stage.state.notice?.text)
            stage.opened()
            assertNotNull(stage.state.photo)
        }
    }

    @Test fun whatAnotherPhotoWasToFollowComesBackIfThatIsCancelled() = anotherPhotoDoesNotCome(R.string.cancelled) { stage ->
        stage.click(R.id.cancel)
    }

    @Test fun whatAnotherPhotoWasToFollowComesBackWhenTheCameraIsClosed() = anotherPhotoDoesNotCome(null) { stage ->
        stage.model.viewfinder(true)
        stage.model.viewfinder(false)
    }

    private fun anotherPhotoDoesNotCome(said: Int?, end: (Stage) -> Unit) {
        var gate: CountDownLatch? = null
        Stage(FakeModels { FakeColorizer().apply { this.gate = gate } }).use { stage ->
            stage.launch().opened(stage.photo("first.png")).model.addHint(10f, 20f)
            stage.settled()
            val hints = stage.state.hints
            gate = CountDownLatch(1)
            stage.models.opened.last().gate = gate
            stage.model.open(stage.photo("second.png"))
            stage.killedAtTheNetwork(times = 2)
            waitFor("the network") { stage.state.work?.step == Step.COLORIZING }
            end(stage)
            gate!!.countDown()
            stage.settled()
            assertEquals(Triple("first.png", hints, said), stage.state.run { Triple(photo?.name, this.hints, notice?.text) })
            assertEquals(listOf("first.png"), stage.kept)
        }
    }

    @Test fun backEndsSettingColoursBeforeTheApp() = Stage().use { stage ->
        stage.launch().opened().click(R.id.hint)
        back(stage)
        assertEquals(Tool.COMPARE, stage.state.tool)
        assertFalse(stage.activity.isFinishing)
        back(stage)
        assertTrue(stage.activity.isFinishing)
    }

    @Test fun anActivityThatStopsLateLeavesTheNextOneAlone() = Stage().use { stage ->
        stage.launch().model.viewfinder(true)
        val old = stage.controller.pause()
        old.get().finish()
        stage.launch() // in the system's order
        old.stop().destroy()
        assertNotNull(stage.camera.frame)
        stage.opened()
        assertEquals(View.VISIBLE, stage.view<View>(R.id.compare).visibility)
        assertNull(stage.camera.frame)
    }

    @Test fun oneThreadOpensRunsAndClosesTheModel() = Stage().use { stage ->
        stage.launch().opened()
        val first = stage.models.opened.single()
        stage.model.choose(stage.state.choice.copy(threads = 1))
        stage.settled()
        assertEquals("engine", first.closedOn)
        assertEquals(setOf("engine"), first.threads)
        assertEquals(2, stage.models.opened.size)
        stage.app.onTrimMemory(android.content.ComponentCallbacks2.TRIM_MEMORY_BACKGROUND)
        waitFor("release") { stage.models.opened.last().closedOn != null }
    }

    /** Its process, while the screen is not seen; and then it is begun again. */
    private fun Stage.killed(meanwhile: () -> Unit = {}) {
        val saved = Bundle()
        controller.saveInstanceState(saved).pause().stop().destroy()
        install()
        meanwhile()
        launch(saved)
    }

    private fun Stage.killedAtTheNetwork(times: Int) = repeat(times) {
        waitFor("the network") { state.work?.step == Step.COLORIZING }
        killed()
    }

    @Suppress("DEPRECATION")
    private fun back(stage: Stage) = stage.activity.onBackPressed()
}
