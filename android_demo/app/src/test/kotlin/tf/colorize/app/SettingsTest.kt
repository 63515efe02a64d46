package tf.colorize.app

import android.app.Activity
import android.content.Intent
import android.view.View
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertNull
import org.junit.Assert.assertTrue
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.Shadows.shadowOf
import org.robolectric.annotation.Config
import org.robolectric.shadows.ShadowAlertDialog
import tf.colorize.core.Accelerator
import tf.colorize.core.ModelException

/** Which model runs and how is chosen in dialogs, and kept. */
@RunWith(Runner::class)
@Config(qualifiers = "w360dp-h640dp-mdpi")
class SettingsTest {
    @Test fun modelThreadsAndAcceleratorAreChosenAndKept() = Stage().use { stage ->
        stage.launch()
        choose(stage, 0, "own.tflite")
        assertEquals("own.tflite", stage.state.choice.model)
        choose(stage, 1, "1")
        assertEquals(1, stage.state.choice.threads)
        choose(stage, 2, "Processor, plain")
        assertEquals(Accelerator.CPU, stage.state.choice.accelerator)
        val chosen = stage.state.choice
        stage.controller.pause().stop().destroy()
        stage.install()
        assertEquals(chosen, stage.state.choice) // as at the next start
        stage.launch().settled()
    }

    @Test fun aModelFileIsPicked() = Stage().use { stage ->
        stage.launch().click(R.id.settings)
        shadowOf(ShadowAlertDialog.getLatestAlertDialog()).clickOnItem(3)
        waitFor("the picker") { true }
        val asked = shadowOf(stage.activity).nextStartedActivityForResult
        assertEquals(Intent.ACTION_OPEN_DOCUMENT, asked.intent.action)
        val model = Intent().setData(stage.photo("unet.tflite", golden("models/tiny.tflite")))
        shadowOf(stage.activity).receiveResult(asked.intent, Activity.RESULT_OK, model)
        waitFor("the model") { stage.state.choice.model == "own.tflite" }
    }

    @Test fun theModelInUseCanBeChosenAgain() = Stage().use { stage ->
        stage.launch().opened()
        choose(stage, 0, stage.state.choice.model)
        assertTrue(stage.view<View>(R.id.hint).isEnabled && stage.view<View>(R.id.vivid).isEnabled)
        assertNull(stage.state.work)
    }

    @Test fun backFromAModelThatFailedAllIsAsBefore() = Stage().use { stage ->
        stage.launch().opened()
        stage.models.colorizer = { FakeColorizer().apply { failure = ModelException(ModelException.Reason.CANNOT_RUN, "broken") } }
        choose(stage, 0, "own.tflite")
        stage.settled()
        assertEquals(R.string.model_failed, stage.state.notice!!.text)
        assertFalse(stage.view<View>(R.id.hint).isEnabled)
        choose(stage, 0, "mobile.tflite")
        assertNull(stage.state.notice)
        assertTrue(stage.view<View>(R.id.hint).isEnabled && stage.view<View>(R.id.vivid).isEnabled)
    }

    @Test fun aModelThatRunsAfterAllIsNotCalledBroken() {
        val colorizer = FakeColorizer()
        Stage(FakeModels { colorizer }).use { stage ->
            stage.launch().opened()
            colorizer.failure = OutOfMemoryError()
            stage.model.vivid(1f)
            stage.settled()
            assertEquals(R.string.too_large, stage.state.notice!!.text)
            val before = stage.state.photo!!.after
            stage.model.saturation(0.5f) // of the colours there are
            waitFor("the new colours") { stage.state.photo!!.after !== before }
            assertEquals(R.string.too_large, stage.state.notice!!.text)
            colorizer.failure = null
            stage.model.vivid(0.9f)
            stage.settled()
            assertNull(stage.state.notice)
        }
    }

    @Test fun aModelFileThatIsTakenInClearsWhatWasSaidOfAnother() = Stage().use { stage ->
        stage.models.added = { throw ModelException(ModelException.Reason.DAMAGED, "1") }
        stage.launch().model.addModel(stage.photo("a.tflite"))
        stage.settled()
        assertEquals(R.string.damaged_model, stage.state.notice!!.text)
        stage.models.added = { "own.tflite" }
        stage.model.addModel(stage.photo("b.tflite"))
        stage.settled()
        assertEquals("own.tflite" to null, stage.state.choice.model to stage.state.notice)
    }

    private fun choose(stage: Stage, question: Int, answer: String) {
        stage.click(R.id.settings)
        shadowOf(ShadowAlertDialog.getLatestAlertDialog()).clickOnItem(question)
        waitFor("the question") { true }
        val dialog = shadowOf(ShadowAlertDialog.getLatestAlertDialog())
        dialog.clickOnItem(dialog.items.map { "$it" }.indexOf(answer))
        waitFor("the answer") { true }
    }
}
