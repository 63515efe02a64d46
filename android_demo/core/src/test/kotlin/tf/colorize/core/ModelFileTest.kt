package tf.colorize.core

import org.junit.Assert.assertEquals
import org.junit.Assert.assertThrows
import org.junit.Test
import tf.colorize.core.ModelException.Reason
import tf.colorize.tflite.TfliteNetwork
import java.io.File
import java.nio.ByteBuffer
import kotlin.random.Random

/** A file that is of no use is named as what it is, and never a crash. */
class ModelFileTest {
    private val file = File(Goldens.repository, "tests/golden/models/tiny-fixed.tflite")
    private val content = file.readBytes()

    @Test fun theCardInTheFileIsTheOneBesideIt() {
        for (name in listOf("tiny", "tiny-fixed", "tiny-fixed-int8")) {
            val beside = File(file.parentFile, "$name.json").readText()
            assertEquals(Card.parse(beside), Goldens.model(name).card)
        }
    }

    @Test fun anotherFileIsNoModel() {
        assertEquals(Reason.NOT_A_MODEL, reason(ByteArray(0)))
        assertEquals(Reason.NOT_A_MODEL, reason("not a model at all".encodeToByteArray()))
        assertEquals(Reason.NOT_A_MODEL, reason(content.copyOf(60)))
    }

    @Test fun aChangedFileIsDamaged() {
        for (place in listOf(content.size / 2, content.size - 20)) {
            assertEquals(Reason.DAMAGED, reason(content.copyOf().also { it[place] = (it[place] + 1).toByte() }))
        }
    }

    @Test fun aNewerContractIsNamed() {
        assertEquals(Reason.NEWER_CONTRACT, reason(replaced("\"contract\": 1", "\"contract\": 9")))
        assertEquals(Reason.BAD_CARD, reason(replaced("\"contract\": 1", "\"contract\": 0")))
    }

    @Test fun aCardThatMakesNoSenseIsRefused() {
        assertEquals(Reason.BAD_CARD, reason(replaced("\"fit\": \"squash\"", "\"fit\": \"stitch\"")))
        assertEquals(Reason.BAD_CARD, reason(replaced("\"ab_scale\": 2", "\"ab_scale\": 0")))
        assertEquals(Reason.BAD_CARD, reason(replaced("\"hints\": true", "\"hints\": 1234")))
        assertEquals(Reason.BAD_CARD, reason(replaced("\"height\": 64", "\"height\": -4")))
        assertEquals(Reason.NO_CARD, reason(replaced("colorize_tf.card", "another_tf.card_", Charsets.ISO_8859_1)))
    }

    @Test fun whatIsNoColorizerIsRefused() {
        val network = object : Network {
            override val card = Goldens.model("tiny").card.copy(kind = "translate")
            override fun run(height: Int, width: Int, luma: FloatArray, hints: FloatArray?, vivid: Float) = error("unused")
            override fun close() = Unit
        }
        assertEquals(Reason.NOT_A_COLORIZER, assertThrows(ModelException::class.java) { NetworkColorizer(network) }.reason)
    }

    @Test fun answersThatMakeNoSenseAreRefused() {
        for (answer in listOf(Network.Answer(1, 1, FloatArray(2)), Network.Answer(32, 32, FloatArray(2048) { Float.NaN }))) {
            val network = object : Network {
                override val card = Goldens.model("tiny-fixed").card
                override fun run(height: Int, width: Int, luma: FloatArray, hints: FloatArray?, vivid: Float) = answer
                override fun close() = Unit
            }
            val failure = assertThrows(ModelException::class.java) { NetworkColorizer(network).colorize(Pixels(9, 9)) }
            assertEquals(Reason.NONSENSE, failure.reason)
        }
    }

    @Test fun aCardThatDescribesAnotherNetworkIsNoticed() {
        val model = Goldens.model("tiny-fixed")
        assertEquals(Size(64, 64), model.card.size)
        val lying = replaced("\"vivid\": true", "\"vivid\":false")
        // The checksum would notice first; so it is made to fit.
        val signed = signed(lying)
        val failure = assertThrows(ModelException::class.java) { TfliteNetwork(ModelFile.read(ByteBuffer.wrap(signed)), 1, true) }
        assertEquals(Reason.CANNOT_RUN, failure.reason)
    }

    @Test fun noDamageCrashesTheReader() {
        val random = Random(5)
        repeat(3000) {
            val damaged = content.copyOf(if (it % 3 == 0) random.nextInt(content.size) else content.size)
            repeat(1 + it % 4) { if (damaged.isNotEmpty()) damaged[random.nextInt(minOf(damaged.size, 2000))] = random.nextInt().toByte() }
            try {
                ModelFile.read(ByteBuffer.wrap(damaged))
            } catch (_: ModelException) {
                // named, as it should be
            }
        }
    }

    private fun reason(bytes: ByteArray): Reason =
        assertThrows(ModelException::class.java) { ModelFile.read(ByteBuffer.wrap(bytes)) }.reason

    private fun replaced(old: String, new: String, charset: java.nio.charset.Charset = Charsets.ISO_8859_1): ByteArray {
        val text = content.toString(charset)
        require(old in text) { old }
        val padded = new.padEnd(old.length)
        require(padded.length == old.length) { "offsets would move" }
        return text.replace(old, padded).toByteArray(charset)
    }

    private fun signed(bytes: ByteArray): ByteArray {
        val text = bytes.toString(Charsets.ISO_8859_1)
        val unsigned = text.replace(Regex("\"sha256\": \"[0-9a-f]{64}\""), "\"sha256\": \"${"0".repeat(64)}\"")
        val digest = java.security.MessageDigest.getInstance("SHA-256").digest(unsigned.toByteArray(Charsets.ISO_8859_1))
        val sum = digest.joinToString("") { "%02x".format(it) }
        return unsigned.replace("0".repeat(64), sum).toByteArray(Charsets.ISO_8859_1)
    }
}
