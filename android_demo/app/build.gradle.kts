import org.gradle.process.ExecOperations
import org.jetbrains.kotlin.gradle.dsl.JvmTarget
import javax.inject.Inject

plugins {
    alias(libs.plugins.android.application) // brings Kotlin with it
}

val checkout: Directory = rootProject.layout.projectDirectory.dir("..")

/** The models live in one place, and are copied from there. */
abstract class CopyModels @Inject constructor(private val exec: ExecOperations) : DefaultTask() {
    @get:InputDirectory
    @get:PathSensitive(PathSensitivity.RELATIVE)
    abstract val edge: DirectoryProperty

    @get:InputFile
    @get:PathSensitive(PathSensitivity.NONE)
    abstract val script: RegularFileProperty

    @get:Internal
    abstract val checkout: DirectoryProperty

    @get:OutputDirectory
    abstract val assets: DirectoryProperty

    @TaskAction
    fun copy() {
        val target = assets.get().dir("models").asFile
        exec.exec { commandLine("python3", script.get().asFile.path, checkout.get().asFile.path, target.path) }
    }
}

android {
    namespace = "tf.colorize.app"
    compileSdk = 35
    defaultConfig {
        applicationId = "tf.colorize.app"
        minSdk = 29
        targetSdk = 35
        versionCode = 1
        versionName = "0.1.0"
        testInstrumentationRunner = "androidx.test.runner.AndroidJUnitRunner"
        ndk { abiFilters += listOf("arm64-v8a", "x86_64") } // the second for emulators
    }
    buildTypes {
        release {
            isMinifyEnabled = true
            proguardFiles("proguard-rules.pro")
        }
    }
    compileOptions {
        sourceCompatibility = JavaVersion.VERSION_17
        targetCompatibility = JavaVersion.VERSION_17
    }
    packaging {
        resources.excludes += setOf("META-INF/native-image/**", "META-INF/maven/**", "**/module-info.class")
    }
    sourceSets["androidTest"].resources.directories.add(checkout.dir("tests/golden").asFile.path)
    testOptions.unitTests {
        isIncludeAndroidResources = true
        all {
            it.maxHeapSize = "2g"
            for (name in listOf("lang", "util", "io", "net", "nio", "text")) {
                it.jvmArgs("--add-opens=java.base/java.$name=ALL-UNNAMED")
            }
            it.systemProperty("repository", checkout.asFile.path)
            it.systemProperty("screenshots", layout.buildDirectory.dir("screenshots").get().asFile.path)
            it.systemProperty("accepted", layout.projectDirectory.dir("src/test/screenshots").asFile.path)
        }
    }
}

androidComponents {
    onVariants { variant ->
        val copy = tasks.register<CopyModels>("copy${variant.name.replaceFirstChar(Char::uppercase)}Models") {
            checkout = rootProject.layout.projectDirectory.dir("..")
            edge = checkout.dir("colorize_tf/edge")
            script = rootProject.layout.projectDirectory.file("tools/copy_models.py")
        }
        variant.sources.assets?.addGeneratedSourceDirectory(copy, CopyModels::assets)
    }
}

kotlin {
    compilerOptions { jvmTarget = JvmTarget.JVM_17 }
}

dependencies {
    implementation(project(":core"))
    for (abi in listOf("android-arm64", "android-x86_64")) {
        runtimeOnly("${libs.tflite.get()}:$abi")
        runtimeOnly("${libs.javacpp.get()}:$abi")
    }
    testImplementation(libs.junit)
    testImplementation(libs.robolectric)
    testRuntimeOnly("${libs.tflite.get()}:linux-x86_64")
    testRuntimeOnly("${libs.javacpp.get()}:linux-x86_64")
    androidTestImplementation(libs.androidx.test.runner)
    androidTestImplementation(libs.androidx.test.junit)
}
