package tf.colorize.app

import android.graphics.Bitmap
import android.net.Uri
import tf.colorize.core.Chroma
import tf.colorize.core.Hint
import tf.colorize.core.Options
import tf.colorize.core.Palette
import tf.colorize.core.Small
import tf.colorize.core.Srgb
import tf.colorize.core.Watch
import tf.colorize.core.Window
import tf.colorize.core.finished
import tf.colorize.core.fuse
import java.io.IOException
import java.util.concurrent.CancellationException
import java.util.concurrent.Executor
import java.util.concurrent.atomic.AtomicInteger

/** Turns what the user does into new states. Lives as long as the process; called on the [main] thread. */
class ColorizeViewModel(
    private val photos: Photos,
    private val models: Models,
    private val engine: Engine,
    private val main: Executor,
    private val choices: Choices,
) {
    var state = UiState(choice = choices.last())
        private set
    private var observer: ((UiState) -> Unit)? = null
    private val earlier = ArrayDeque<List<Hint>>()

    /** Rises with everything that makes running work pointless. */
    private val generation = AtomicInteger()

    /** Rises with every other part of the photo that is looked at. */
    private val looks = AtomicInteger()

    /** What the engine's thread keeps of the photo on the screen; replaced as a whole. */
    @Volatile private var current: Current? = null

    private class Photo(val file: PhotoFile, val width: Int, val height: Int, val small: Small, val before: Bitmap)

    private class Current(val photo: Photo, val raw: Chroma)

    /** What the user asked for when a job began. */
    private class Wish(val hints: List<Hint>, val choice: Choice, val options: Options)

    /** [observer] gets the state now and whenever it changes; null ends that. */
    fun observe(observer: ((UiState) -> Unit)?) {
        this.observer = observer
        observer?.invoke(state)
    }

    private fun update(change: UiState.() -> UiState) {
        state = state.change()
        observer?.invoke(state)
    }

    private fun post(mine: Int, change: UiState.() -> UiState) = main.execute {
        if (generation.get() == mine) update(change)
    }

    // --- photos ---

    fun open(uri: Uri) = load { photos.take(uri) }

    fun open(jpeg: ByteArray) = load { photos.take(jpeg) }

    /** Where the process was killed, the photo's file, the hints and the options are what is left. */
    fun restore(saved: Saved) {
        if (state.screen != Screen.EMPTY || state.work != null) return // it was not killed
        val file = photos.last() ?: return
        update { copy(options = saved.options, split = saved.split, tool = saved.tool, colour = saved.colour) }
        load(saved.hints) { file }
    }

    private fun load(hints: List<Hint> = emptyList(), take: () -> PhotoFile) {
        update { copy(notice = null, frame = null, screen = screenWithoutCamera()) }
        val wish = Wish(hints, state.choice, state.options)
        run(Step.READING) { mine, watch, access ->
            val taken = take()
            val photo = photos.decode(taken).use { raster ->
                val small = Small.of(raster, engine.workers, watch)
                // Only now, so that a file that cannot be read does not take the place of the one on the screen.
                Photo(photos.settle(taken), raster.width, raster.height, small, small.pixels.toBitmap())
            }
            colorize(mine, access, photo, wish, another = true)
        }
    }

    private fun UiState.screenWithoutCamera() = when {
        screen != Screen.VIEWFINDER -> screen
        photo != null -> Screen.PHOTO
        else -> Screen.EMPTY
    }

    /** Asks the network again, as hints, vivid or the model changed. */
    private fun again() {
        val photo = current?.photo ?: return
        val wish = Wish(state.hints, state.choice, state.options)
        run(Step.COLORIZING) { mine, _, access -> colorize(mine, access, photo, wish, another = false) }
    }

    private fun colorize(mine: Int, access: Engine.Access, photo: Photo, wish: Wish, another: Boolean) {
        post(mine) { copy(work = Work(Step.COLORIZING, null)) }
        val opened = access.open(wish.choice)
        val card = opened.colorizer.card
        val hints = if (card.hints) wish.hints else emptyList()
        val now = Current(photo, opened.colorizer.chroma(photo.small, hints, wish.options.vivid, wish.options.levels))
        val after = fused(now, wish.options)
        if (generation.get() == mine) current = now
        post(mine) {
            if (another) earlier.clear()
            copy(
                screen = Screen.PHOTO,
                hints = wish.hints,
                canUndo = earlier.isNotEmpty(),
                photo = Shown(photo.file.name, photo.width, photo.height, photo.before, after),
                detail = null,
                card = card,
                work = null,
                notice = if (opened.fellBack) Notice(R.string.fell_back, listOf(wish.choice.accelerator.name)) else notice,
            )
        }
    }

    private fun fused(now: Current, options: Options): Bitmap = now.photo.small.pixels.copy().also {
        fuse(it, now.raw.finished(options), now.photo.small, options.edges, engine.workers)
    }.toBitmap()

    /** Colours what the screen shows of the photo at the photo's own resolution; null where the small copy is enough. */
    fun look(window: Window?) {
        val mine = looks.incrementAndGet()
        if (window == null) return update { copy(detail = null) }
        val kept = current ?: return
        val options = state.options
        engine.submit {
            if (looks.get() != mine) return@submit
            val detail = try {
                detailed(kept, window, options)
            } catch (_: IOException) {
                null
            } catch (_: OutOfMemoryError) { // the small copy stays
                null
            }
            main.execute { if (looks.get() == mine && current === kept && state.options == options) update { copy(detail = detail) } }
        }
    }

    private fun detailed(kept: Current, window: Window, options: Options): Detail {
        val before = photos.decode(kept.photo.file, window)
        val after = BitmapRaster(before.bitmap.copy(Bitmap.Config.ARGB_8888, true))
        fuse(after, kept.raw.finished(options), kept.photo.small, options.edges, engine.workers, window = window)
        return Detail(window, before.bitmap, after.bitmap)
    }

    // --- colour ---

    fun saturation(value: Float) {
        update { copy(options = options.copy(saturation = value)) }
        val kept = current ?: return
        val options = state.options
        run(null) { mine, _, _ ->
            val after = fused(kept, options)
            post(mine) { copy(photo = photo?.copy(after = after), detail = null, work = null) }
        }
    }

    fun vivid(value: Float) {
        update { copy(options = options.copy(vivid = value)) }
        again()
    }

    fun tool(tool: Tool) = update { copy(tool = tool) }

    fun colour(colour: Palette) = update { copy(colour = colour) }

    fun split(share: Float) = update { copy(split = share.coerceIn(0f, 1f)) }

    /** A hint of the chosen colour at [x], [y] of the photo, as bright as the photo is there. */
    fun addHint(x: Float, y: Float) {
        val argb = state.colour.argb(lumaAt(x, y))
        change(state.hints + Hint(x, y, argb ushr 16 and 0xFF, argb ushr 8 and 0xFF, argb and 0xFF))
    }

    fun moveHint(index: Int, x: Float, y: Float) =
        change(state.hints.mapIndexed { i, hint -> if (i == index) hint.copy(x = x, y = y) else hint })

    fun removeHint(index: Int) = change(state.hints.filterIndexed { i, _ -> i != index })

    fun undo() {
        val hints = earlier.removeLastOrNull() ?: return
        update { copy(hints = hints, canUndo = earlier.isNotEmpty()) }
        again()
    }

    private fun change(hints: List<Hint>) {
        earlier.addLast(state.hints)
        update { copy(hints = hints, canUndo = true) }
        again()
    }

    private fun lumaAt(x: Float, y: Float): Float {
        val kept = current ?: return 50f
        val pixels = kept.photo.small.pixels
        val row = (y * pixels.height / kept.photo.height).toInt().coerceIn(0, pixels.height - 1)
        val column = (x * pixels.width / kept.photo.width).toInt().coerceIn(0, pixels.width - 1)
        return Srgb.luma(pixels.argb[row * pixels.width + column])
    }

    // --- results ---

    /** Colours the photo at its full size, strip by strip, and puts it into the gallery. */
    fun save(share: Boolean = false) {
        val kept = current ?: return
        val options = state.options
        val card = state.card ?: return
        run(Step.SAVING) { mine, watch, _ ->
            val uri = photos.decode(kept.photo.file).use { raster ->
                fuse(raster, kept.raw.finished(options), kept.photo.small, options.edges, engine.workers, watch)
                photos.save(kept.photo.file, raster, card)
            }
            post(mine) { copy(work = null, notice = Notice(R.string.saved), toShare = if (share) uri else null) }
        }
    }

    fun shared() = update { copy(toShare = null) }

    fun seen() = update { copy(notice = null) }

    fun problem(text: Int) = update { copy(notice = Notice(text, problem = true)) }

    fun cancel() {
        generation.incrementAndGet()
        update { copy(work = null, notice = Notice(R.string.cancelled)) }
    }

    fun batch(batch: Batch?) = update { copy(batch = batch) }

    // --- models ---

    fun choose(choice: Choice) {
        choices.keep(choice)
        update { copy(choice = choice, card = null) }
        if (current != null) again()
    }

    fun addModel(uri: Uri) = run(Step.READING) { mine, _, _ ->
        val name = models.add(uri)
        post(mine) { copy(work = null) }
        main.execute { choose(state.choice.copy(model = name)) }
    }

    // --- viewfinder ---

    fun viewfinder(on: Boolean) {
        generation.incrementAndGet()
        update {
            copy(screen = if (on) Screen.VIEWFINDER else screenWithoutCamera(), frame = null, work = null, notice = null)
        }
    }

    fun frame(frame: Frame) = update { if (screen == Screen.VIEWFINDER) copy(frame = frame) else this }

    fun failed(failure: Throwable) = update { copy(notice = noticeOf(failure), work = null) }

    // --- work ---

    /** Work off the main thread, of which only the latest counts; [step] null shows no progress. */
    private fun run(step: Step?, job: (Int, Watch, Engine.Access) -> Unit) {
        val mine = generation.incrementAndGet()
        if (step != null) update { copy(work = Work(step, null)) }
        val percent = AtomicInteger()
        val watch = Watch { share ->
            val now = (share * 100).toInt()
            if (step == Step.SAVING && percent.getAndSet(now) < now) post(mine) { copy(work = work?.copy(share = share)) }
            generation.get() == mine
        }
        engine.submit { access ->
            if (generation.get() != mine) return@submit
            try {
                job(mine, watch, access)
            } catch (_: CancellationException) {
                // whoever cancelled has said so
            } catch (failure: Exception) {
                post(mine) { copy(work = null, notice = noticeOf(failure)) }
            } catch (failure: OutOfMemoryError) {
                post(mine) { copy(work = null, notice = noticeOf(failure)) }
            }
        }
    }
}

/** What is left of the work when the process is killed, beside the photo's file. */
data class Saved(val hints: List<Hint>, val options: Options, val split: Float, val tool: Tool, val colour: Palette)

/** The model and how it runs, kept for the next start. */
interface Choices {
    fun last(): Choice

    fun keep(choice: Choice)
}
