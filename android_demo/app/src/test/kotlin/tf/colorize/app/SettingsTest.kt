package tf.colorize.app

import android.app.Activity
import android.content.Intent
import org.junit.Assert.assertEquals
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.Shadows.shadowOf
import org.robolectric.annotation.Config
import org.robolectric.shadows.ShadowAlertDialog
import tf.colorize.core.Accelerator

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

    private fun choose(stage: Stage, question: Int, answer: String) {
        stage.click(R.id.settings)
        shadowOf(ShadowAlertDialog.getLatestAlertDialog()).clickOnItem(question)
        waitFor("the question") { true }
        val dialog = shadowOf(ShadowAlertDialog.getLatestAlertDialog())
        dialog.clickOnItem(dialog.items.map { "$it" }.indexOf(answer))
        waitFor("the answer") { true }
    }
}
