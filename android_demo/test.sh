#!/bin/sh
# Builds the app with open tools and tests everything that needs no phone: `make test-android` calls it.
#
# A machine without the tools is told what is missing, and passes; with CI=true it fails.
set -eu
cd "$(dirname "$0")"

missing=""
for tool in java mvn keytool aapt2 zipalign apksigner unzip python3 qemu-aarch64-static aarch64-linux-gnu-gcc; do
  command -v "$tool" >/dev/null || missing="$missing $tool"
done
java -version 2>&1 | grep -qE 'version "(1[7-9]|[2-9][0-9])' || missing="$missing java-17"
[ -f /usr/aarch64-linux-gnu/lib/libc.so.6 ] || missing="$missing libc6-arm64-cross"
if [ -n "$missing" ]; then
  remedy="Missing:$missing. Install them by: make system-deps (Debian, Ubuntu)"
  if [ "${CI:-}" = true ]; then
    echo "error: the tests of the Android app cannot be skipped with CI=true. $remedy" >&2
    exit 1
  fi
  echo "skipped: the tests of the Android app. $remedy" >&2
  exit 0
fi

mkdir -p target
if ! mvn --batch-mode --no-transfer-progress "$@" package >target/build.log 2>&1; then
  if grep -qE 'Could not (transfer|find) artifact|Could not resolve dependencies|could not be resolved' target/build.log; then
    grep -m 3 -E 'Could not|could not be resolved' target/build.log | cut -c 1-300 >&2
    echo "error: a download failed; the app's libraries come from Maven Central. Try again, or see android_demo/README.md" >&2
  else
    grep -E '^\[ERROR\]|^\[WARNING\] file:|AssertionError|differs from|never accepted' target/build.log | cut -c 1-400 | head -60 >&2
    echo "error: the build of the Android app failed; see android_demo/target/build.log" >&2
  fi
  exit 1
fi
grep -hE '^\[(INFO|WARNING)\] Tests run:.*[0-9]$|of 255$|kB$' target/build.log | sed 's/^\[INFO\] //' | sort -u
if [ "${CI:-}" = true ] && grep -qE 'Tests run:.*Skipped: [1-9]' target/build.log; then
  echo "error: a test was skipped" >&2
  exit 1
fi
tools/check_shrunk.sh
python3 tools/check_apk.py app/target/app-debug.apk
echo "screenshots: android_demo/app/target/screenshots; the app: android_demo/app/target/app-debug.apk"
