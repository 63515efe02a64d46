#!/bin/sh
# The app's code after R8, with the rules that the APK is made by, colours a picture in this machine's Java.
# Nothing else here would notice if R8 took away what the native library looks up by name.
set -eu
cd "$(dirname "$0")/.."
target=app/target
cp=$(cat core/target/class-path)
jar() { printf '%s' "$cp" | tr ':' '\n' | grep -E "/$1" | head -1; }
# The check calls our own classes as they were written; what is tested is what becomes of the library's.
echo '-keep class tf.colorize.** { *; }' >$target/check.pro
java -Xmx2g -XX:TieredStopAtLevel=1 -cp $target/tools/r8.jar com.android.tools.r8.R8 --release --classfile --output $target/shrunk.jar \
  --lib "$(cat $target/android-jar)" --lib "$(dirname "$(dirname "$(readlink -f "$(command -v java)")")")" \
  --pg-conf $target/res/aapt.pro --pg-conf app/proguard-rules.pro --pg-conf $target/check.pro \
  --classpath "$(jar 'kotlin-stdlib-[0-9.]*jar')" $target/app.jar core/target/core-*.jar \
  "$(jar 'tensorflow-lite-[0-9.-]*jar')" "$(jar 'javacpp-[0-9.]*jar')" 2>$target/r8.log || { cat $target/r8.log >&2; exit 1; }
natives="$(jar 'tensorflow-lite-.*linux-x86_64.jar'):$(jar 'javacpp-.*linux-x86_64.jar')"
java -cp "$target/shrunk.jar:core/target/test-classes:$natives:$(jar 'kotlin-stdlib-[0-9.]*jar'):$(jar 'junit-4')" \
  -Drepository=.. tf.colorize.core.ShrunkKt 2>$target/shrunk.log || { cat $target/shrunk.log >&2; exit 1; }
