package tf.colorize.app

import android.Manifest
import android.app.Activity
import android.content.ActivityNotFoundException
import android.content.Intent
import android.content.pm.PackageManager
import android.content.res.Configuration
import android.graphics.Insets
import android.graphics.Rect
import android.hardware.display.DisplayManager
import android.net.Uri
import android.os.Build
import android.os.Bundle
import android.provider.MediaStore
import android.view.Surface
import android.view.View
import android.view.WindowInsets
import android.widget.Button
import android.widget.ImageView
import android.widget.ProgressBar
import android.widget.SeekBar
import android.widget.TextView
import tf.colorize.core.Window

/** The only screen: draws the state, and tells the view model what the user does. */
class MainActivity : Activity() {
    private val graph: Graph get() = (application as App).graph
    private val model: ColorizeViewModel get() = graph.model
    private val screen: (UiState) -> Unit = ::show

    override fun onCreate(saved: Bundle?) {
        super.onCreate(saved)
        setContentView(R.layout.activity_main)
        drawUnderBars()
        wire()
        if (saved != null) model.restore(saved.toSaved()) else take(intent)
        model.observe(screen)
    }

    override fun onNewIntent(intent: Intent) {
        super.onNewIntent(intent)
        take(intent)
    }

    override fun onSaveInstanceState(out: Bundle) {
        super.onSaveInstanceState(out)
        out.put(model.state)
    }

    override fun onStart() {
        super.onStart()
        model.observe(screen)
        displays.registerDisplayListener(turned, null)
    }

    override fun onStop() {
        displays.unregisterDisplayListener(turned)
        // One that is finished stops after the next one has started, to which all of it belongs by then.
        if (model.letGo(screen)) graph.viewfinder.stop()
        super.onStop()
    }

    override fun onDestroy() {
        if (isFinishing && model.state.batch?.over != false) graph.engine.release()
        super.onDestroy()
    }

    /** Back from the camera or from setting colours, before it is back from the app. */
    @Suppress("DEPRECATION")
    @Deprecated("the platform's own way back, without AndroidX")
    override fun onBackPressed() = when {
        model.state.screen == Screen.VIEWFINDER -> model.viewfinder(false)
        model.state.tool == Tool.HINT && model.state.screen == Screen.PHOTO -> model.tool(Tool.COMPARE)
        else -> super.onBackPressed()
    }

    private val displays: DisplayManager get() = checkNotNull(getSystemService(DisplayManager::class.java))

    /** From one side onto the other the screen turns without a new activity. */
    private val turned = object : DisplayManager.DisplayListener {
        override fun onDisplayChanged(id: Int) = graph.viewfinder.turn(turn())

        override fun onDisplayAdded(id: Int) = Unit

        override fun onDisplayRemoved(id: Int) = Unit
    }

    /** Edge to edge: the picture may reach under the system's bars, nothing to touch or read does. */
    @Suppress("DEPRECATION") // what API 35 does by itself has to be asked for before
    private fun drawUnderBars() {
        if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.R) {
            window.setDecorFitsSystemWindows(false)
        } else {
            window.decorView.systemUiVisibility = View.SYSTEM_UI_FLAG_LAYOUT_STABLE or
                View.SYSTEM_UI_FLAG_LAYOUT_FULLSCREEN or View.SYSTEM_UI_FLAG_LAYOUT_HIDE_NAVIGATION
        }
        view<View>(R.id.root).setOnApplyWindowInsetsListener { root, insets ->
            val bars = if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.R) {
                insets.getInsets(WindowInsets.Type.systemBars() or WindowInsets.Type.displayCutout())
            } else {
                insets.systemWindowInsets
            }
            root.setPadding(bars.left, bars.top, bars.right, bars.bottom)
            view<CompareView>(R.id.compare).beyond = beyond(bars)
            insets
        }
    }

    /** On the sides where the picture, and not the controls, borders on the bars. */
    private fun beyond(bars: Insets): Rect {
        if (resources.configuration.orientation != Configuration.ORIENTATION_LANDSCAPE) return Rect(bars.left, bars.top, bars.right, 0)
        val controlsAreRight = resources.configuration.layoutDirection == View.LAYOUT_DIRECTION_LTR
        return if (controlsAreRight) Rect(bars.left, bars.top, 0, bars.bottom) else Rect(0, bars.top, bars.right, bars.bottom)
    }

    // --- what comes in ---

    private fun take(intent: Intent?) {
        val uris = intent?.streams().orEmpty()
        // Whoever comes back by the list of recent apps brings what was shared then once more.
        val again = (intent?.flags ?: 0) and Intent.FLAG_ACTIVITY_LAUNCHED_FROM_HISTORY != 0
        when {
            uris.isEmpty() || again -> return
            intent?.action == Intent.ACTION_SEND_MULTIPLE -> batch(uris)
            else -> model.take(uris.single())
        }
        setIntent(Intent()) // once is enough
    }

    @Deprecated("the platform's own way of answers, without AndroidX")
    override fun onActivityResult(request: Int, result: Int, data: Intent?) {
        if (result != RESULT_OK || data == null) return
        val several = data.clipData?.let { clip -> List(clip.itemCount) { clip.getItemAt(it).uri } }.orEmpty()
        val uris = several.ifEmpty { listOfNotNull(data.data) }
        when {
            uris.isEmpty() -> return
            request == MODEL -> model.addModel(uris.first())
            request == BATCH -> { keepAccess(uris); batch(uris) }
            else -> model.open(uris.first())
        }
    }

    /** Beyond the process, where the picker offers it: for a batch that is killed and begun again. */
    private fun keepAccess(uris: List<Uri>) = uris.forEach {
        try {
            contentResolver.takePersistableUriPermission(it, Intent.FLAG_GRANT_READ_URI_PERMISSION)
        } catch (_: SecurityException) {
            // not offered; the right comes with the batch's intent
        }
    }

    private fun batch(uris: List<Uri>) {
        if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.TIRAMISU && !may(Manifest.permission.POST_NOTIFICATIONS)) {
            requestPermissions(arrayOf(Manifest.permission.POST_NOTIFICATIONS), NOTIFY) // works without, only unseen
        }
        try {
            startForegroundService(BatchService.intent(this, uris, model.state))
        } catch (_: SecurityException) { // one of them was shared without the right to read it
            model.problem(R.string.unreadable)
        }
    }

    private fun may(permission: String) = checkSelfPermission(permission) == PackageManager.PERMISSION_GRANTED

    override fun onRequestPermissionsResult(request: Int, permissions: Array<String>, results: IntArray) {
        if (request != CAMERA) return
        if (results.firstOrNull() == PackageManager.PERMISSION_GRANTED) viewfinder() else model.problem(R.string.camera_refused)
    }

    private fun viewfinder() {
        if (!may(Manifest.permission.CAMERA)) return requestPermissions(arrayOf(Manifest.permission.CAMERA), CAMERA)
        model.viewfinder(true)
    }

    private fun turn(): Int {
        @Suppress("DEPRECATION") // Activity.getDisplay is of API 30
        return when (windowManager.defaultDisplay.rotation) {
            Surface.ROTATION_90 -> 90
            Surface.ROTATION_180 -> 180
            Surface.ROTATION_270 -> 270
            else -> 0
        }
    }

    private fun pick(request: Int, several: Boolean) {
        val intent = if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.TIRAMISU) {
            Intent(MediaStore.ACTION_PICK_IMAGES).setType("image/*").apply {
                if (several) putExtra(MediaStore.EXTRA_PICK_IMAGES_MAX, MediaStore.getPickImagesMaxLimit())
            }
        } else {
            document("image/*").putExtra(Intent.EXTRA_ALLOW_MULTIPLE, several)
        }
        ask(intent, request)
    }

    private fun document(type: String) = Intent(Intent.ACTION_OPEN_DOCUMENT).addCategory(Intent.CATEGORY_OPENABLE).setType(type)

    private fun ask(intent: Intent, request: Int) = try {
        @Suppress("DEPRECATION") // see onActivityResult
        startActivityForResult(intent, request)
    } catch (_: ActivityNotFoundException) {
        model.problem(R.string.no_picker)
    }

    // --- what the user does ---

    private fun wire() {
        click(R.id.pick, R.id.pick_first) { pick(PHOTO, several = false) }
        click(R.id.camera) { if (model.state.screen == Screen.VIEWFINDER) graph.viewfinder.takePhoto() else viewfinder() }
        click(R.id.close_camera) { model.viewfinder(false) }
        click(R.id.batch) { pick(BATCH, several = true) }
        click(R.id.save) { model.save() }
        click(R.id.share) { model.save(share = true) }
        click(R.id.settings) { Settings(this, graph.models, model) { ask(document("*/*"), MODEL) }.show() }
        click(R.id.cancel) { model.cancel() }
        click(R.id.cancel_batch) {
            if (model.state.batch?.over == true) model.batch(null)
            else startService(Intent(this, BatchService::class.java).setAction(BatchService.CANCEL))
        }
        click(R.id.hint) { model.tool(if (model.state.tool == Tool.HINT) Tool.COMPARE else Tool.HINT) }
        click(R.id.undo) { model.undo() }
        click(R.id.notice) { model.seen() }
        view<PaletteView>(R.id.palette).chosen = model::colour
        slide(R.id.saturation) { model.saturation(it / 100f) }
        slide(R.id.vivid) { model.vivid(it / 100f) }
        view<CompareView>(R.id.compare).actions = object : CompareView.Actions {
            override fun split(share: Float) = model.split(share)
            override fun addHint(x: Float, y: Float) = model.addHint(x, y)
            override fun moveHint(index: Int, x: Float, y: Float) = model.moveHint(index, x, y)
            override fun removeHint(index: Int) = model.removeHint(index)
            override fun look(window: Window?) = model.look(window)
        }
    }

    private fun click(vararg ids: Int, action: () -> Unit) = ids.forEach { id -> view<View>(id).setOnClickListener { action() } }

    private fun slide(id: Int, moved: (Int) -> Unit) =
        view<SeekBar>(id).setOnSeekBarChangeListener(object : SeekBar.OnSeekBarChangeListener {
            override fun onProgressChanged(bar: SeekBar, value: Int, user: Boolean) {
                if (user) moved(value)
            }

            override fun onStartTrackingTouch(bar: SeekBar) = Unit

            override fun onStopTrackingTouch(bar: SeekBar) = Unit
        })

    // --- what the state says ---

    private fun show(state: UiState) {
        view<View>(R.id.empty).shown = state.screen == Screen.EMPTY && state.work == null
        view<CompareView>(R.id.compare).apply {
            shown = state.screen == Screen.PHOTO
            show(state)
        }
        showWork(state)
        showTools(state)
        showCamera(state)
        view<TextView>(R.id.notice).apply {
            shown = state.notice != null
            state.notice?.let { text = it.say(this@MainActivity) }
            setBackgroundResource(if (state.notice?.problem == true) R.drawable.problem else R.drawable.notice)
        }
        state.toShare?.let { uri -> model.shared(); share(uri) }
    }

    private fun showWork(state: UiState) {
        val now = state.saving ?: state.work
        view<View>(R.id.work).shown = now != null
        now?.let { work ->
            view<TextView>(R.id.step).setText(work.step.text)
            view<ProgressBar>(R.id.progress).apply {
                isIndeterminate = work.share == null
                work.share?.let { progress = (it * max).toInt() }
            }
        }
        view<View>(R.id.batch_row).shown = state.batch != null
        state.batch?.let {
            // A screen reader speaks all of it whenever it changes, which it does with each photo.
            view<TextView>(R.id.batch_text).text = if (it.over) BatchService.textOf(this, it) else BatchService.sumOf(this, it)
            view<Button>(R.id.cancel_batch).setText(if (it.over) R.string.close else R.string.cancel)
        }
    }

    private fun showTools(state: UiState) {
        val photo = state.screen == Screen.PHOTO
        view<View>(R.id.tools).shown = photo || state.screen == Screen.VIEWFINDER
        view<View>(R.id.hint_row).shown = photo && state.tool == Tool.HINT
        view<View>(R.id.undo).isEnabled = state.canUndo
        view<PaletteView>(R.id.palette).show(state.colour)
        view<Button>(R.id.hint).apply {
            shown = photo
            isEnabled = state.card?.hints == true || state.tool == Tool.HINT
            setText(if (state.tool == Tool.HINT) R.string.compare else R.string.hint)
            explain(text, lacking = state.card?.hints == false)
        }
        view<SeekBar>(R.id.saturation).progress = (state.options.saturation * 100).toInt()
        view<SeekBar>(R.id.vivid).apply {
            progress = if (state.card?.vivid == false) 0 else (state.options.vivid * 100).toInt()
            isEnabled = state.card?.vivid == true
            explain(getString(R.string.vivid), lacking = state.card?.vivid == false)
        }
        for (id in intArrayOf(R.id.save, R.id.share)) {
            view<View>(id).apply { shown = photo; isEnabled = state.work == null && state.saving == null }
        }
    }

    /** Why it is disabled, for whoever does not see that it is. */
    private fun View.explain(name: CharSequence, lacking: Boolean) {
        val reason = if (lacking) getString(R.string.not_of_model) else null
        if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.R) {
            stateDescription = reason
        } else {
            contentDescription = listOfNotNull(name, reason).joinToString(". ")
        }
    }

    private fun showCamera(state: UiState) {
        val on = state.screen == Screen.VIEWFINDER
        view<View>(R.id.viewfinder).shown = on
        view<Button>(R.id.camera).setText(if (on) R.string.take_photo else R.string.camera)
        view<View>(R.id.close_camera).shown = on
        for (id in intArrayOf(R.id.pick, R.id.batch)) view<View>(id).shown = !on
        state.frame?.let {
            view<ImageView>(R.id.frame).setImageBitmap(it.picture)
            view<TextView>(R.id.fps).text = getString(R.string.frames_per_second, it.perSecond)
        }
        if (on) graph.viewfinder.start(turn()) else graph.viewfinder.stop()
    }

    private fun share(uri: Uri) {
        val send = Intent(Intent.ACTION_SEND).setType(contentResolver.getType(uri) ?: "image/*")
            .putExtra(Intent.EXTRA_STREAM, uri).addFlags(Intent.FLAG_GRANT_READ_URI_PERMISSION)
        startActivity(Intent.createChooser(send, null))
    }

    private fun <T : View> view(id: Int): T = requireViewById(id)

    private var View.shown: Boolean
        get() = visibility == View.VISIBLE
        set(value) {
            visibility = if (value) View.VISIBLE else View.GONE
        }

    private companion object {
        const val PHOTO = 1
        const val BATCH = 2
        const val MODEL = 3
        const val CAMERA = 4
        const val NOTIFY = 5
    }
}
