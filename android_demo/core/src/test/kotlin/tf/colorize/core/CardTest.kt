package tf.colorize.core

import org.junit.Assert.assertEquals
import org.junit.Assert.assertThrows
import org.junit.Test
import tf.colorize.core.ModelException.Reason

/** The cards that tests/test_edge_card.py refuses are refused here, and those it takes are taken. */
class CardTest {
    private val good = mapOf(
        "name" to "\"test\"", "recipe" to "\"float32\"", "height" to "null", "width" to "null", "ab_scale" to "2",
        "fit" to "\"pad\"", "multiple" to "32", "short_side" to "256", "hints" to "false", "twin" to "null",
        "metrics" to "{}", "runtimes" to "[]", "contract" to "1", "sha256" to "\"${"0".repeat(64)}\"",
    )

    @Test fun aCardIsRead() {
        assertEquals(Card("test", "float32", null, 2, sha256 = "0".repeat(64)), card())
        assertEquals(Size(64, 96), card("height" to "64", "width" to "96", "fit" to "\"squash\"").size)
    }

    @Test fun keysOfTheFutureAreIgnored() = assertEquals(card(), card("colour_of_the_cat" to "\"red\""))

    @Test fun cardsThatMakeNoSenseAreRefused() {
        for (changes in listOf(
            listOf("height" to "\"256\""),
            listOf("height" to "256"),
            listOf("height" to "256", "width" to "256", "fit" to "\"pad\""),
            listOf("height" to "0", "width" to "0", "fit" to "\"squash\""),
            listOf("height" to "1000000000", "width" to "256", "fit" to "\"squash\""),
            listOf("height" to "4294967552", "width" to "256", "fit" to "\"squash\""), // 256 more than an Int counts
            listOf("height" to "255", "width" to "256", "fit" to "\"squash\""),
            listOf("kind" to "\"sing\""),
            listOf("fit" to "\"crop\""),
            listOf("hints" to "1"),
            listOf("ab_scale" to "true"),
            listOf("ab_scale" to "0"),
            listOf("ab_scale" to "3"),
            listOf("multiple" to "-32"),
            listOf("name" to "null"),
            listOf("metrics" to "[]"),
            listOf("verification" to "null"),
            listOf("runtimes" to "{}"),
            listOf("twin" to "7"),
            listOf("training_data" to "null"),
        )) assertEquals("$changes", Reason.BAD_CARD, reason(*changes.toTypedArray()))
    }

    @Test fun aNumberWithAFractionIsNotWhole() {
        for (number in listOf("256.0", "2.56e2", "256.5", "1e999")) {
            assertEquals(number, Reason.BAD_CARD, reason("height" to number, "width" to "256", "fit" to "\"squash\""))
            assertEquals(number, Reason.BAD_CARD, reason("short_side" to number))
        }
        assertEquals(Reason.BAD_CARD, reason("ab_scale" to "2.0"))
        assertEquals(Reason.BAD_CARD, reason("contract" to "1.0"))
        assertEquals(256, card("short_side" to "256").shortSide)
    }

    @Test fun aFileForAnySizeIsMadeForSmallOnes() {
        assertEquals(1024, card("short_side" to "1024").shortSide)
        assertEquals(Reason.BAD_CARD, reason("short_side" to "1025"))
        assertEquals(Reason.BAD_CARD, reason("multiple" to "2048"))
    }

    @Test fun aNewerContractIsNamedHoweverFarItIs() {
        for (contract in listOf("2", "4294967297")) assertEquals(Reason.NEWER_CONTRACT, reason("contract" to contract))
        for (contract in listOf("0", "-1", "true", "\"1\"", "null")) assertEquals(contract, Reason.BAD_CARD, reason("contract" to contract))
    }

    @Test fun aCardThatLostAKeyIsRefused() {
        for (key in listOf("name", "recipe", "height", "width", "ab_scale", "sha256", "contract")) {
            assertEquals(key, Reason.BAD_CARD, refused(text(good - key)))
        }
    }

    @Test fun textThatIsNoCardIsRefused() {
        for (text in listOf("", "{", "[]", "null", "{\"contract\": \"1\"}", "{\"contract\": true}", "[".repeat(100_000))) {
            assertEquals(text.take(20), Reason.BAD_CARD, refused(text))
        }
    }

    private fun card(vararg changes: Pair<String, String>) = Card.parse(text(good + changes))

    private fun reason(vararg changes: Pair<String, String>): Reason = refused(text(good + changes))

    private fun refused(text: String): Reason = assertThrows(text.take(400), ModelException::class.java) { Card.parse(text) }.reason

    private fun text(values: Map<String, String>) = values.entries.joinToString(",\n", "{", "}") { (key, value) -> "\"$key\": $value" }
}
