plugins {
    alias(libs.plugins.kotlin.jvm)
}

kotlin { jvmToolchain(17) }

dependencies {
    api(libs.tflite)
    testImplementation(libs.junit)
    testRuntimeOnly("${libs.tflite.get()}:linux-x86_64")
    testRuntimeOnly("${libs.javacpp.get()}:linux-x86_64")
}

tasks.test {
    useJUnit()
    systemProperty("repository", rootDir.resolve("..").path)
}
