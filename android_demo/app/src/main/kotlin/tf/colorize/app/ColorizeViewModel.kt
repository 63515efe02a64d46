package tf.colorize.app

import android.graphics.Bitmap
import android.net.Uri
import tf.colorize.core.Card
import tf.colorize.core.Hint
import tf.colorize.core.Options
import tf.colorize.core.Palette
import tf.colorize.core.Small
import tf.colorize.core.Watch
import tf.colorize.core.Window
import tf.colorize.core.finished
import tf.colorize.core.fuse
import java.io.IOException
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
    @Volatile var state = UiState(choice = choices.last()) // the viewfinder reads it on threads of its own
        private set
    private var observer: ((UiState) -> Unit)? = null
    private val earlier = ArrayDeque<List<Hint>>()

    /** Rises with everything that makes running work on the picture pointless. */
    private val generation = AtomicInteger()

    /** Rises when what is being saved is no longer wanted. */
    private val saves = AtomicInteger()

    /** The generation of work that brings something new, which a change of the old picture must not end. */
    private var arriving: Int? = null

    /** Rises with every other part of the photo that is looked at. */
    private val looks = AtomicInteger()

    /** What is on the screen. */
    private var current: Current? = null

    /** What the network failed at, or was not let finish: only another wish is worth a try. */
    private var givenUp: Wish? = null

    /** Why the network last failed at a wish. */
    private var complaint: Notice? = null

    private fun wish() = Wish(state.hints, state.choice, state.options.vivid)

    init {
        engine.fellBack = { asked ->
            main.execute { update { copy(notice = Notice(R.string.fell_back, listOf(asked.accelerator.name))) } }
        }
    }

    /** [observer] gets the state now and whenever it changes, until another one does or it is let go. */
    fun observe(observer: (UiState) -> Unit) {
        this.observer = observer
        observer(state)
    }

    /** False if another one observes by now. */
    fun letGo(observer: (UiState) -> Unit): Boolean {
        if (this.observer !== observer) return false
        this.observer = null
        return true
    }

    private fun update(change: UiState.() -> UiState) {
        state = state.change()
        observer?.invoke(state)
    }

    private fun post(mine: Int, change: UiState.() -> UiState) = main.execute {
        if (generation.get() == mine) update(change)
    }

    // --- photos ---

    fun open(uri: Uri) = load(Opening(uri = uri)) { photos.take(uri, slot) }

    fun open(jpeg: ByteArray) = load(Opening()) { photos.take(jpeg, slot) }

    /** What another app shares: a photo or a model file. */
    fun take(uri: Uri) = take(Opening(uri = uri))

    /** Where the process was killed, the photo's file, the hints and the options are what is left. */
    fun restore(saved: Saved) {
        val photo = saved.opening ?: saved.shown // the one that was asked for last
        if (photo == null || state.screen != Screen.EMPTY || state.work != null) return // it was not killed
        update { copy(options = saved.options, split = saved.split, tool = saved.tool, colour = saved.colour, before = saved.shown) }
        again(photo)
    }

    /** A photo of which the process dies again and again would otherwise come back for ever. */
    private fun again(photo: Opening) {
        if (photos.mayBringBack(photo.slot)) return take(photo)
        update { copy(notice = Notice(R.string.not_again, problem = true), before = before.takeUnless { it?.slot == photo.slot }) }
        bringBack()
    }

    /** The photo that the process had on the screen when it died, where one that was to follow it does not come. */
    private fun bringBack() {
        val before = state.before.takeIf { arriving == null && state.screen == Screen.EMPTY } ?: return
        val said = state.notice
        update { copy(before = null) }
        again(before)
        update { copy(notice = said ?: notice) }
    }

    private fun take(photo: Opening) = load(photo) { mine ->
        val kept = photos.find(slot)
        when {
            kept != null -> kept
            uri == null -> photos.last() ?: throw IOException("nothing in $slot")
            models.isOne(uri) -> null.also { addModel(mine, uri) }
            else -> photos.take(uri, slot)
        }
    }

    /** [take] gives nothing where it was no photo. */
    private fun load(photo: Opening, take: Opening.(Int) -> PhotoFile?) {
        update { copy(notice = null, frame = null, screen = screenWithoutCamera()) }
        val choice = state.choice
        val options = state.options
        run(Step.READING, arrives = true, opening = photo) { mine, access ->
            val taken = photo.take(mine) ?: return@run
            val wish = Wish(if (taken.slot == photo.slot) photo.hints else emptyList(), choice, options.vivid)
            val read = photos.decode(taken).use { raster ->
                val small = Small.of(raster, engine.workers) { generation.get() == mine }
                Photo(taken, raster.width, raster.height, small, small.pixels.toBitmap())
            }
            colorize(mine, access, read, wish, options, another = true)
        }
    }

    private fun UiState.screenWithoutCamera() = when {
        screen != Screen.VIEWFINDER -> screen
        photo != null -> Screen.PHOTO
        else -> Screen.EMPTY
    }

    /** Or given up. What the engine was asked to do with other photos' files it does before these are freed. */
    private fun arrived() {
        arriving = null
        update { copy(opening = null) }
        val kept = setOfNotNull(current?.photo?.file?.slot, state.before?.slot)
        engine.submit { photos.forgetOthers(kept) }
    }

    /** Makes the picture what the user wishes by now, unless another is on its way or the camera's is shown. */
    private fun settle() {
        val kept = current ?: return
        if (arriving == generation.get() || state.screen == Screen.VIEWFINDER) return
        val wish = wish()
        val options = state.options
        if (wish != kept.wish && wish != givenUp) {
            run(Step.COLORIZING) { mine, access -> colorize(mine, access, kept.photo, wish, options, another = false) }
        } else if (options != kept.finish || state.work != null) {
            run(null) { mine, _ -> show(mine, Current(kept.photo, kept.card, kept.raw, kept.wish, options), another = false) }
        }
    }

    private fun colorize(mine: Int, access: Engine.Access, photo: Photo, wish: Wish, options: Options, another: Boolean) {
        post(mine) { copy(work = Work(Step.COLORIZING, null)) }
        val colorizer = access.open(wish.choice).colorizer
        val card = colorizer.card
        val hints = if (card.hints) wish.hints else emptyList()
        show(mine, Current(photo, card, colorizer.chroma(photo.small, hints, wish.vivid, options.levels), wish, options), another)
    }

    private fun show(mine: Int, now: Current, another: Boolean) {
        val photo = now.photo
        val pixels = photo.small.pixels.copy()
        fuse(pixels, now.raw.finished(now.finish), photo.small, now.finish.edges, engine.workers)
        val shown = Shown(photo.file.name, photo.file.slot, photo.width, photo.height, photo.before, pixels.toBitmap())
        main.execute {
            if (generation.get() != mine) return@execute
            current = now
            if (another) {
                earlier.clear()
                update { copy(before = null) }
                arrived()
            }
            update {
                copy(
                    screen = Screen.PHOTO,
                    hints = if (another) now.wish.hints else hints,
                    canUndo = earlier.isNotEmpty(),
                    photo = shown,
                    detail = null,
                    card = now.card.takeIf { now.wish.choice == choice }, // else it is that of a model that failed
                    tool = if (now.card.hints) tool else Tool.COMPARE,
                    work = null,
                    notice = notice.takeUnless { it === complaint && now.wish == wish() }, // as wished after all
                )
            }
            settle() // the user did not wait
        }
    }

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
        settle()
    }

    /** Of no effect where the model in use has no such input. */
    fun vivid(value: Float) {
        if (state.card?.vivid == false) return
        update { copy(options = options.copy(vivid = value)) }
        settle()
    }

    fun tool(tool: Tool) = update { copy(tool = tool) }

    fun colour(colour: Palette) = update { copy(colour = colour) }

    fun split(share: Float) = update { copy(split = share.coerceIn(0f, 1f)) }

    /** A hint of the chosen colour at [x], [y] of the photo, as bright as the photo is there. */
    fun addHint(x: Float, y: Float) {
        val photo = current?.photo ?: return
        val argb = state.colour.argb(photo.lumaAt(x, y))
        change(state.hints + Hint(x, y, argb ushr 16 and 0xFF, argb ushr 8 and 0xFF, argb and 0xFF))
    }

    fun moveHint(index: Int, x: Float, y: Float) =
        change(state.hints.mapIndexed { i, hint -> if (i == index) hint.copy(x = x, y = y) else hint })

    fun removeHint(index: Int) = change(state.hints.filterIndexed { i, _ -> i != index })

    fun undo() {
        val hints = earlier.removeLastOrNull() ?: return
        update { copy(hints = hints, canUndo = earlier.isNotEmpty()) }
        settle()
    }

    private fun change(hints: List<Hint>) {
        earlier.addLast(state.hints)
        update { copy(hints = hints, canUndo = true) }
        settle()
    }

    // --- results ---

    /** Colours the photo at its full size, strip by strip, and puts it into the gallery: as it is now, whatever is done meanwhile. */
    fun save(share: Boolean = false) {
        val kept = current ?: return
        val options = state.options
        val mine = saves.incrementAndGet()
        update { copy(saving = Work(Step.SAVING, null)) }
        val percent = AtomicInteger()
        val watch = Watch { part ->
            val now = (part * 100).toInt()
            if (percent.getAndSet(now) < now) main.execute { if (saves.get() == mine) update { copy(saving = saving?.copy(share = part)) } }
            saves.get() == mine
        }
        submit({ saves.get() == mine }, { update { copy(saving = null, notice = noticeOf(it, photo = false)) } }) {
            val written = photos.decode(kept.photo.file).use { raster ->
                fuse(raster, kept.raw.finished(options), kept.photo.small, options.edges, engine.workers, watch)
                photos.save(kept.photo.file, raster, kept.card)
            }
            main.execute {
                if (saves.get() == mine) update { copy(saving = null, notice = saved(written), toShare = written.uri.takeIf { share }) }
                else submit({ true }, ::failed) { photos.discard(written) } // it was called cancelled
            }
        }
    }

    private fun saved(written: Written) =
        if (written.leftOut.isEmpty()) Notice(R.string.saved) else Notice(R.string.saved_without, listOf(written.leftOut.joinToString()))

    fun shared() = update { copy(toShare = null) }

    fun seen() = update { copy(notice = null) }

    fun problem(text: Int) = update { copy(notice = Notice(text, problem = true)) }

    /** Ends what the screen says is being done. */
    fun cancel() {
        update { copy(notice = Notice(R.string.cancelled)) }
        if (state.saving != null) {
            saves.incrementAndGet()
            update { copy(saving = null) }
        } else {
            end()
        }
    }

    /** Of the work on the picture; what it was to bring is not asked for again. */
    private fun end() {
        if (arriving != generation.getAndIncrement()) givenUp = wish()
        update { copy(before = before.takeUnless { it?.slot == opening?.slot }) } // once is enough
        arrived()
        update { copy(work = null) }
        settle()
        bringBack()
    }

    fun batch(batch: Batch?) = update { copy(batch = batch) }

    // --- models ---

    fun choose(choice: Choice) {
        choices.keep(choice)
        givenUp = null
        val card = current?.takeIf { it.wish.choice == choice }?.card
        update { copy(choice = choice, card = card, notice = notice?.takeUnless(Notice::problem)) }
        settle()
    }

    fun addModel(uri: Uri) = run(Step.READING, arrives = true, photo = false) { mine, _ -> addModel(mine, uri) }

    private fun addModel(mine: Int, uri: Uri) {
        val name = models.add(uri)
        main.execute {
            if (generation.get() != mine) return@execute
            arrived()
            update { copy(work = null) }
            choose(state.choice.copy(model = name))
            bringBack()
        }
    }

    // --- viewfinder ---

    fun viewfinder(on: Boolean) {
        val lost = arriving == generation.getAndIncrement()
        arrived()
        update {
            val notice = if (lost) Notice(R.string.cancelled) else null
            copy(screen = if (on) Screen.VIEWFINDER else screenWithoutCamera(), frame = null, work = null, notice = notice)
        }
        settle()
        bringBack()
    }

    /** One more, coloured by the network of [card]. */
    fun frame(frame: Frame, card: Card) = update { if (screen == Screen.VIEWFINDER) copy(frame = frame, card = card) else this }

    fun failed(failure: Throwable) = update { copy(notice = noticeOf(failure, photo = false)) }

    // --- work ---

    /** Work on the picture, of which only the latest counts; [step] null shows no progress. */
    private fun run(
        step: Step?, arrives: Boolean = false, opening: Opening? = null, photo: Boolean = true, job: (Int, Engine.Access) -> Unit,
    ) {
        val mine = generation.incrementAndGet()
        if (arrives) arriving = mine
        update { copy(work = step?.let { Work(it, null) } ?: work, opening = opening) }
        val failed = { failure: Throwable ->
            val why = noticeOf(failure, photo)
            if (arriving != mine) complaint = why
            update { copy(notice = why) }
            end()
        }
        submit({ generation.get() == mine }, failed) { access -> job(mine, access) }
    }

    /** Work off the main thread, as long as it is [wanted]. */
    private fun submit(wanted: () -> Boolean, failed: (Throwable) -> Unit, job: (Engine.Access) -> Unit) = engine.submit { access ->
        if (wanted()) guarded({ main.execute { if (wanted()) failed(it) } }) { job(access) }
    }
}
