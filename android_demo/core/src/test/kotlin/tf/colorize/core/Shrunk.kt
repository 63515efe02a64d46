package tf.colorize.core

import kotlin.system.exitProcess

/** Colours a golden by whatever code is first on the class path; tools/check_shrunk.sh puts there what R8 left. */
fun main() {
    val photo = Goldens.pixels("gray.png")
    Goldens.colorizer(Goldens.model("tiny")).use { it.colorize(photo) }
    val distance = Distance.between(photo.argb, Goldens.pixels("whole-dynamic.png").argb)
    val where = Colorizer::class.java.protectionDomain.codeSource.location.path.substringAfterLast('/')
    println("after R8 ($where): most ${distance.most} of 255")
    if (distance.most > 1 || where != "shrunk.jar") exitProcess(1)
}
