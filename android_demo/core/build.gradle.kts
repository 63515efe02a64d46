import org.jetbrains.kotlin.gradle.dsl.JvmTarget

plugins {
    alias(libs.plugins.kotlin.jvm)
}

// What Android reads, whatever Java runs Gradle.
java {
    sourceCompatibility = JavaVersion.VERSION_17
    targetCompatibility = JavaVersion.VERSION_17
}

kotlin {
    compilerOptions { jvmTarget = JvmTarget.JVM_17 }
}

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
