#!/bin/sh
# build.sh JAR FOLDER: makes what runs the arm64 library of TensorFlow Lite in JAR under qemu-aarch64-static.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$2"
unzip -q -o -j "$1" lib/arm64-v8a/libjnitensorflowlite.so -d "$2/android"
python3 "$here/unversion.py" "$2/android/libjnitensorflowlite.so" "$2/libjnitensorflowlite.so"
aarch64-linux-gnu-gcc -O1 -w -shared -fPIC -Wl,-soname,liblog.so -o "$2/liblog.so" "$here/shim.c" -ldl
aarch64-linux-gnu-gcc -O1 -Wall -o "$2/run" "$here/run.c" -Wl,--no-as-needed "$2/liblog.so" -lm -ldl
