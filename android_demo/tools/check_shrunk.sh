#!/bin/sh
# The app's code after R8, with the rules that the APK is made by, colours a picture in this machine's Java.
# Nothing else here would notice if R8 took away what the native library looks up by name.
set -eu
cd "$(dirname "$0")/.."
target=app/target
cp=$(cat core/target/class-path)
jar() { printf '%s' "$cp" | tr ':' '\n' | grep -E "/$1" | head -1; }
android=$(find "${HOME}/.m2/repository/org/robolectric/android-all" -name 'android-all-*.jar' 2>/dev/null | head -1)
java -Xmx1g -cp $target/tools/r8.jar com.android.tools.r8.R8 --release --classfile --output $target/shrunk.jar \
  --lib "${ANDROID_ALL:-$android}" --lib "$(dirname "$(dirname "$(readlink -f "$(command -v java)")")")" \
  --pg-conf $target/res/aapt.pro --pg-conf app/proguard-rules.pro \
  $target/app.jar core/target/core-*.jar "$(jar 'kotlin-stdlib-[0-9.]*jar')" \
  "$(jar 'tensorflow-lite-[0-9.-]*jar')" "$(jar 'javacpp-[0-9.]*jar')" 2>$target/r8.log || { cat $target/r8.log >&2; exit 1; }
natives="$(jar 'tensorflow-lite-.*linux-x86_64.jar'):$(jar 'javacpp-.*linux-x86_64.jar')"
# First what was shrunk; from the rest only what the check itself needs.
java -cp "$target/shrunk.jar:core/target/test-classes:$natives:$(jar 'kotlin-stdlib-[0-9.]*jar'):$(jar 'junit-4')" \
  -Drepository=.. tf.colorize.core.ShrunkKt 2>/dev/null
