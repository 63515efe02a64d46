package tf.colorize.app

import android.net.Uri
import android.widget.TextView
import org.junit.Assert.assertEquals
import org.junit.Assert.assertNull
import org.junit.Assert.assertTrue
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.annotation.Config
import tf.colorize.core.ModelException

/** What goes wrong is named. */
@RunWith(Runner::class)
@Config(qualifiers = "w360dp-h640dp-mdpi")
class ProblemsTest {
    @Test fun whatIsNoPhotoIsNamed() = Stage().use { stage ->
        stage.launch().opened(stage.photo("notes.jpg", golden("README.md")))
        assertEquals(R.string.unreadable, stage.state.notice!!.text)
        assertTrue(stage.view<TextView>(R.id.notice).text.isNotEmpty())
        stage.click(R.id.notice)
        assertNull(stage.state.notice)
        stage.opened() // and the next one works
        assertEquals(Screen.PHOTO, stage.state.screen)
    }

    @Test fun aFileThatIsNoPhotoDoesNotTakeThePlaceOfTheOneOnTheScreen() = Stage().use { stage ->
        stage.launch().opened().opened(stage.photo("notes.jpg", golden("README.md")))
        assertEquals("photo.png", stage.state.photo!!.name)
        stage.click(R.id.save)
        stage.settled()
        assertEquals(R.string.saved, stage.state.notice!!.text)
    }

    @Test fun aPhotoThatIsGoneIsNamed() = Stage().use { stage ->
        stage.launch().opened(Uri.parse("content://nobody/1"))
        assertEquals(true, stage.state.notice?.problem)
    }

    @Test fun aPhotoBeyondTheMemoryIsNamed() = Stage().use { stage ->
        stage.photos.onDecode = { throw OutOfMemoryError("1.2 GB") }
        stage.launch().opened()
        assertEquals(R.string.too_large, stage.state.notice!!.text)
    }

    @Test fun modelsThatAreOfNoUseAreNamed() {
        val texts = mapOf(
            ModelException.Reason.NOT_A_MODEL to R.string.not_a_model,
            ModelException.Reason.NO_CARD to R.string.not_a_model,
            ModelException.Reason.NEWER_CONTRACT to R.string.newer_model,
            ModelException.Reason.DAMAGED to R.string.damaged_model,
            ModelException.Reason.BAD_CARD to R.string.damaged_model,
            ModelException.Reason.NOT_A_COLORIZER to R.string.not_a_colorizer,
            ModelException.Reason.CANNOT_RUN to R.string.model_failed,
            ModelException.Reason.NONSENSE to R.string.model_failed,
        )
        assertEquals(ModelException.Reason.entries.toSet(), texts.keys)
        Stage().use { stage ->
            stage.launch()
            for ((reason, text) in texts) {
                stage.models.added = { throw ModelException(reason, "1") }
                stage.model.addModel(stage.photo())
                stage.settled()
                assertEquals(text, stage.state.notice!!.text)
            }
        }
    }

    @Test fun anAcceleratorOfOtherColoursIsNamed() = Stage(FakeModels().apply { fellBack = true }).use { stage ->
        stage.launch().opened()
        assertEquals(R.string.fell_back, stage.state.notice!!.text)
        assertTrue(stage.view<TextView>(R.id.notice).text.startsWith("XNNPACK"))
    }
}
