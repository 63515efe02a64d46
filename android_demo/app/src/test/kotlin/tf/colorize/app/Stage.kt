package tf.colorize.app

import android.content.ContentResolver
import android.content.Intent
import android.graphics.Bitmap
import android.graphics.BitmapFactory
import android.graphics.Canvas
import android.net.Uri
import android.os.Bundle
import android.view.View
import org.junit.Assert.assertEquals
import org.junit.Assert.assertTrue
import org.robolectric.Robolectric
import org.robolectric.RuntimeEnvironment
import org.robolectric.Shadows.shadowOf
import org.robolectric.android.controller.ActivityController
import tf.colorize.core.Distance
import tf.colorize.core.Metadata
import java.io.File
import java.io.FileNotFoundException

/** The app with fake parts, its activity, and a photo to open. */
class Stage(val models: FakeModels = FakeModels(), val camera: FakeCamera = FakeCamera()) : AutoCloseable {
    val app = RuntimeEnvironment.getApplication() as App
    val photos = TroubledPhotos(StoredPhotos(app))
    val resolver: ContentResolver get() = app.contentResolver
    lateinit var controller: ActivityController<MainActivity>
    val activity: MainActivity get() = controller.get()
    val model get() = app.graph.model
    val state get() = model.state

    init {
        install()
    }

    /** As after the death of the process: nothing is left but files. */
    fun install() {
        if (::controller.isInitialized) app.graph.engine.close()
        app.graph = Graph(app, photos = photos, models = models, camera = camera)
    }

    fun launch(saved: Bundle? = null, intent: Intent? = null): Stage {
        controller = Robolectric.buildActivity(MainActivity::class.java, intent ?: Intent())
        if (saved == null) controller.create() else controller.create(saved)
        controller.start().resume().visible()
        waitFor("the first picture") { true }
        return this
    }

    fun photo(name: String = "photo.png", file: File = golden("colour.png")): Uri {
        val uri = Uri.parse("content://photos/$name")
        shadowOf(resolver).registerInputStreamSupplier(uri) { file.inputStream() }
        return uri
    }

    fun missing(): Uri {
        val uri = Uri.parse("content://photos/gone.jpg")
        shadowOf(resolver).registerInputStreamSupplier(uri) { throw java.io.UncheckedIOException(FileNotFoundException("gone")) }
        return uri
    }

    /** A photo whose EXIF is larger than what a JPEG has room for. */
    fun talkative(name: String): Uri {
        val exif = "II*\u0000\u0008\u0000\u0000\u0000\u0000\u0000\u0000\u0000\u0000\u0000".toByteArray(Charsets.ISO_8859_1) + ByteArray(80_000)
        val file = File.createTempFile("talkative", ".png").apply { deleteOnExit() }
        val marked = Metadata(exif = exif).marked("camera", 100, 75)
        file.outputStream().use { out -> Metadata.intoPng(out, marked).use { it.write(golden("colour.png").readBytes()) } }
        return photo(name, file)
    }

    fun opened(uri: Uri = photo()): Stage {
        model.open(uri)
        settled()
        return this
    }

    fun settled() = waitFor("the end of the work") { state.work == null && state.saving == null }

    /** Names of the photos whose files are kept, once the engine has done what it was asked to. */
    val kept: List<String> get() {
        var idle = false
        app.graph.engine.submit { app.graph.main.execute { idle = true } }
        waitFor("the engine") { idle }
        val files = File(app.filesDir, "photos").listFiles().orEmpty().sorted()
        return files.filter { it.extension == "name" }.map { it.readText() }.also { assertEquals("$files", 2 * it.size, files.size) }
    }

    /** Names of the pictures that were put into the gallery, and how many were taken out again. */
    @Suppress("DEPRECATION")
    val inserted: List<String> get() = shadowOf(resolver).insertStatements.map { it.contentValues.getAsString("_display_name") }

    @Suppress("DEPRECATION")
    val deleted: Int get() = shadowOf(resolver).deleteStatements.size

    fun <T : View> view(id: Int): T = activity.requireViewById(id)

    fun click(id: Int) {
        val view = view<View>(id)
        assertEquals(View.VISIBLE, view.visibility)
        assertTrue("disabled", view.isEnabled)
        view.performClick()
        waitFor("the click") { true }
    }

    fun drawn(): Bitmap {
        waitFor("layout") { true }
        val root = activity.window.decorView
        return Bitmap.createBitmap(root.width, root.height, Bitmap.Config.ARGB_8888).also { root.draw(Canvas(it)) }
    }

    /** Keeps the screen as an artefact, and compares it with the one that was looked at and accepted. */
    fun compareScreen(name: String) {
        val found = drawn()
        val file = File(System.getProperty("screenshots") ?: "target/screenshots", "$name.png")
        file.parentFile?.mkdirs()
        file.outputStream().use { found.compress(Bitmap.CompressFormat.PNG, 100, it) }
        val accepted = File(System.getProperty("accepted") ?: "src/test/screenshots", "$name.png")
        assertTrue("$name was never accepted; look at $file, and copy it to $accepted", accepted.isFile)
        val wanted = BitmapFactory.decodeFile(accepted.path)
        assertEquals("$name: size", "${wanted.width} × ${wanted.height}", "${found.width} × ${found.height}")
        val distance = Distance.between(found.argb(), wanted.argb())
        assertTrue("$name differs from $accepted: mean ${distance.mean}; see $file", distance.mean <= SAME)
    }

    override fun close() {
        if (::controller.isInitialized) controller.pause().stop().destroy()
        app.graph.engine.close()
    }

    private companion object {
        const val SAME = 0.05 // of 255; a word that changed is 0.2 and more
    }
}
