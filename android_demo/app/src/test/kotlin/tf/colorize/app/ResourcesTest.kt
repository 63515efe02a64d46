package tf.colorize.app

import org.junit.Assert.assertEquals
import org.junit.Assert.assertTrue
import org.junit.Test
import org.w3c.dom.Element
import tf.colorize.core.Palette
import java.io.File
import javax.xml.parsers.DocumentBuilderFactory

/** Every language says everything. */
class ResourcesTest {
    private val folder = File(System.getProperty("repository") ?: "../..", "android_demo/app/src/main/res")
    private val english = strings("values")

    @Test fun languagesAreWhole() {
        for (language in listOf("de", "ar")) {
            val other = strings("values-$language")
            assertEquals(english.keys, other.keys)
            for ((name, text) in english) {
                assertEquals("$language: $name", placeholders(text), placeholders(other.getValue(name)))
                assertTrue("$language: $name is empty", other.getValue(name).isNotBlank())
            }
            val same = english.count { (name, text) -> other[name] == text }
            assertTrue("$language: $same of ${english.size} were not translated", same < english.size / 8)
        }
    }

    @Test fun everyColourHasAName() {
        for (language in listOf("values", "values-de", "values-ar")) {
            assertEquals(Palette.entries.size, strings(language).keys.count { it.startsWith("colours/") })
        }
    }

    private fun placeholders(text: String) = Regex("%\\d\\$(?:\\.\\d+)?[dfs]").findAll(text).map { it.value }.toSortedSet()

    private fun strings(values: String): Map<String, String> {
        val root = DocumentBuilderFactory.newInstance().newDocumentBuilder().parse(File(folder, "$values/strings.xml")).documentElement
        val out = LinkedHashMap<String, String>()
        for (node in root.children()) {
            val name = node.getAttribute("name")
            if (node.tagName == "string") out[name] = node.textContent
            if (node.tagName == "string-array") node.children().forEachIndexed { index, item -> out["$name/$index"] = item.textContent }
        }
        return out
    }

    private fun Element.children() = (0 until childNodes.length).mapNotNull { childNodes.item(it) as? Element }
}
