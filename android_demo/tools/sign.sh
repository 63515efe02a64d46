#!/bin/sh
# sign.sh UNSIGNED SIGNED: signs with this user's debug key, which is made at the first call and then stays, as an
# update has to be signed by the key of what it replaces. It lies where Android Studio keeps it too.
set -eu
key="${HOME:?}/.android/debug.keystore"
if [ ! -f "$key" ]; then
  mkdir -p "$(dirname "$key")"
  keytool -genkeypair -keystore "$key" -storepass android -keypass android -alias androiddebugkey \
    -dname 'CN=Android Debug,O=Android,C=US' -keyalg RSA -keysize 2048 -validity 10950
fi
apksigner sign --v2-signing-enabled true --v3-signing-enabled true --ks "$key" --ks-pass pass:android \
  --ks-key-alias androiddebugkey --out "$2" "$1"
