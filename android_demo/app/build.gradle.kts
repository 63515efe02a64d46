plugins {
    alias(libs.plugins.android.application)
    alias(libs.plugins.kotlin.android)
}

val repository: Directory = rootProject.layout.projectDirectory.dir("..")

// The models and the tests' pictures live in one place, and are copied from there.
val copyModels by tasks.registering(Exec::class) {
    val target = layout.buildDirectory.dir("models/models")
    inputs.dir(repository.dir("colorize_tf/edge"))
    outputs.dir(target)
    commandLine("python3", "../tools/copy_models.py", repository.asFile.path, target.get().asFile.path)
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
    kotlinOptions { jvmTarget = "17" }
    packaging {
        resources.excludes += setOf("META-INF/native-image/**", "META-INF/maven/**", "**/module-info.class")
    }
    sourceSets["main"].assets.srcDir(layout.buildDirectory.dir("models"))
    sourceSets["androidTest"].assets.srcDir(repository.dir("tests/golden"))
    testOptions.unitTests {
        isIncludeAndroidResources = true
        all {
            it.systemProperty("repository", repository.asFile.path)
            it.systemProperty("screenshots", layout.buildDirectory.dir("screenshots").get().asFile.path)
            it.systemProperty("accepted", layout.projectDirectory.dir("src/test/screenshots").asFile.path)
        }
    }
}

tasks.named("preBuild") { dependsOn(copyModels) }

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
