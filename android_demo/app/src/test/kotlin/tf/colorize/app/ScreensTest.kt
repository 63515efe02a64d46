package tf.colorize.app

import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RuntimeEnvironment
import org.robolectric.annotation.Config
import tf.colorize.core.ModelException
import tf.colorize.core.Palette
import tf.colorize.core.Parity
import java.util.concurrent.CountDownLatch

/** Every screen as it is drawn, with the platform's own rendering. */
@RunWith(Runner::class)
@Config(qualifiers = "w360dp-h640dp-mdpi")
class ScreensTest {
    @Test fun empty() = Stage().use { it.launch().compareScreen("empty") }

    @Test fun emptyInTheDark() = qualified("+night") { it.launch().compareScreen("empty-dark") }

    @Test fun working() {
        val gate = CountDownLatch(1)
        val models = FakeModels { FakeColorizer().apply { this.gate = gate } }
        Stage(models).use { stage ->
            stage.launch().model.open(stage.photo())
            waitFor("the network") { stage.state.work?.step == Step.COLORIZING }
            // An indeterminate bar moves; so the screen is drawn with a share.
            stage.view<android.widget.ProgressBar>(R.id.progress).apply { isIndeterminate = false; progress = 400 }
            stage.compareScreen("working")
            gate.countDown()
            stage.settled()
        }
    }

    @Test fun compare() = Stage().use { stage ->
        stage.launch().opened().model.split(0.35f)
        stage.compareScreen("compare")
    }

    @Test fun compareInTheDark() = qualified("+night") { it.launch().opened().compareScreen("compare-dark") }

    @Test fun hints() = Stage().use { stage -> withHints(stage).compareScreen("hint") }

    @Test fun error() {
        val newer = ModelException(ModelException.Reason.NEWER_CONTRACT, "7")
        Stage(FakeModels { FakeColorizer().apply { failure = newer } }).use { it.launch().opened().compareScreen("error") }
    }

    @Test fun errorOverAPhoto() = Stage().use { stage ->
        stage.launch().opened()
        stage.opened(stage.photo("text.jpg", golden("README.md"))).compareScreen("error-photo")
    }

    @Test fun largeFont() {
        RuntimeEnvironment.setFontScale(2f)
        Stage().use { withHints(it).compareScreen("large-font") }
    }

    @Test fun largeFontWithoutAPhoto() {
        RuntimeEnvironment.setFontScale(2f)
        Stage().use { it.launch().compareScreen("large-font-empty") }
    }

    @Test fun rightToLeft() = qualified("+ar-ldrtl") { stage -> withHints(stage).compareScreen("right-to-left") }

    @Test fun germanOnItsSide() = qualified("+de-w640dp-h360dp-land") { it.launch().opened().compareScreen("german-landscape") }

    @Test fun aModelWithoutHintsAndVivid() = Stage(FakeModels { FakeColorizer(PLAIN) }).use { it.launch().opened().compareScreen("plain-model") }

    @Test fun viewfinder() = Stage().use { stage ->
        stage.launch().model.viewfinder(true)
        stage.camera.frame!!(Parity.picture())
        waitFor("a frame") { stage.state.frame != null }
        stage.model.frame(stage.state.frame!!.copy(perSecond = 12.34f), FakeColorizer.CARD)
        stage.compareScreen("viewfinder")
    }

    @Test fun batch() = Stage().use { stage ->
        val problems = listOf("grandma.jpg: This photo cannot be read. Try another one.")
        stage.launch().model.batch(Batch(3, 12, problems))
        stage.compareScreen("batch")
        stage.model.batch(Batch(12, 12, problems, over = true))
        stage.compareScreen("batch-over")
    }

    private fun withHints(stage: Stage): Stage {
        stage.launch().opened()
        stage.model.tool(Tool.HINT)
        stage.model.colour(Palette.SKY)
        stage.model.addHint(70f, 12f)
        stage.settled()
        stage.model.colour(Palette.BRICK)
        stage.model.addHint(30f, 55f)
        stage.settled()
        return stage
    }

    private fun qualified(qualifiers: String, test: (Stage) -> Unit) {
        RuntimeEnvironment.setQualifiers(qualifiers)
        Stage().use(test)
    }
}
