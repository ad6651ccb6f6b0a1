#!/bin/sh
# Makes the secrets of compose.yaml, each once. The directory keeps other users of this machine
# out; the files are readable because containers read them under another user id.
set -eu

directory=$(dirname "$0")/secrets
mkdir -p -m 700 "$directory"
for name in postgres_password jwt_secret_key data_encryption_key turn_secret; do
    if [ ! -s "$directory/$name" ]; then
        head -c 32 /dev/urandom | base64 -w 0 >"$directory/$name"
        chmod 444 "$directory/$name"
    fi
done
