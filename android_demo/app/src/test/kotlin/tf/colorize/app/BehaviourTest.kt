package tf.colorize.app

import android.app.Activity
import android.content.Intent
import android.net.Uri
import android.os.Build
import android.os.Bundle
import android.provider.MediaStore
import android.view.MotionEvent
import android.view.View
import android.view.ViewGroup
import android.view.accessibility.AccessibilityNodeInfo
import android.widget.SeekBar
import android.widget.TextView
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertNotNull
import org.junit.Assert.assertNull
import org.junit.Assert.assertTrue
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.Shadows.shadowOf
import org.robolectric.annotation.Config
import org.robolectric.util.ReflectionHelpers
import tf.colorize.core.ModelException
import tf.colorize.core.Palette
import java.io.IOException
import java.util.concurrent.CancellationException
import java.util.concurrent.CountDownLatch

/** What the user does, and what goes wrong. */
@RunWith(Runner::class)
@Config(qualifiers = "w360dp-h640dp-mdpi")
class BehaviourTest {
    // --- where photos come from ---

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

    @Test fun whatWasSharedIsNotTakenAgainFromTheListOfRecentApps() = Stage().use { stage ->
        val shared = Intent(Intent.ACTION_SEND).setType("image/png").putExtra(Intent.EXTRA_STREAM, stage.photo())
        stage.launch(intent = shared.addFlags(Intent.FLAG_ACTIVITY_LAUNCHED_FROM_HISTORY)).settled()
        assertEquals(Screen.EMPTY, stage.state.screen)
    }

    // --- hints and sliders ---

    @Test fun aTapSetsAHintADragMovesItUndoTakesBothBack() = Stage().use { stage ->
        stage.launch().opened()
        stage.click(R.id.hint)
        stage.model.colour(Palette.RED)
        val view = stage.view<CompareView>(R.id.compare)
        stage.drawn()
        val (x, y) = view.width / 2f to view.height / 2f
        touch(view, x to y)
        stage.settled()
        val hint = stage.state.hints.single()
        assertEquals(49.5f, hint.x, 1f)
        assertTrue(hint.red > hint.green + 50)
        touch(view, x to y, x + 60 to y + 30, x + 90 to y + 30)
        stage.settled()
        assertEquals(hint.x + 90 * 100f / view.width, stage.state.hints.single().x, 1f)
        stage.click(R.id.undo)
        stage.settled()
        assertEquals(listOf(hint), stage.state.hints)
        stage.click(R.id.undo)
        stage.settled()
        assertEquals(emptyList<Any>(), stage.state.hints)
        assertFalse(stage.view<View>(R.id.undo).isEnabled)
        assertEquals(listOf(0, 1, 1, 1, 0), stage.models.opened.single().asked.map { it.size })
    }

    @Test fun theLineIsDragged() = Stage().use { stage ->
        stage.launch().opened()
        val view = stage.view<CompareView>(R.id.compare)
        stage.drawn()
        touch(view, view.width / 2f to 200f, view.width / 4f to 200f)
        assertEquals(0.25f, stage.state.split, 0.02f)
        view.performAccessibilityAction(AccessibilityNodeInfo.ACTION_SCROLL_FORWARD, null)
        assertEquals(0.35f, stage.state.split, 0.02f)
    }

    @Test fun theLineCanBeTakenAtTheEdgeOfTheScreen() = Stage().use { stage ->
        stage.launch().opened().model.split(0f)
        val view = stage.view<CompareView>(R.id.compare)
        stage.drawn()
        assertTrue(view.systemGestureExclusionRects.single().contains(10, view.height / 2))
        stage.model.tool(Tool.HINT)
        assertEquals(emptyList<Any>(), view.systemGestureExclusionRects)
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

    @Test fun saturationAsksTheNetworkNothingVividDoes() = Stage().use { stage ->
        stage.launch().opened()
        val before = stage.state.photo!!.after
        stage.model.saturation(0f)
        waitFor("gray") { stage.state.photo!!.after !== before }
        val gray = stage.state.photo!!.after.argb()
        assertTrue(gray.all { (it ushr 16 and 0xFF) - (it and 0xFF) in -2..2 })
        assertEquals(1, stage.models.opened.single().asked.size)
        stage.model.vivid(1f)
        stage.settled()
        assertEquals(2, stage.models.opened.single().asked.size)
    }

    @Test fun vividIsNotOfferedWhereTheModelHasNone() = Stage(FakeModels { FakeColorizer(PLAIN) }).use { stage ->
        stage.launch().opened()
        for (id in intArrayOf(R.id.vivid, R.id.hint)) {
            assertFalse(stage.view<View>(id).isEnabled)
            assertEquals("The model in use does not offer this.", stage.view<View>(id).stateDescription)
        }
        assertTrue(stage.view<View>(R.id.saturation).isEnabled)
        stage.model.vivid(1f)
        stage.settled()
        assertEquals(0f, stage.state.options.vivid, 0f)
        assertEquals(listOf(0f), stage.models.opened.single().vivid)
    }

    @Test fun whereTheModelHasItVividSaysItsValue() = Stage().use { stage ->
        stage.launch().opened().model.vivid(0.5f)
        stage.settled()
        val slider = stage.view<SeekBar>(R.id.vivid)
        assertEquals(50 to true, slider.progress to slider.isEnabled)
        assertFalse("${slider.stateDescription}", "does not offer" in "${slider.stateDescription}")
    }

    @Test fun beforeApi30TheReasonIsInTheDescription() {
        val real = Build.VERSION.SDK_INT
        Stage(FakeModels { FakeColorizer(PLAIN) }).use { stage ->
            stage.launch().opened()
            ReflectionHelpers.setStaticField(Build.VERSION::class.java, "SDK_INT", 29)
            try {
                stage.model.saturation(0.5f)
                assertEquals("Vivid. The model in use does not offer this.", stage.view<View>(R.id.vivid).contentDescription)
            } finally {
                ReflectionHelpers.setStaticField(Build.VERSION::class.java, "SDK_INT", real)
            }
        }
    }

    @Test fun aModelWithoutHintsEndsTheirToolAndKeepsThem() {
        val cards = ArrayDeque(listOf(FakeColorizer.CARD, PLAIN, FakeColorizer.CARD))
        Stage(FakeModels { FakeColorizer(cards.removeFirst()) }).use { stage ->
            stage.launch().opened().click(R.id.hint)
            stage.model.vivid(0.5f)
            stage.model.addHint(10f, 10f)
            stage.settled()
            stage.model.choose(stage.state.choice.copy(model = "own.tflite"))
            stage.settled()
            assertEquals(Tool.COMPARE, stage.state.tool)
            assertEquals(0, stage.view<SeekBar>(R.id.vivid).progress)
            assertEquals(listOf(0), stage.models.opened.last().asked.map { it.size })
            stage.model.choose(stage.state.choice.copy(model = "mobile.tflite"))
            stage.settled()
            assertEquals(1, stage.models.opened.last().asked.single().size)
            assertEquals(50, stage.view<SeekBar>(R.id.vivid).progress)
        }
    }

    // --- whoever does not wait ---

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
        assertEquals(R.string.saved, stage.state.notice!!.text)
        assertEquals("another.png", stage.state.photo!!.name)
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

    @Test fun cancelledColoursAreNotSoughtAgain() {
        val colorizer = FakeColorizer()
        Stage(FakeModels { colorizer }).use { stage ->
            stage.launch().opened()
            val gate = CountDownLatch(1)
            colorizer.gate = gate
            stage.model.vivid(1f)
            stage.click(R.id.cancel)
            val before = stage.state.photo!!.after
            gate.countDown()
            stage.model.saturation(0.5f)
            waitFor("the new colours") { stage.state.photo!!.after !== before }
            stage.settled()
            assertEquals(listOf(0f, 1f), colorizer.vivid) // one was running, and none was begun
        }
    }

    // --- results ---

    @Test fun whatHadToBeLeftOutIsNamed() = Stage().use { stage ->
        stage.launch().opened(stage.talkative("photo.png"))
        stage.click(R.id.save)
        stage.settled()
        assertEquals(Notice(R.string.saved_without, listOf("EXIF")), stage.state.notice)
        assertTrue(stage.view<TextView>(R.id.notice).text.endsWith("too large: EXIF."))
    }

    @Test fun aFullDiskIsNamedThoughTheEncoderSwallowsIt() = Stage().use { stage ->
        var sum = 0
        shadowOf(stage.resolver).registerOutputStream(
            Uri.parse("content://media/external/images/media/1"),
            object : java.io.OutputStream() {
                override fun write(byte: Int) {
                    if (++sum == 5000) throw IOException("write failed: ENOSPC (No space left on device)")
                }
            },
        )
        stage.launch().opened(stage.photo("noise.png", noise()))
        stage.click(R.id.save)
        stage.settled()
        assertEquals(R.string.no_space, stage.state.notice!!.text)
        assertEquals(1, stage.deleted)
    }

    @Test fun whatCannotBeSavedIsNotCalledUnreadable() = Stage().use { stage ->
        stage.photos.onSave = { throw IOException("no gallery") }
        stage.launch().opened()
        stage.click(R.id.save)
        stage.settled()
        assertEquals(Notice(R.string.failed, listOf("no gallery"), problem = true), stage.state.notice)
    }

    @Test fun theColoursOfAModelBeforeOneThatFailsCanBeSaved() {
        val broken = ModelException(ModelException.Reason.CANNOT_RUN, "broken")
        var count = 0
        Stage(FakeModels { FakeColorizer().apply { if (count++ > 0) failure = broken } }).use { stage ->
            stage.launch().opened()
            stage.model.choose(stage.state.choice.copy(model = "own.tflite"))
            stage.settled()
            assertEquals(R.string.model_failed, stage.state.notice!!.text)
            val before = stage.state.photo!!.after
            stage.model.saturation(0f)
            waitFor("gray") { stage.state.photo!!.after !== before }
            stage.settled()
            stage.click(R.id.save)
            stage.settled()
            assertEquals(R.string.saved, stage.state.notice!!.text)
            assertEquals(2, stage.models.opened.size)
        }
    }

    @Test fun sharingSavesAtFullSizeFirst() = Stage().use { stage ->
        val out = java.io.ByteArrayOutputStream()
        shadowOf(stage.resolver).registerOutputStream(Uri.parse("content://media/external/images/media/1"), out)
        stage.launch().opened()
        stage.click(R.id.share)
        stage.settled()
        val chooser = shadowOf(stage.activity).nextStartedActivity
        val send = chooser.getParcelableExtra(Intent.EXTRA_INTENT, Intent::class.java)!!
        assertEquals(Intent.ACTION_SEND, send.action)
        assertNotNull(send.getParcelableExtra(Intent.EXTRA_STREAM, Uri::class.java))
        assertEquals(listOf("photo.colorized.jpg"), stage.inserted)
        val saved = out.toByteArray()
        val picture = android.graphics.BitmapFactory.decodeByteArray(saved, 0, saved.size)
        assertEquals(100 to 75, picture.width to picture.height)
        val metadata = tf.colorize.core.Metadata.read(java.nio.ByteBuffer.wrap(saved))
        assertTrue(tf.colorize.core.Provenance.SOURCE_TYPE in metadata.xmp!!.decodeToString())
        assertTrue("colorize_tf" in metadata.exif!!.toString(Charsets.ISO_8859_1))
        assertNull(stage.state.toShare)
    }

    @Test fun withoutSpaceNothingPartialStays() = Stage().use { stage ->
        shadowOf(stage.resolver).registerOutputStream(
            Uri.parse("content://media/external/images/media/1"),
            object : java.io.OutputStream() {
                override fun write(byte: Int) = throw IOException("write failed: ENOSPC (No space left on device)")
            },
        )
        stage.launch().opened()
        stage.click(R.id.save)
        stage.settled()
        assertEquals(R.string.no_space, stage.state.notice!!.text)
        assertEquals(1, stage.deleted)
        assertEquals(Screen.PHOTO, stage.state.screen)
    }

    // --- what goes wrong ---

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

    // --- lifecycle ---

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

    @Test fun backEndsSettingColoursBeforeTheApp() = Stage().use { stage ->
        stage.launch().opened().click(R.id.hint)
        back(stage)
        assertEquals(Tool.COMPARE, stage.state.tool)
        assertFalse(stage.activity.isFinishing)
        back(stage)
        assertTrue(stage.activity.isFinishing)
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

    // --- accessibility ---

    @Test fun whatCanBeTouchedHasANameAndRoomForAFinger() = Stage().use { stage ->
        stage.launch().opened()
        stage.model.tool(Tool.HINT)
        stage.drawn()
        var touchable = 0
        fun check(view: View) {
            if (view.visibility != View.VISIBLE) return
            if (view.isClickable && view.id != View.NO_ID || view.tag is Palette) {
                touchable++
                val name = view.contentDescription ?: (view as? TextView)?.text
                assertTrue("$view", !name.isNullOrBlank())
                assertTrue("$view", view.height >= 48 && view.width >= 48)
            }
            if (view is ViewGroup) for (index in 0 until view.childCount) check(view.getChildAt(index))
        }
        check(stage.activity.window.decorView)
        assertTrue("$touchable", touchable > 15)
        stage.model.tool(Tool.COMPARE)
        val described = stage.view<View>(R.id.compare).contentDescription.toString()
        assertTrue(described, "photo.png" in described && "50" in described)
    }

    @Suppress("DEPRECATION")
    private fun back(stage: Stage) = stage.activity.onBackPressed()

    /** Of which a JPEG is large. */
    private fun noise(): java.io.File {
        val random = kotlin.random.Random(3)
        val bitmap = android.graphics.Bitmap.createBitmap(
            IntArray(300 * 200) { (0xFF shl 24) or random.nextInt() }, 300, 200, android.graphics.Bitmap.Config.ARGB_8888,
        )
        return java.io.File.createTempFile("noise", ".png").apply {
            deleteOnExit()
            outputStream().use { bitmap.compress(android.graphics.Bitmap.CompressFormat.PNG, 100, it) }
        }
    }

    private fun touch(view: View, vararg places: Pair<Float, Float>) {
        val start = android.os.SystemClock.uptimeMillis()
        places.forEachIndexed { index, (x, y) ->
            val action = if (index == 0) MotionEvent.ACTION_DOWN else MotionEvent.ACTION_MOVE
            view.dispatchTouchEvent(MotionEvent.obtain(start, start + 20 * index, action, x, y, 0))
        }
        val (x, y) = places.last()
        view.dispatchTouchEvent(MotionEvent.obtain(start, start + 20 * places.size, MotionEvent.ACTION_UP, x, y, 0))
        waitFor("the touch") { true }
    }
}
