#!/bin/sh
# Proves that no include leaves its folder by "../", the one way around the include views that the
# compiler would accept.
set -eu
cd "$1"
if grep -rnE '^[[:space:]]*#[[:space:]]*include[[:space:]]*["<](.*/)?\.\./' \
    --include='*.[ch]' .; then
    echo 'an include must name its folder: "base/buf.h", not "../base/buf.h"' >&2
    exit 1
fi
