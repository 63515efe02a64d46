package tf.colorize.app

import android.app.Activity
import android.content.ComponentName
import android.content.ContextWrapper
import android.content.Intent
import android.net.Uri
import android.os.Build
import android.os.Bundle
import android.provider.MediaStore
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.Shadows.shadowOf
import org.robolectric.annotation.Config
import org.robolectric.util.ReflectionHelpers

/** Where photos and models come from. */
@RunWith(Runner::class)
@Config(qualifiers = "w360dp-h640dp-mdpi")
class IntakeTest {
    @Test fun aPhotoIsPicked() = Stage().use { stage ->
        stage.launch().click(R.id.pick_first)
        val asked = shadowOf(stage.activity).nextStartedActivityForResult
        assertEquals(MediaStore.ACTION_PICK_IMAGES, asked.intent.action)
        shadowOf(stage.activity).receiveResult(asked.intent, Activity.RESULT_OK, Intent().setData(stage.photo()))
        stage.settled()
        assertEquals(Screen.PHOTO, stage.state.screen)
        assertEquals("photo.png", stage.state.photo!!.name)
        assertFalse(stage.state.photo!!.before.sameAs(stage.state.photo!!.after))
    }

    @Test fun beforeApi33ADocumentIsPicked() {
        val real = Build.VERSION.SDK_INT
        ReflectionHelpers.setStaticField(Build.VERSION::class.java, "SDK_INT", 30)
        try {
            Stage().use { stage ->
                stage.launch().click(R.id.pick)
                assertEquals(Intent.ACTION_OPEN_DOCUMENT, shadowOf(stage.activity).nextStartedActivityForResult.intent.action)
            }
        } finally {
            ReflectionHelpers.setStaticField(Build.VERSION::class.java, "SDK_INT", real)
        }
    }

    @Test fun anotherAppSharesAPhoto() = Stage().use { stage ->
        val intent = Intent(Intent.ACTION_SEND).setType("image/png").putExtra(Intent.EXTRA_STREAM, stage.photo())
        stage.launch(intent = intent).settled()
        assertEquals(Screen.PHOTO, stage.state.screen)
    }

    @Test fun otherAppsFindItWhereTheyShare() = Stage().use { stage ->
        for ((action, type) in listOf(
            Intent.ACTION_SEND to "image/jpeg", Intent.ACTION_SEND to "application/octet-stream",
            Intent.ACTION_SEND_MULTIPLE to "image/png",
        )) {
            val found = stage.app.packageManager.queryIntentActivities(Intent(action).setType(type), 0)
            assertEquals("$action $type", listOf(MainActivity::class.java.name), found.map { it.activityInfo.name })
        }
    }

    @Test fun anotherAppSharesAModel() = Stage().use { stage ->
        val uri = stage.photo("unet.tflite", golden("models/tiny.tflite"))
        stage.launch(intent = Intent(Intent.ACTION_SEND).putExtra(Intent.EXTRA_STREAM, uri)).settled()
        waitFor("the choice") { stage.state.choice.model == "own.tflite" }
        assertEquals(Screen.EMPTY, stage.state.screen)
    }

    @Test fun aPhotoThatIsSharedAsAnyFileIsAPhoto() = Stage().use { stage ->
        val send = Intent(Intent.ACTION_SEND).setType("application/octet-stream").putExtra(Intent.EXTRA_STREAM, stage.photo("1234"))
        stage.launch(intent = send).settled()
        assertEquals(Screen.PHOTO, stage.state.screen)
    }

    @Test fun severalThatMayNotBeReadAreNamed() = Stage().use { stage ->
        stage.launch()
        val refusing = object : ContextWrapper(stage.activity.baseContext) {
            override fun startForegroundService(service: Intent): ComponentName? = throw SecurityException("no right to read it")
        }
        ReflectionHelpers.setField(ContextWrapper::class.java, stage.activity, "mBase", refusing)
        val shared = Intent(Intent.ACTION_SEND_MULTIPLE).setType("image/*")
        stage.controller.newIntent(shared.putParcelableArrayListExtra(Intent.EXTRA_STREAM, arrayListOf(stage.photo("a"), stage.photo("b"))))
        assertEquals(Notice(R.string.unreadable, problem = true), stage.state.notice)
    }

    @Test fun whatWasSharedIsNotTakenAgainFromTheListOfRecentApps() = Stage().use { stage ->
        val shared = Intent(Intent.ACTION_SEND).setType("image/png").putExtra(Intent.EXTRA_STREAM, stage.photo())
        stage.launch(intent = shared.addFlags(Intent.FLAG_ACTIVITY_LAUNCHED_FROM_HISTORY)).settled()
        assertEquals(Screen.EMPTY, stage.state.screen)
    }

    @Test fun whatIsNoAddressIsNotOpened() {
        val real = Build.VERSION.SDK_INT
        ReflectionHelpers.setStaticField(Build.VERSION::class.java, "SDK_INT", 30)
        try {
            val other = Bundle()
            assertEquals(emptyList<Uri>(), Intent(Intent.ACTION_SEND).putExtra(Intent.EXTRA_STREAM, other).streams())
            val several = Intent(Intent.ACTION_SEND_MULTIPLE).putParcelableArrayListExtra(Intent.EXTRA_STREAM, arrayListOf(other, Uri.EMPTY))
            assertEquals(listOf(Uri.EMPTY), several.streams())
        } finally {
            ReflectionHelpers.setStaticField(Build.VERSION::class.java, "SDK_INT", real)
        }
    }
}
